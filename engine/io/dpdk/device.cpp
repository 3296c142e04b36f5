#include "engine/io/dpdk/device.h"

#include <fmt/format.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include <algorithm>
#include <cstring>

#include "engine/base/check.h"
#include "engine/io/dpdk/eal.h"
#include "engine/io/dpdk/queue.h"

namespace carillon::io::dpdk {
namespace {

constexpr std::uint64_t kChecksumsIn = RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_UDP_CKSUM;
constexpr std::uint64_t kChecksumsOut = RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_UDP_CKSUM;
constexpr std::uint32_t kCache = 512;  // mbufs that a core keeps for itself: two bursts each way

class StartedDevice final : public Device {
 public:
  ~StartedDevice() override;
  std::string start(const DeviceConfig& config);

  std::unique_ptr<FramePort> queue(std::uint16_t index) override {
    CHECK(index < info_.queues);
    return std::make_unique<Queue>(port_, index, pool_, info_);
  }
  const DeviceInfo& info() const override { return info_; }
  PoolLevel pool() const override { return {rte_mempool_in_use_count(pool_), pool_->size}; }

 private:
  std::string find(const DeviceConfig& config);
  std::string configure(const DeviceConfig& config);
  std::string set_up_queues(const DeviceConfig& config);

  std::uint16_t port_ = 0;
  bool is_configured_ = false;
  rte_mempool* pool_ = nullptr;
  rte_eth_dev_info facts_{};
  DeviceInfo info_;
};

StartedDevice::~StartedDevice() {
  // memif closes its connection in this thread while the EAL's interrupt thread may be doing the same for a peer that
  // left: seen to crash one time in two. It goes with the process, and its buffers with it.
  if (info_.driver == "net_memif") return;
  if (is_configured_) {
    rte_eth_dev_stop(port_);
    rte_eth_dev_close(port_);
  }
  rte_mempool_free(pool_);
}

std::string StartedDevice::find(const DeviceConfig& config) {
  if (config.port.empty()) {
    const std::uint16_t count = rte_eth_dev_count_avail();
    if (count != 1) return fmt::format("dpdk.port: must be given: the EAL has {} devices", count);
    port_ = static_cast<std::uint16_t>(rte_eth_find_next(0));
  } else if (rte_eth_dev_get_port_by_name(config.port.c_str(), &port_) != 0) {
    return fmt::format("dpdk.port: no device {}: bind it to vfio-pci, or add its --vdev to dpdk.eal", config.port);
  }
  if (const int error = rte_eth_dev_info_get(port_, &facts_); error != 0)
    return fmt::format("dpdk.port: {}", rte_strerror(-error));
  char name[RTE_ETH_NAME_MAX_LEN] = {};
  rte_eth_dev_get_name_by_port(port_, name);
  info_.name = name;
  info_.driver = facts_.driver_name;
  return {};
}

/// Off-loads and RSS as far as the device has them.
std::string StartedDevice::configure(const DeviceConfig& config) {
  if (config.queues > facts_.max_rx_queues || config.queues > facts_.max_tx_queues)
    return fmt::format("engine.shards: {} has {} queues, a shard needs one of its own", info_.name,
                       std::min(facts_.max_rx_queues, facts_.max_tx_queues));
  info_.queues = config.queues;
  rte_eth_conf conf{};
  conf.rxmode.offloads = facts_.rx_offload_capa & kChecksumsIn;
  info_.has_checksums = (facts_.tx_offload_capa & kChecksumsOut) == kChecksumsOut;
  if (info_.has_checksums) conf.txmode.offloads = kChecksumsOut;
  const std::uint64_t spread = facts_.flow_type_rss_offloads & (RTE_ETH_RSS_IP | RTE_ETH_RSS_UDP);
  if (config.queues > 1 && spread != 0) {
    conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
    conf.rx_adv_conf.rss_conf.rss_hf = spread;
    info_.has_rss = true;
  }
  if (const int error = rte_eth_dev_configure(port_, config.queues, config.queues, &conf); error != 0)
    return fmt::format("dpdk.port: {} cannot be configured: {}", info_.name, rte_strerror(-error));
  is_configured_ = true;
  return {};
}

std::string StartedDevice::set_up_queues(const DeviceConfig& config) {
  const int socket = rte_eth_dev_socket_id(port_);
  pool_ = rte_pktmbuf_pool_create("carillon", config.mbufs, kCache, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
                                  socket < 0 ? SOCKET_ID_ANY : socket);
  if (!pool_) return fmt::format("dpdk.mbufs: no memory for {}: {}", config.mbufs, rte_strerror(rte_errno));
  std::uint16_t receive = config.receive_ring, transmit = config.transmit_ring;
  rte_eth_dev_adjust_nb_rx_tx_desc(port_, &receive, &transmit);
  for (std::uint16_t queue = 0; queue < config.queues; ++queue) {
    rte_eth_rxconf rx = facts_.default_rxconf;
    rx.offloads = facts_.rx_offload_capa & kChecksumsIn;
    rte_eth_txconf tx = facts_.default_txconf;
    tx.offloads = info_.has_checksums ? kChecksumsOut : 0;
    int error = rte_eth_rx_queue_setup(port_, queue, receive, static_cast<unsigned>(socket), &rx, pool_);
    if (error == 0) error = rte_eth_tx_queue_setup(port_, queue, transmit, static_cast<unsigned>(socket), &tx);
    if (error != 0) return fmt::format("dpdk.port: queue {} of {}: {}", queue, info_.name, rte_strerror(-error));
  }
  return {};
}

std::string StartedDevice::start(const DeviceConfig& config) {
  if (std::string fault = find(config); !fault.empty()) return fault;
  if (std::string fault = configure(config); !fault.empty()) return fault;
  if (std::string fault = set_up_queues(config); !fault.empty()) return fault;
  if (const int error = rte_eth_dev_start(port_); error != 0)
    return fmt::format("dpdk.port: {} does not start: {}", info_.name, rte_strerror(-error));
  // Neighbour solicitations come by multicast. A device that has no filter hears all anyway.
  if (rte_eth_allmulticast_enable(port_) != 0) (void)rte_eth_promiscuous_enable(port_);
  rte_ether_addr mac{};
  if (const int error = rte_eth_macaddr_get(port_, &mac); error != 0)
    return fmt::format("dpdk.port: {} tells no MAC address: {}", info_.name, rte_strerror(-error));
  std::memcpy(info_.mac.data(), mac.addr_bytes, info_.mac.size());
  std::uint16_t mtu = 0;
  info_.mtu = rte_eth_dev_get_mtu(port_, &mtu) == 0 && mtu >= 1280 ? std::min<std::uint16_t>(mtu, 1500) : 1500;
  return {};
}

}  // namespace

std::string DeviceConfig::fault() const {
  if (eal.empty()) return "eal: empty: at least a device (-a PCI address, or --vdev)";
  if (queues < 1 || queues > 64) return "queues: must be 1 to 64";
  const std::uint32_t least = queues * (receive_ring + transmit_ring + 2 * kCache);
  if (mbufs < least) return fmt::format("mbufs: must be at least {}: rings and caches of all queues", least);
  if (mbufs > 4'194'304) return "mbufs: must be at most 4194304";
  return {};
}

Result<std::unique_ptr<Device>, std::string> Device::open(const DeviceConfig& config) {
  if (std::string fault = config.fault(); !fault.empty()) return "dpdk." + fault;
  if (std::string fault = start_eal(config.eal); !fault.empty()) return fault;
  auto device = std::make_unique<StartedDevice>();
  if (std::string fault = device->start(config); !fault.empty()) return fault;
  return Result<std::unique_ptr<Device>, std::string>(std::move(device));
}

}  // namespace carillon::io::dpdk
