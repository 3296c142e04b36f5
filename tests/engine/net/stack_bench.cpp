// What one 172-byte RTP packet (20 ms of G.711) costs in a Stack with many open sockets, beside two floors in the same
// run: the FramePort alone (buffers asked for and given back, nothing written), and the same with a bare copy of the
// same bytes into or out of the same frames. CPU time; the port is memory, so what is measured is the stack's own.
//
// Each socket has a peer of its own behind one gateway; sockets take turns in a shuffled order, as beats do, so that
// nothing of them stays in the cache from one packet to the next. Medians: --benchmark_repetitions=5
// --benchmark_report_aggregates_only=true.

#include <benchmark/benchmark.h>

#include <algorithm>
#include <numeric>

#include "engine/base/random.h"
#include "engine/net/stack.h"
#include "tests/engine/net/frames.h"

namespace carillon::net {
namespace {

constexpr std::size_t kHead = 12, kBody = 160, kBatch = 256, kFrames = 8192, kRoom = 2048;

/// A device whose buffers are a ring of kFrames × 2 KiB, used in turn: more than the second-level cache holds.
class BarePort final : public io::FramePort {
 public:
  BarePort() : memory_(kFrames * kRoom) {}
  std::byte* at(std::size_t index) { return memory_.data() + index % kFrames * kRoom; }

  std::size_t receive(std::span<io::Frame> out) override {
    const std::size_t count = std::min(out.size(), waiting);
    waiting -= count;
    for (std::size_t i = 0; i < count; ++i) {
      out[i] = {};
      out[i].data = at(next_);
      out[i].size = sizes[next_ % kFrames];
      out[i].room = kRoom;
      out[i].flags = flags;
      ++next_;
    }
    return count;
  }
  bool allocate(std::span<io::Frame> out) override {
    for (io::Frame& frame : out) {
      frame = {};
      frame.data = at(next_++);
      frame.room = kRoom;
    }
    return true;
  }
  void transmit(std::span<const io::Frame> frames) override {
    counters_.frames_out += frames.size();
    if (last.empty() && !frames.empty()) last.assign(frames.back().data, frames.back().data + frames.back().size);
  }
  void release(std::span<const io::Frame> frames) override { benchmark::DoNotOptimize(frames.data()); }
  void wait(TimePoint) override {}
  void wake() override {}
  io::MacAddress mac() const override { return mac_address(1); }
  std::uint16_t mtu() const override { return 1500; }
  bool offers_checksums() const override { return sums; }
  bool has_link() const override { return true; }
  const io::FrameCounters& counters() const override { return counters_; }
  const char* name() const override { return "bare frames"; }
  void rewind() { next_ = 0; }

  std::vector<std::uint16_t> sizes = std::vector<std::uint16_t>(kFrames);
  std::vector<std::byte> last;
  std::size_t waiting = 0;
  std::uint8_t flags = 0;
  bool sums = false;

