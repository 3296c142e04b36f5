// The kernel bypass wired together: device, a queue and a stack for each shard, rings between the stacks, the tap.

#include <fmt/format.h>

#include <bit>
#include <random>
#include <vector>

#include "engine/base/prefixed.h"
#include "engine/io/dpdk/device.h"
#include "engine/io/tap.h"
#include "engine/net/stack.h"
#include "engine/network.h"

namespace carillon {
namespace {

TimePoint read_clock(void*) { return MonoClock::now(); }

/// A stack's way to the tap.
class TapPath final : public net::KernelPath {
 public:
  TapPath(io::Tap& tap, io::FramePort& frames, std::uint32_t shard) : tap_(tap), frames_(frames), shard_(shard) {}

  void to_kernel(const io::Frame& frame) override { tap_.push(shard_, frame.view()); }
  std::uint64_t dropped() const override { return tap_.counters(shard_).full + tap_.counters(shard_).refused; }
  std::size_t from_kernel(std::span<io::Frame> out) override {
    if (shard_ != 0) return 0;
    std::size_t count = 0;
    while (count < out.size() && tap_.has_frames() && frames_.allocate(out.subspan(count, 1))) {
      io::Frame& frame = out[count];
      frame.size = static_cast<std::uint16_t>(tap_.pop({frame.data, io::Tap::kFrameMax}));
      if (frame.size == 0) {
        frames_.release(out.subspan(count, 1));
        break;
      }
      ++count;
    }
    return count;
  }

 private:
  io::Tap& tap_;
  io::FramePort& frames_;
  const std::uint32_t shard_;
};

class DpdkNetwork final : public Network {
 public:
  explicit DpdkNetwork(const EngineConfig& config) : config_(config), exchange_(config.engine.shards) {}

  std::string start() {
    io::dpdk::DeviceConfig device;
    device.eal = config_.dpdk.eal;
    device.port = config_.dpdk.port;
    device.queues = static_cast<std::uint16_t>(config_.engine.shards);
    device.mbufs = config_.dpdk.mbufs;
    auto opened = io::dpdk::Device::open(device);
    if (!opened) return opened.error();
    device_ = std::move(*opened);
    if (std::string fault = stack_config(0).fault(); !fault.empty()) return "dpdk." + fault;
    return config_.dpdk.tap.empty() ? "" : open_tap();
  }

  Result<std::unique_ptr<io::Port>, std::string> port(std::uint32_t index) override {
    queues_.push_back(device_->queue(static_cast<std::uint16_t>(index)));
    io::FramePort& frames = *queues_.back();
    exchange_.set_port(index, &frames);
    net::StackParts parts{.frames = frames, .clock = {read_clock, nullptr}};
    if (config_.engine.shards > 1) parts.exchange = &exchange_.end(index);
    if (tap_) {
      paths_.push_back(std::make_unique<TapPath>(*tap_, frames, index));
      parts.kernel = paths_.back().get();
    }
    return std::unique_ptr<io::Port>(std::make_unique<net::Stack>(stack_config(index), parts));
  }
  /// A power of two of ports, so that a packet's shard is a shift away; one shard has them all.
  PortBlock block(std::uint32_t index) const override {
    const std::uint32_t first = (config_.rtp.port_min + 1u) & ~1u;
    const std::uint32_t ports = (config_.rtp.port_max + 1u - first) & ~1u;
    if (config_.engine.shards == 1) return {static_cast<std::uint16_t>(first), ports / 2};
    const std::uint32_t size = std::bit_floor(ports / config_.engine.shards);
    return {static_cast<std::uint16_t>(first + index * size), size / 2};
  }
  bool polls() const override { return true; }
  std::string name() const override { return "dpdk " + device_->info().driver; }

 private:
  net::StackConfig stack_config(std::uint32_t index) const {
    net::StackConfig stack;
    for (const std::string& text : config_.dpdk.addresses)
      if (const auto ours = Prefixed::parse(text)) stack.addresses.push_back({ours->address, ours->bits});
    if (!config_.dpdk.gateway.empty()) stack.gateway_v4 = *Endpoint::parse(config_.dpdk.gateway, 0);
    if (!config_.dpdk.gateway_v6.empty()) stack.gateway_v6 = *Endpoint::parse(config_.dpdk.gateway_v6, 0);
    if (config_.dpdk.vlan != 0) stack.vlan = config_.dpdk.vlan;
    const auto addresses = static_cast<std::uint32_t>(2 + config_.rtp.addresses.size());
    stack.sockets_max = 2 * block(index).pairs * addresses + 32;
    stack.shard = index;
    stack.shards = config_.engine.shards;
    if (config_.engine.shards > 1) {
      stack.port_block_first = block(0).first;
      stack.port_block_bits = static_cast<std::uint8_t>(std::bit_width(2 * block(0).pairs) - 1);
    }
    std::random_device device;
    stack.hash_seed = std::uint64_t{device()} << 32 | device();
    return stack;
  }

  std::string open_tap() {
    io::TapConfig tap;
    tap.name = config_.dpdk.tap;
    tap.mac = device_->info().mac;
    tap.mtu = device_->info().mtu;
    tap.addresses = config_.dpdk.addresses;
    auto opened = io::Tap::open(tap, config_.engine.shards);
    if (!opened) return opened.error();
    tap_ = std::move(*opened);
    return {};
  }

  const EngineConfig config_;
  std::unique_ptr<io::dpdk::Device> device_;
  net::ExchangeRings exchange_;
  std::unique_ptr<io::Tap> tap_;
  std::vector<std::unique_ptr<io::FramePort>> queues_;
  std::vector<std::unique_ptr<TapPath>> paths_;
};

}  // namespace

Result<std::unique_ptr<Network>, std::string> make_dpdk_network(const EngineConfig& config) {
  auto network = std::make_unique<DpdkNetwork>(config);
  if (std::string fault = network->start(); !fault.empty()) return fault;
  return Result<std::unique_ptr<Network>, std::string>(std::move(network));
}

}  // namespace carillon
