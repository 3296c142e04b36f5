#include "engine/self_test/wire.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "engine/io/dpdk/device.h"
#include "engine/io/make_port.h"
#include "engine/self_test/box.h"
#include "engine/self_test/mirror.h"

namespace carillon::self_test {
namespace {

constexpr std::size_t kHead = 12, kBody = 160, kBurst = 64, kSocketsMax = 1000;
constexpr int kRuns = 5;
constexpr std::uint16_t kPortFirst = 21'000, kPortLast = 60'000;

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

/// Sockets and what they send, over and over.
struct Traffic {
  explicit Traffic(std::size_t count) : heads(count) { batch.reserve(count); }
  void add(io::SocketId socket, const Endpoint& peer) {
    batch.push_back({.socket = socket, .peer = peer, .head = heads[batch.size()], .body = body});
  }
  std::array<std::byte, kBody> body{};
  std::vector<std::array<std::byte, kHead>> heads;
  std::vector<io::Outgoing> batch;
};

struct Round {
  std::uint64_t sent = 0, got = 0;
};

Round burst(io::Port& port, std::span<const io::Outgoing> batch) {
  Round round;
  round.sent = batch.size();
  port.transmit(batch);
  for (std::size_t in = 1; in != 0; round.got += in) in = port.receive(256).size();
  return round;
}

PacketCost measure(io::Port& port, const Traffic& traffic, Duration time) {
  PacketCost cost;
  std::vector<double> runs;
  const std::span<const io::Outgoing> all(traffic.batch);
  for (int run = 0; run <= kRuns; ++run) {
    Round sum;
    const Duration before = thread_time();
    const TimePoint end = MonoClock::now() + time / (kRuns + 1);
    for (std::size_t at = 0; MonoClock::now() < end; at = at + kBurst < all.size() ? at + kBurst : 0) {
      const Round round = burst(port, all.subspan(at, std::min(kBurst, all.size() - at)));
      sum.sent += round.sent;
      sum.got += round.got;
    }
    const Duration took = thread_time() - before;
    if (run == 0) continue;  // caches and connections are cold
    runs.push_back(static_cast<double>(took.count()) / static_cast<double>(std::max<std::uint64_t>(1, sum.got)));
    cost.packets += sum.got;
    cost.lost += sum.sent - std::min(sum.sent, sum.got);
  }
  cost.ns = median(runs);
  cost.sockets = static_cast<std::uint32_t>(all.size());
  return cost;
}

/// An even number of sockets that the limit of open files lets us have.
std::size_t sockets_wanted() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  const std::size_t room = limit.rlim_cur > 128 ? limit.rlim_cur - 128 : 0;
  return std::min(kSocketsMax, room / 2) & ~std::size_t{1};
}

/// The next free port: only sockets opened on a port of their own may be told whom to expect.
Result<io::SocketId, std::string> open_next(io::Port& port, std::uint16_t& number) {
  while (number < kPortLast) {
    const auto socket = port.open(Endpoint::v4(127, 0, 0, 1, number++), false);
    if (socket) return *socket;
    if (socket.error() != io::IoError::kAddressInUse) return std::string(io::text(socket.error()));
  }
  return std::string("no free ports on loopback");
}

/// Bursts of frames to the device's own address, a quarter of a millisecond apart.
Result<DeviceCost, std::string> time_device(io::FramePort& queue, const std::string& driver) {
  constexpr std::size_t kBursts = 2000, kFrames = 16, kSize = 214;  // as an RTP packet of 20 ms
  std::array<std::byte, kSize> packet{};
  const io::MacAddress mac = queue.mac();
  std::memcpy(packet.data(), mac.data(), mac.size());
  std::memcpy(packet.data() + 6, mac.data(), mac.size());
  packet[12] = std::byte{0x88};  // IEEE 802 local experimental EtherType 1
  packet[13] = std::byte{0xB5};
  std::array<io::Frame, kFrames> frames, heard;
  std::vector<double> runs;
  const std::uint64_t refused = queue.counters().send_refused;
  for (std::size_t i = 0; i < kBursts; ++i) {
    const TimePoint begin = MonoClock::now();
    if (!queue.allocate(frames)) return std::string("no frames are free: dpdk.mbufs");
    for (io::Frame& frame : frames) {
      std::memcpy(frame.data, packet.data(), kSize);
      frame.size = kSize;
    }
    queue.transmit(frames);
    runs.push_back(static_cast<double>((MonoClock::now() - begin).count()) / kFrames);
    while (MonoClock::now() < begin + 250us) {
    }
    queue.release(std::span(heard).first(queue.receive(heard)));  // what the world sent meanwhile
  }
  return DeviceCost{median(runs), kBursts * kFrames, queue.counters().send_refused - refused, driver};
}

}  // namespace