 private:
  std::vector<std::byte> memory_;
  std::size_t next_ = 0;
  io::FrameCounters counters_;
};

Bytes ip_of(bool is_v6, int net, std::size_t host) {
  if (is_v6) return Bytes{0x20, 1, 0xD, 0xB8, 0, static_cast<std::uint8_t>(net)} + repeat(6) + be32(host + 1);
  return ip4(10, net, static_cast<int>((host + 1) >> 8), static_cast<int>((host + 1) & 0xFF));
}
Endpoint endpoint_of(const Bytes& bytes, std::size_t port) {
  Endpoint endpoint;
  std::ranges::copy(bytes, endpoint.address.begin());
  endpoint.port = static_cast<std::uint16_t>(port);
  endpoint.is_v6 = bytes.size() == 16;
  return endpoint;
}

/// `sockets` media sockets on 10.0.0.1 (or IPv6's), twice as many open (RTCP), all behind a gateway that is known.
struct Bed {
  Bed(std::size_t sockets, bool is_v6, bool sums) : is_v6(is_v6) {
    port.sums = sums;
    StackConfig config;
    config.addresses = {{endpoint_of(ip_of(is_v6, 0, 0), 0), static_cast<std::uint8_t>(is_v6 ? 64 : 16)}};
    (is_v6 ? config.gateway_v6 : config.gateway_v4) = endpoint_of(ip_of(is_v6, 0, 1), 0);
    config.sockets_max = static_cast<std::uint32_t>(2 * sockets);
    stack = std::make_unique<Stack>(
        config, StackParts{port, {[](void* context) { return *static_cast<TimePoint*>(context); }, &now}});
    for (std::size_t i = 0; i < sockets; ++i) {
      media.push_back(*stack->open(endpoint_of(ip_of(is_v6, 0, 0), 10'000 + 2 * i), false));
      (void)*stack->open(endpoint_of(ip_of(is_v6, 0, 0), 10'001 + 2 * i), false);
    }
    turn.resize(sockets);
    std::iota(turn.begin(), turn.end(), 0);
    Random random(1);
    for (std::size_t i = sockets; i > 1; --i) std::swap(turn[i - 1], turn[random.below(i)]);
  }
  void put(std::size_t index, const Bytes& frame) {
    std::memcpy(port.at(index), frame.data(), frame.size());
    port.sizes[index % kFrames] = static_cast<std::uint16_t>(frame.size());
  }
  /// The gateway says who it is, once.
  void meet_gateway() {
    const Bytes us = ip_of(is_v6, 0, 0), gateway = ip_of(is_v6, 0, 1);
    const Bytes arp_frame = ethernet(mac(1), mac(2), 0x0806, arp(2, mac(2), gateway, mac(1), us));
    const Bytes na = Bytes{136, 0, 0, 0, 0x60, 0, 0, 0} + gateway + Bytes{2, 1} + mac(2);
    const io::Outgoing first{media[0], endpoint_of(ip_of(is_v6, 1, 0), 4000), {}, {}};
    stack->receive(1);  // announces
    stack->transmit(std::span(&first, 1));
    port.rewind();
    put(0, is_v6 ? ethernet(mac(1), mac(2), 0x86DD, ipv6(gateway, us, 58, icmp6(gateway, us, na), 255)) : arp_frame);
    port.waiting = 1;
    stack->receive(1);
    CHECK(stack->neighbours().state(Address::of(endpoint_of(gateway, 0))) == Neighbours::State::kReachable);
  }
  bool is_v6;
  TimePoint now{1h};
  BarePort port;
  std::unique_ptr<Stack> stack;
  std::vector<io::SocketId> media;
  std::vector<std::uint32_t> turn;
};

void per_packet(benchmark::State& state) {
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kBatch));
  state.counters["ns_per_packet"] = benchmark::Counter(static_cast<double>(state.iterations() * kBatch) / 1e9,
                                                       benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

void out(benchmark::State& state, bool is_v6, bool sums) {
  const auto sockets = static_cast<std::size_t>(state.range(0));
  Bed bed(sockets, is_v6, sums);
  bed.meet_gateway();
  std::vector<std::array<std::byte, kHead>> heads(sockets);
  const std::vector<std::byte> prompt(1 << 16, std::byte{0x55});  // all play one prompt, each at its own place
  std::vector<io::Outgoing> batch(kBatch);
  std::size_t at = 0;
  const auto next = [&] {
    for (io::Outgoing& one : batch) {
      const std::uint32_t i = bed.turn[at++ % sockets];
      one = {bed.media[i], endpoint_of(ip_of(is_v6, 1, i), 4000), heads[i],
             std::span(prompt).subspan(160 * (i % 400), kBody)};
    }
  };
  std::vector<std::vector<io::Outgoing>> batches;  // built before the clock runs
  for (std::size_t i = 0; i < (sockets + kBatch - 1) / kBatch; ++i) {
    next();
    batches.push_back(batch);
  }
  for (const auto& one : batches) bed.stack->transmit(one);
  const auto built = bed.stack->net_counters().templates_built;
  std::size_t number = 0;
  for (auto _ : state) bed.stack->transmit(batches[number++ % batches.size()]);
  CHECK(bed.stack->net_counters().templates_built == built);
  CHECK(bed.stack->counters().send_refused == 0);
  per_packet(state);
}

/// What `out` can't do without: the frames of a batch, and head and body copied into each.
void out_floor(benchmark::State& state, bool copies) {
  const auto sockets = static_cast<std::size_t>(state.range(0));
  BarePort port;
  std::vector<std::array<std::byte, kHead>> heads(sockets);
  const std::vector<std::byte> prompt(1 << 16, std::byte{0x55});
  std::vector<std::uint32_t> turn(sockets);
  std::iota(turn.begin(), turn.end(), 0);
  Random random(1);
  for (std::size_t i = sockets; i > 1; --i) std::swap(turn[i - 1], turn[random.below(i)]);
  std::vector<io::Frame> frames(kBatch);
  std::size_t at = 0;
  for (auto _ : state) {
    port.allocate(frames);
    for (std::size_t i = 0; i < kBatch; ++i, ++at) {
      io::Frame& frame = frames[i];
      frame.size = 42 + kHead + kBody;
      if (!copies) continue;
      if (i + 4 < kBatch)
        for (std::size_t line = 0; line < 256; line += 64) __builtin_prefetch(frames[i + 4].data + line, 1);
      const std::uint32_t socket = turn[at % sockets];
      std::memcpy(frame.data, prompt.data(), 42);
      std::memcpy(frame.data + 42, heads[socket].data(), kHead);
      std::memcpy(frame.data + 42 + kHead, prompt.data() + 160 * (socket % 400), kBody);
    }
    port.transmit(frames);
  }
  per_packet(state);
}

void in(benchmark::State& state, bool is_v6, bool sums) {
  const auto sockets = static_cast<std::size_t>(state.range(0));
  Bed bed(sockets, is_v6, sums);
  const Bytes us = ip_of(is_v6, 0, 0);
  bed.stack->receive(1);  // announces
  for (std::size_t i = 0; i < kFrames; ++i) {
    const std::uint32_t socket = bed.turn[i % sockets];
    const Bytes peer = ip_of(is_v6, 1, socket), data = repeat(kHead + kBody, static_cast<std::uint8_t>(i));
    const Bytes datagram = udp(peer, us, 4000, 10'000 + 2 * socket, data);
    bed.put(i, is_v6 ? ethernet(mac(1), mac(2), 0x86DD, ipv6(peer, us, 17, datagram))
                     : ethernet(mac(1), mac(2), 0x0800, ipv4(peer, us, 17, datagram)));
  }
  bed.port.flags = sums ? io::Frame::kChecksumGood : 0;
  bed.port.rewind();
  std::uint64_t got = 0;
  for (auto _ : state) {
    bed.port.waiting = kBatch;
    got += bed.stack->receive(kBatch).size();
  }
  CHECK(got == static_cast<std::uint64_t>(state.iterations()) * kBatch);
  per_packet(state);
}

/// What `in` can't do without: the frames of a batch and, since it has to verify them, a pass over their bytes (here: a
/// copy, which is less work than a sum).
void in_floor(benchmark::State& state, bool copies) {
  BarePort port;
  for (auto& size : port.sizes) size = 42 + kHead + kBody;
  std::vector<io::Frame> frames(kBatch);
  std::array<std::byte, 256> scratch;
  for (auto _ : state) {
    port.waiting = kBatch;
    port.receive(frames);
    for (std::size_t i = 0; copies && i < kBatch; ++i) {
      if (i + 4 < kBatch)
        for (std::size_t line = 0; line < 256; line += 64) __builtin_prefetch(frames[i + 4].data + line);
      std::memcpy(scratch.data(), frames[i].data, 42 + kHead + kBody);
      benchmark::DoNotOptimize(scratch);
    }
    port.release(frames);
  }
  per_packet(state);
}

BENCHMARK_CAPTURE(out_floor, port_alone, false)->Arg(20'000);
BENCHMARK_CAPTURE(out_floor, bare_copy, true)->Arg(20'000);
BENCHMARK_CAPTURE(out, ipv4, false, false)->Arg(100)->Arg(20'000);
BENCHMARK_CAPTURE(out, ipv4_device_sums, false, true)->Arg(20'000);
BENCHMARK_CAPTURE(out, ipv6, true, false)->Arg(20'000);
BENCHMARK_CAPTURE(in_floor, port_alone, false);
BENCHMARK_CAPTURE(in_floor, bare_copy, true);
BENCHMARK_CAPTURE(in, ipv4, false, false)->Arg(100)->Arg(20'000);
BENCHMARK_CAPTURE(in, ipv4_device_sums, false, true)->Arg(20'000);
BENCHMARK_CAPTURE(in, ipv6, true, false)->Arg(20'000);

}  // namespace
}  // namespace carillon::net

BENCHMARK_MAIN();
