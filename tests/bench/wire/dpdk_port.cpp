#include "tests/bench/wire/dpdk_port.h"

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_pause.h>

#include <cstdio>
#include <cstdlib>

#include <fmt/format.h>

namespace carillon::bench {
namespace {

constexpr std::uint16_t kDescriptors = 1024;
constexpr int kTriesMax = 200;  // of a burst that a full ring holds up, some 100 µs in all

[[noreturn]] void give_up(const char* what, int error) {
  fmt::print(stderr, "{}: {}\n", what, rte_strerror(error < 0 ? -error : error));
  std::exit(1);
}

}  // namespace

void start_eal(int& argc, char**& argv) {
  const int used = rte_eal_init(argc, argv);
  if (used < 0) give_up("EAL", rte_errno);
  io::dpdk::guard_interrupt_thread();
  argc -= used;
  argv += used;
}

void end_eal(int status) {
  std::fflush(stdout);
  std::_Exit(status);
}

DpdkPort::DpdkPort(unsigned mbufs) {
  if (rte_eth_dev_count_avail() == 0) give_up("no port: give one with --vdev", ENODEV);
  id_ = static_cast<std::uint16_t>(rte_eth_find_next(0));
  pool_ = rte_pktmbuf_pool_create("frames", mbufs, 256, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
  if (!pool_) give_up("mbufs", rte_errno);
  rte_eth_conf conf{};
  std::uint16_t rx = kDescriptors, tx = kDescriptors;
  int error = rte_eth_dev_configure(id_, 1, 1, &conf);
  if (error == 0) error = rte_eth_dev_adjust_nb_rx_tx_desc(id_, &rx, &tx);
  if (error == 0) error = rte_eth_rx_queue_setup(id_, 0, rx, SOCKET_ID_ANY, nullptr, pool_);
  if (error == 0) error = rte_eth_tx_queue_setup(id_, 0, tx, SOCKET_ID_ANY, nullptr);
  if (error == 0) error = rte_eth_dev_start(id_);
  if (error == 0) error = rte_eth_macaddr_get(id_, &mac_);
  if (error != 0) give_up("port", error);
  rte_eth_promiscuous_enable(id_);  // a driver without it has no filter either
}

bool DpdkPort::is_up() const {
  rte_eth_link link{};
  return rte_eth_link_get_nowait(id_, &link) == 0 && link.link_status == RTE_ETH_LINK_UP;
}

std::uint64_t DpdkPort::rx_missed() const {
  rte_eth_stats stats{};
  return rte_eth_stats_get(id_, &stats) == 0 ? stats.imissed + stats.ierrors + stats.rx_nombuf : 0;
}

std::span<rte_mbuf*> DpdkPort::receive() {
  burst_.enter();
  const std::uint16_t count = rte_eth_rx_burst(id_, 0, inbox_.data(), kBurst);
  burst_.leave();
  counts_.received += count;
  return {inbox_.data(), count};
}

rte_mbuf* DpdkPort::make(std::size_t size) {
  rte_mbuf* frame = rte_pktmbuf_alloc(pool_);
  if (!frame) {
    ++counts_.no_mbuf;
    return nullptr;
  }
  frame->data_len = static_cast<std::uint16_t>(size);
  frame->pkt_len = static_cast<std::uint32_t>(size);
  return frame;
}

void DpdkPort::flush() {
  std::uint16_t done = 0;
  for (int tries = 0; done < waiting_; ++tries) {
    burst_.enter();
    done = static_cast<std::uint16_t>(
        done + rte_eth_tx_burst(id_, 0, outbox_.data() + done, static_cast<std::uint16_t>(waiting_ - done)));
    burst_.leave();
    if (done == waiting_) break;
    if (tries == kTriesMax || !is_up()) {
      counts_.tx_refused += static_cast<std::uint64_t>(waiting_ - done);
      rte_pktmbuf_free_bulk(outbox_.data() + done, static_cast<unsigned>(waiting_ - done));
      break;
    }
    ++counts_.tx_waits;
    rte_pause();
  }
  counts_.sent += done;
  waiting_ = 0;
}

}  // namespace carillon::bench
