#pragma once
// One shard over a DPDK queue on memif, as the engine wires it: device, stack, shard, rings, recorder.

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "engine/io/dpdk/device.h"
#include "engine/net/stack.h"
#include "engine/shard/shard.h"

namespace carillon::steps {

inline io::dpdk::DeviceConfig device_config(const std::string& socket, const std::string& role) {
  io::dpdk::DeviceConfig config;
  const std::string words = fmt::format(
      "--no-huge -m 128 --no-shconf --no-pci --log-level=error -l 0 --file-prefix=carillon-steps-{} "
      "--vdev=net_memif0,role={},id=0,socket={},socket-abstract=no,bsize=2048,rsize=9",
      ::getpid(), role, socket);
  std::istringstream in(words);
  for (std::string word; in >> word;) config.eal.push_back(word);
  config.port = "net_memif0";
  config.mbufs = 16'384;
  config.receive_ring = config.transmit_ring = 512;
  return config;
}

inline Endpoint address(std::uint8_t host, std::uint16_t port = 5060) { return Endpoint::v4(10, 99, 0, host, port); }

/// The shard of engine 10.99.0.`host`. One per process: there is one EAL.
class Node {
 public:
  static constexpr std::uint32_t kLegs = 100;

  Node(const std::string& socket, const std::string& role, std::uint8_t host, call::RecordSink& recordings) {
    auto opened = io::dpdk::Device::open(device_config(socket, role));
    if (!opened) {
      fault = opened.error();
      return;
    }
    device_ = std::move(*opened);
    queue_ = device_->queue(0);
    net::StackConfig stack;
    stack.addresses = {{address(host, 0), 24}};
    stack.hash_seed = host;
    const net::StackParts parts{*queue_, {[](void*) { return MonoClock::now(); }, nullptr}};
    port = std::make_unique<net::Stack>(stack, parts);
    mesh_.set_port(0, port.get());
    shard::ShardConfig config;
    config.sip = address(host);
    config.rtp = address(host, 0);
    config.rtp_pairs = 2 * kLegs;
    config.legs_max = kLegs;
    config.admission.beat_late_max = 1h;  // other programs take this core from us: that is no load of ours
    config.admission.stall = 2h;
    core = std::make_unique<shard::Shard>(config, shard::ShardParts{*port, rings, recordings, trunks_, mesh_}, host,
                                          MonoClock::now(), wall_now());
    fault = core->open();
  }

  ~Node() {  // from the top down
    core.reset();
    port.reset();
    queue_.reset();
  }
  Node(const Node&) = delete;

  /// The loop of Engine::run, without its end: a step and the clock. `wall_at` is when the wall clock is due.
  void turn(TimePoint& now, TimePoint& wall_at, WallTime& wall) {
    if (now >= wall_at) {
      wall = wall_now();
      wall_at = now + 100ms;
    }
    const bool has_worked = core->step(now, wall);
    const TimePoint after = MonoClock::now();
    core->note_step(Duration{0}, has_worked, after);  // nor is this
    now = after;
  }

  /// Takes every packet buffer away, from the thread that turns; and gives them back.
  void drain() {
    std::array<io::Frame, 64> some;
    while (queue_->allocate(some)) held_.insert(held_.end(), some.begin(), some.end());
  }
  void refill() {
    queue_->release(held_);
    held_.clear();
  }
  std::uint64_t without_buffer() const { return queue_->counters().no_buffer; }

  /// From the thread that stands for the link.
  void tell(call::CommandBody body) {
    commands_.push_back(std::make_unique<call::Command>());
    commands_.back()->id = commands_.size();
    commands_.back()->body = std::move(body);
    rings.commands.push(commands_.back().get());
  }
  void trunk(const char* id, const Endpoint& gateway) {
    call::Trunk trunk;
    trunk.id = id;
    trunk.gateways = {gateway};
    tell(call::PutTrunk{trunk});
  }

  std::string fault;  ///< why there is no shard
  call::ShardRings rings;
  std::unique_ptr<net::Stack> port;
  std::unique_ptr<shard::Shard> core;

 private:
  std::unique_ptr<io::dpdk::Device> device_;
  std::unique_ptr<io::FramePort> queue_;
  std::vector<io::Frame> held_;
  call::TrunkBoard trunks_;
  shard::Mesh mesh_{1};
  std::vector<std::unique_ptr<call::Command>> commands_;
};

}  // namespace carillon::steps
