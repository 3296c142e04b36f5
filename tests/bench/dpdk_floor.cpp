// carillon-dpdk-floor: what the port alone costs, and how exact a loop on this core can be; nothing of the engine in
// it.
//
//   echo      takes in, touches, turns round, sends back: partner is carillon-far --source N
//   playback  writes and sends one G.711 packet per channel and 20 ms, in slots of 100 µs: partner is carillon-far
//   timer     looks at the clock for the next of N departures, stamps a small frame out: deviation by its own clock
//
//   carillon-dpdk-floor EAL… -- --mode MODE --channels N --seconds S
//
// Counts cycles of turns that did work only. Prints "ready" when the peer is there, and one line of JSON at the end.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "tests/bench/far/options.h"
#include "tests/bench/wire/dpdk_port.h"
#include "tests/bench/wire/frames.h"
#include "tests/bench/wire/histogram.h"
#include "tests/bench/wire/tsc.h"

namespace {

using namespace carillon::bench;

constexpr std::size_t kRtp = 172, kSmall = 18;  // payloads: RTP with 20 ms of G.711; the shortest Ethernet frame
constexpr std::uint32_t kSlots = 200;           // of 100 µs, as many as 20 ms have
volatile std::sig_atomic_t stopping = 0;

struct Options {
  std::string mode = "echo", own = "10.9.0.1", peers = "10.9.0.2";
  std::uint32_t peer_count = 1, channels = 1000;
  double seconds = 5, warm_up = 1;
  unsigned mbufs = 16'383;
};

struct Moved {
  std::uint64_t in = 0, out = 0;
};
struct Figures {
  Tsc busy = 0;
  std::uint64_t turns = 0, turns_busy = 0;
  std::uint64_t turns_broken = 0;  ///< took longer than any work does: the core was taken away; not counted as busy
  Moved moved;                     ///< in busy turns
};
constexpr double kBrokenUs = 250;

class Floor {
 public:
  Floor(const Options& options, DpdkPort& port, const TscRate& rate)
      : options_(options), port_(port), beat_(rate.cycles(20'000)), rate_(rate) {
    const PortPlan plan(*read_ipv4(options.peers), options.peer_count, options.channels);
    heads_.resize(options.channels);
    const std::size_t size = options.mode == "timer" ? kSmall : kRtp;
    for (std::uint32_t i = 0; i < options.channels; ++i)
      write_head(heads_[i].bytes,
                 {port.mac(), {{0x02, 0, 0, 0, 0, 1}}, *read_ipv4(options.own), plan.address(i), 5062, plan.port(i)},
                 size);
  }

  /// One turn: what it moved.
  Moved turn(Tsc now) {
    if (options_.mode == "echo") return echo();
    const std::uint64_t in = discard();
    return {in, options_.mode == "playback" ? play_slot(now) : depart(now)};
  }
  Histogram& deviation() { return deviation_; }

 private:
  struct alignas(64) Head {
    std::uint8_t bytes[kUdpHead] = {};
    std::uint16_t sequence = 0;
    Tsc left = 0;
  };

  Moved echo() {
    const auto frames = port_.receive();
    for (rte_mbuf* frame : frames) {
      auto* at = rte_pktmbuf_mtod(frame, std::uint8_t*);
      std::swap_ranges(at, at + 6, at + 6);
      std::swap_ranges(at + 26, at + 30, at + 30);
      std::swap_ranges(at + 34, at + 36, at + 36);
      port_.send(frame);
    }
    port_.flush();
    return {frames.size(), frames.size()};
  }

  std::uint64_t discard() {
    const auto frames = port_.receive();
    DpdkPort::release(frames);
    return frames.size();
  }

  std::uint64_t play_slot(Tsc now) {
    if (due_ == 0) due_ = now;
    if (now < due_) return 0;
    std::uint64_t sent = 0;
    for (std::size_t i = hand_; i < heads_.size(); i += kSlots) {
      if (i + 2 * kSlots < heads_.size()) __builtin_prefetch(&heads_[i + 2 * kSlots], 1);
      sent += send(heads_[i], kRtp);
    }
    port_.flush();
    due_ += beat_ / kSlots;
    hand_ = (hand_ + 1) % kSlots;
    return sent;
  }

  std::uint64_t depart(Tsc now) {
    if (due_ == 0) due_ = start_ = now;
    if (now < due_) return 0;
    Head& head = heads_[hand_];
    const std::uint64_t sent = send(head, kSmall);
    port_.flush();
    const Tsc left = tsc_now(), gap = left - head.left;
    if (head.left) deviation_.add(rate_.us(gap > beat_ ? gap - beat_ : beat_ - gap));
    head.left = left;
    if (++hand_ == heads_.size()) {
      hand_ = 0;
      start_ += beat_;
    }
    due_ = start_ + beat_ * hand_ / heads_.size();
    return sent;
  }

  std::uint64_t send(Head& head, std::size_t size) {
    rte_mbuf* frame = port_.make(kUdpHead + size);
    if (!frame) return 0;
    auto* at = rte_pktmbuf_mtod(frame, std::uint8_t*);
    std::memcpy(at, head.bytes, kUdpHead);
    std::uint8_t* rtp = at + kUdpHead;
    std::memset(rtp, 0xFF, size);
    ++head.sequence;
    rtp[0] = 0x80;
    rtp[1] = 0;
    write16(rtp + 2, head.sequence);
    write32(rtp + 4, head.sequence * 160u);
    write32(rtp + 8, 0x7000'0000);
    seal(at, head_sum(at) + word_sum(rtp, size));
    port_.send(frame);
    return 1;
  }

  const Options& options_;
  DpdkPort& port_;
  Tsc beat_;
  const TscRate& rate_;
  std::vector<Head> heads_;
  Tsc due_ = 0, start_ = 0;
  std::size_t hand_ = 0;
  Histogram deviation_;
};

/// Turns until `end`; of those that did work the cycles are counted.
Figures run_until(Floor& floor, Tsc end, const TscRate& rate) {
  Figures figures;
  const Tsc broken = rate.cycles(kBrokenUs);
  for (Tsc now = tsc_now(); now < end && !stopping;) {
    const Moved moved = floor.turn(now);
    const Tsc after = tsc_now();
    ++figures.turns;
    if (after - now > broken) {
      ++figures.turns_broken;
    } else if (moved.in + moved.out > 0) {
      ++figures.turns_busy;
      figures.busy += after - now;
      figures.moved.in += moved.in;
      figures.moved.out += moved.out;
    }
    now = after;
  }
  return figures;
}

int run(const Options& options) {
  const TscRate rate;
  DpdkPort port(options.mbufs);
  Floor floor(options, port, rate);
  const Tsc start = tsc_now();
  while (!port.is_up() && !stopping && tsc_now() - start < rate.cycles(20e6)) rte_pause();
  fmt::print("ready\n");
  std::fflush(stdout);
  run_until(floor, tsc_now() + rate.cycles(options.warm_up * 1e6), rate);
  port.clear_counts();
  floor.deviation().clear();
  const Tsc begun = tsc_now();
  const Figures figures = run_until(floor, begun + rate.cycles(options.seconds * 1e6), rate);
  const double seconds = rate.us(tsc_now() - begun) / 1e6, busy_us = rate.us(figures.busy);
  const double packets = static_cast<double>(std::max<std::uint64_t>(1, figures.moved.out));
  fmt::print(
      "{{\"mode\":\"{}\",\"channels\":{},\"seconds\":{:.3f},\"in\":{},\"out\":{},\"turns\":{},\"turns_busy\":{},"
      "\"turns_broken\":{},"
      "\"busy_rate\":{:.4f},\"cycles_per_packet\":{:.1f},\"ns_per_packet\":{:.1f},\"us_per_channel_second\":{:.3f},"
      "\"tx_refused\":{},\"no_mbuf\":{},{}}}\n",
      options.mode, options.channels, seconds, figures.moved.in, figures.moved.out, figures.turns, figures.turns_busy,
      figures.turns_broken, busy_us / (seconds * 1e6), static_cast<double>(figures.busy) / packets,
      busy_us * 1000 / packets, busy_us * 50 / packets, port.counts().tx_refused, port.counts().no_mbuf,
      floor.deviation().json("deviation"));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  for (const int signal : {SIGTERM, SIGINT}) std::signal(signal, [](int) { stopping = 1; });
  start_eal(argc, argv);
  CLI::App app("the cost of the bare port, and the exactness of a bare loop");
  Options options;
  app.add_option("--mode", options.mode)->check(CLI::IsMember({"echo", "playback", "timer"}));
  app.add_option("--channels", options.channels)->check(CLI::PositiveNumber);
  app.add_option("--seconds", options.seconds, "measured");
  app.add_option("--warm-up", options.warm_up, "seconds before");
  app.add_option("--address", options.own);
  app.add_option("--peer", options.peers, "first address of the far side");
  app.add_option("--peers", options.peer_count, "how many it has");
  app.add_option("--mbufs", options.mbufs);
  CLI11_PARSE(app, argc, argv);
  if (!read_ipv4(options.own) || !read_ipv4(options.peers)) {
    fmt::print(stderr, "addresses: not IPv4\n");
    return 1;
  }
  end_eal(run(options));
}
