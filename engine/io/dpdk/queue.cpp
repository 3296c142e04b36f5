#include "engine/io/dpdk/queue.h"

#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include <algorithm>

#include "engine/base/check.h"
#include "engine/io/dpdk/eal.h"

namespace carillon::io::dpdk {
namespace {

constexpr std::uint64_t kBadIn = RTE_MBUF_F_RX_IP_CKSUM_BAD;
constexpr std::uint64_t kGoodIn = RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD;

rte_mbuf* buffer_of(const Frame& frame) { return static_cast<rte_mbuf*>(frame.buffer); }

std::uint8_t verdict(std::uint64_t flags) {
  const std::uint64_t ip = flags & RTE_MBUF_F_RX_IP_CKSUM_MASK, udp = flags & RTE_MBUF_F_RX_L4_CKSUM_MASK;
  if (ip == kBadIn || udp == RTE_MBUF_F_RX_L4_CKSUM_BAD) return Frame::kChecksumBad;
  return (flags & kGoodIn) == kGoodIn && ip == RTE_MBUF_F_RX_IP_CKSUM_GOOD && udp == RTE_MBUF_F_RX_L4_CKSUM_GOOD
             ? Frame::kChecksumGood
             : 0;
}

/// What the owner wrote, as the driver wants it.
void dress(const Frame& frame, rte_mbuf* buffer) {
  buffer->data_off = static_cast<std::uint16_t>(frame.data - static_cast<std::byte*>(buffer->buf_addr));
  buffer->data_len = frame.size;
  buffer->pkt_len = frame.size;
  buffer->ol_flags = 0;
  if ((frame.flags & Frame::kWantsChecksums) == 0) return;
  const bool is_v6 = (frame.flags & Frame::kIsV6) != 0;
  buffer->l2_len = frame.network_offset;
  buffer->l3_len = is_v6 ? 40 : 20;
  buffer->ol_flags =
      RTE_MBUF_F_TX_UDP_CKSUM | (is_v6 ? RTE_MBUF_F_TX_IPV6 : RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM);
}

}  // namespace

Queue::Queue(std::uint16_t port, std::uint16_t queue, rte_mempool* pool, const DeviceInfo& info)
    : port_(port),
      queue_(queue),
      pool_(pool),
      mac_(info.mac),
      mtu_(info.mtu),
      has_checksums_(info.has_checksums),
      name_("dpdk " + info.driver) {}

Queue::~Queue() = default;

bool Queue::take(rte_mbuf* buffer, Frame& frame) {
  if (buffer->nb_segs != 1 || buffer->data_len < RTE_ETHER_HDR_LEN) {
    ++counters_.broken;
    rte_pktmbuf_free(buffer);
    return false;
  }
  frame.data = rte_pktmbuf_mtod(buffer, std::byte*);
  frame.size = buffer->data_len;
  frame.room = static_cast<std::uint16_t>(buffer->buf_len - buffer->data_off);
  frame.flags = verdict(buffer->ol_flags);
  frame.network_offset = RTE_ETHER_HDR_LEN;
  frame.buffer = buffer;
  counters_.bytes_in += frame.size;
  return true;
}

std::size_t Queue::receive(std::span<Frame> out) {
  if (!is_joined_) {
    join_eal();
    is_joined_ = true;
  }
  rte_mbuf* buffers[kBurst];
  std::size_t filled = 0;
  while (filled < out.size()) {
    const auto wanted = static_cast<std::uint16_t>(std::min(kBurst, out.size() - filled));
    burst_.enter();
    const std::uint16_t count = rte_eth_rx_burst(port_, queue_, buffers, wanted);
    burst_.leave();
    for (std::uint16_t i = 0; i < count; ++i) rte_prefetch0(rte_pktmbuf_mtod(buffers[i], void*));
    for (std::uint16_t i = 0; i < count; ++i) filled += take(buffers[i], out[filled]) ? 1 : 0;
    if (count < wanted) break;
  }
  counters_.frames_in += filled;
  return filled;
}

bool Queue::allocate(std::span<Frame> out) {
  for (std::size_t done = 0; done < out.size();) {
    rte_mbuf* buffers[kBurst];
    const std::size_t count = std::min(kBurst, out.size() - done);
    if (rte_pktmbuf_alloc_bulk(pool_, buffers, static_cast<unsigned>(count)) != 0) {
      counters_.no_buffer += out.size();
      release(out.first(done));
      return false;
    }
    for (std::size_t i = 0; i < count; ++i)
      out[done + i] = {.data = rte_pktmbuf_mtod(buffers[i], std::byte*),
                       .size = 0,
                       .room = static_cast<std::uint16_t>(buffers[i]->buf_len - buffers[i]->data_off),
                       .flags = 0,
                       .network_offset = RTE_ETHER_HDR_LEN,
                       .buffer = buffers[i]};
    done += count;
  }
  return true;
}

void Queue::transmit(std::span<const Frame> frames) {
  while (!frames.empty()) {
    rte_mbuf* buffers[kBurst];
    const std::size_t count = std::min(kBurst, frames.size());
    for (std::size_t i = 0; i < count; ++i) {
      buffers[i] = buffer_of(frames[i]);
      dress(frames[i], buffers[i]);
      counters_.bytes_out += frames[i].size;
    }
    counters_.frames_out += count;
    send({buffers, count});
    frames = frames.subspan(count);
  }
}

/// A full ring is asked twice; what is left then is dropped (UDP) and counted.
void Queue::send(std::span<rte_mbuf*> buffers) {
  for (int tries = 0; tries < 2 && !buffers.empty(); ++tries) {
    burst_.enter();
    auto count = static_cast<std::uint16_t>(buffers.size());
    if (has_checksums_) count = rte_eth_tx_prepare(port_, queue_, buffers.data(), count);
    const std::uint16_t sent = rte_eth_tx_burst(port_, queue_, buffers.data(), count);
    burst_.leave();
    buffers = buffers.subspan(sent);
  }
  if (buffers.empty()) return;
  for (const rte_mbuf* buffer : buffers) counters_.bytes_out -= buffer->pkt_len;
  counters_.frames_out -= buffers.size();
  counters_.send_refused += buffers.size();
  rte_pktmbuf_free_bulk(buffers.data(), static_cast<unsigned>(buffers.size()));
}

void Queue::release(std::span<const Frame> frames) {
  while (!frames.empty()) {
    rte_mbuf* buffers[kBurst];
    const std::size_t count = std::min(kBurst, frames.size());
    for (std::size_t i = 0; i < count; ++i) buffers[i] = buffer_of(frames[i]);
    rte_pktmbuf_free_bulk(buffers, static_cast<unsigned>(count));
    frames = frames.subspan(count);
  }
}

bool Queue::has_link() const {
  rte_eth_link link{};
  return rte_eth_link_get_nowait(port_, &link) == 0 && link.link_status == RTE_ETH_LINK_UP;
}

BufferLevel Queue::buffers() const { return {rte_mempool_in_use_count(pool_), pool_->size}; }

/// About once a second: the device's own books beside ours. They are the whole device's, so queue 0 tells them.
const FrameCounters& Queue::counters() const {
  if (queue_ != 0) return counters_;
  rte_eth_stats stats{};
  if (rte_eth_stats_get(port_, &stats) == 0) counters_.missed = stats.imissed + stats.rx_nombuf;
  if (const bool is_up = has_link(); is_up != had_link_) {
    had_link_ = is_up;
    ++counters_.link_changes;
  }
  return counters_;
}

}  // namespace carillon::io::dpdk