Result<PacketCost, std::string> kernel_cost(const EngineConfig& config, Duration time) {
  const std::size_t count = sockets_wanted();
  if (count < 2) return std::string("too few open files allowed (ulimit -n)");
  const auto back_end = config.io.back_end == "uring"  ? io::BackEnd::kUring
                        : config.io.back_end == "mmsg" ? io::BackEnd::kMmsg
                                                       : io::BackEnd::kAutomatic;
  io::PortConfig wanted;
  wanted.back_end = back_end;
  wanted.sockets_max = static_cast<std::uint32_t>(count) + 8;
  auto made = io::make_port(wanted);
  if (!made) return fmt::format("io.back_end {}: {}", config.io.back_end, io::text(made.error()));
  io::Port& port = *made->port;
  std::vector<io::SocketId> sockets;
  for (std::uint16_t number = kPortFirst; sockets.size() < count;) {
    const auto socket = open_next(port, number);
    if (!socket) return socket.error();
    sockets.push_back(*socket);
  }
  Traffic traffic(count);
  for (std::size_t i = 0; i < count; ++i) {
    const Endpoint peer = port.local(sockets[i ^ 1]);
    port.expect(sockets[i], peer);  // as a leg does once it knows its peer
    traffic.add(sockets[i], peer);
  }
  PacketCost cost = measure(port, traffic, time);
  cost.back_end = port.name();
  return cost;
}

PacketCost stack_cost(Duration time) {
  Mirror mirror;
  net::StackConfig config;
  config.addresses = {{Mirror::us(), 16}};
  config.gateway_v4 = Mirror::gateway();
  config.sockets_max = kSocketsMax;
  net::StackParts parts{mirror, {[](void*) { return MonoClock::now(); }, nullptr}};
  net::Stack stack(config, parts);
  Traffic traffic(kSocketsMax);
  for (std::size_t i = 0; i < kSocketsMax; ++i) {
    Endpoint local = Mirror::us(),
             peer = Endpoint::v4(10, 1, static_cast<std::uint8_t>(i >> 8), static_cast<std::uint8_t>(i), 4000);
    local.port = static_cast<std::uint16_t>(kPortFirst + 2 * i);
    traffic.add(*stack.open(local, false), peer);
  }
  PacketCost cost = measure(stack, traffic, time);
  cost.back_end = stack.name();
  return cost;
}

Result<DeviceCost, std::string> device_cost(const EngineConfig& config) {
  io::dpdk::DeviceConfig wanted;
  wanted.eal = config.dpdk.eal;
  wanted.port = config.dpdk.port;
  wanted.queues = static_cast<std::uint16_t>(config.engine.shards);
  wanted.mbufs = config.dpdk.mbufs;
  auto opened = io::dpdk::Device::open(wanted);
  if (!opened) return opened.error();
  const auto queue = (*opened)->queue(0);
  const TimePoint give_up = MonoClock::now() + 2s;
  while (!queue->has_link())
    if (MonoClock::now() > give_up) return std::string("the device has no link (or no peer)");
  return time_device(*queue, (*opened)->info().driver);
}

}  // namespace carillon::self_test
