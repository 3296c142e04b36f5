// What one packet costs through a Port, beside a bare loop over sockets of the same kind in the same run and the same
// shape: 2,500 sockets, 172-byte payloads (20 ms of G.711 with its RTP header), each sends one and gets one in 40
// bursts, as the media wheel spreads 20 ms over its slots. `bare_connected` is the floor: send() and recv() with
// nothing else, and who has packets is known, so nothing is paid for asking. CPU time of the thread, kernel included;
// loopback delivers inside the send. Runs of all variants are interleaved; read ratios of medians.
//
// `trickle` is about waking up: another thread sends a packet every 20 µs, 1,000 channels' worth, and the port's thread
// waits as a shard does, for its next slot half a millisecond away. `wait_all` sleeps through to the slot whatever
// comes.

#include <benchmark/benchmark.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <thread>
#include <vector>

#include "engine/base/check.h"
#include "engine/io/make_port.h"
#include "engine/io/socket.h"

namespace carillon::io {
namespace {

constexpr std::size_t kSockets = 2500, kBursts = 40;
constexpr std::size_t kHead = 12, kBody = 160;
constexpr int kRounds = 10;

std::uint64_t cpu_ns() {
  timespec time;
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(time.tv_nsec);
}

std::size_t partner(std::size_t i) { return (i + kSockets / 2) % kSockets; }

/// Calls `burst` with first and past-the-last socket of each burst; it returns how many packets came in.
template <class Burst>
void measure(benchmark::State& state, Burst&& burst) {
  std::uint64_t packets = 0, spent = 0;
  for (auto _ : state) {
    const std::uint64_t before = cpu_ns();
    for (int round = 0; round < kRounds; ++round)
      for (std::size_t i = 0; i < kBursts; ++i) packets += burst(kSockets * i / kBursts, kSockets * (i + 1) / kBursts);
    const std::uint64_t took = cpu_ns() - before;
    state.SetIterationTime(1e-9 * static_cast<double>(took));
    spent += took;
  }
  const auto sent = static_cast<std::uint64_t>(state.iterations()) * kRounds * kSockets;
  state.counters["ns_per_packet"] = static_cast<double>(spent) / static_cast<double>(packets);
  state.counters["lost"] = static_cast<double>(sent - packets);
}

/// A port that was free a moment ago: only sockets opened on a port of their own may be connected.
Endpoint free_address() {
  static std::uint16_t next = 21'000;
  return Endpoint::v4(127, 0, 0, 1, ++next > 60'000 ? next = 21'000 : next);
}

SocketId open(Port& port) {
  for (;;)
    if (const auto socket = port.open(free_address(), false)) return *socket;
}

void port(benchmark::State& state, BackEnd back_end, bool expects) {
  auto made = make_port({.back_end = back_end});
  if (!made) {
    state.SkipWithError("this back end is refused here");
    return;
  }
  Port& port = *made->port;
  std::vector<SocketId> sockets;
  for (std::size_t i = 0; i < kSockets; ++i) sockets.push_back(open(port));
  const std::array<std::byte, kBody> body{};
  std::vector<std::array<std::byte, kHead>> heads(kSockets);
  std::vector<Outgoing> batch;
  for (std::size_t i = 0; i < kSockets; ++i) {
    const Endpoint peer = port.local(sockets[partner(i)]);
    batch.push_back({.socket = sockets[i], .peer = peer, .head = heads[i], .body = body});
    if (expects) port.expect(sockets[i], peer);
  }
  measure(state, [&](std::size_t first, std::size_t last) {
    std::uint64_t got = 0;
    port.transmit(std::span(batch).subspan(first, last - first));
    for (std::size_t in = 1; in != 0; got += in) in = port.receive(256).size();
    return got;
  });
}

/// The same packets by the plainest loop there is.
void bare(benchmark::State& state, bool connected) {
  SocketTable table(PortConfig{});
  std::vector<int> descriptors;
  std::vector<SocketAddress> addresses(kSockets);
  for (std::size_t i = 0; i < kSockets; ++i) {
    const auto* socket = table.find(*table.open(Endpoint::v4(127, 0, 0, 1, 0), false));
    descriptors.push_back(socket->descriptor);
    to_kernel(socket->local, addresses[i]);
  }
  for (std::size_t i = 0; connected && i < kSockets; ++i)
    CHECK(::connect(descriptors[i], &addresses[partner(i)].any, sizeof(sockaddr_in)) == 0);
  const std::vector<std::array<std::byte, kHead + kBody>> packets(kSockets);
  std::array<std::byte, 2048> buffer;
  measure(state, [&](std::size_t first, std::size_t last) {
    std::uint64_t got = 0;
    for (std::size_t i = first; i < last; ++i) {
      const auto& packet = packets[i];
      if (connected)
        CHECK(::send(descriptors[i], packet.data(), packet.size(), MSG_DONTWAIT) > 0);
      else
        CHECK(::sendto(descriptors[i], packet.data(), packet.size(), MSG_DONTWAIT, &addresses[partner(i)].any,
                       sizeof(sockaddr_in)) > 0);
    }
    SocketAddress from;
    for (std::size_t i = first; i < last; ++i) {
      socklen_t size = sizeof from;
      const int descriptor = descriptors[partner(i)];
      got += connected ? ::recv(descriptor, buffer.data(), buffer.size(), MSG_DONTWAIT) > 0
                       : ::recvfrom(descriptor, buffer.data(), buffer.size(), MSG_DONTWAIT, &from.any, &size) > 0;
    }
    return got;
  });
}

void pin(unsigned core) {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  CPU_SET(core % std::max(1u, std::thread::hardware_concurrency()), &cores);
  (void)::pthread_setaffinity_np(::pthread_self(), sizeof cores, &cores);
}

void trickle(benchmark::State& state, BackEnd back_end) {
  constexpr std::size_t kListeners = 1000;
  auto made = make_port({.back_end = back_end});
  if (!made) {
    state.SkipWithError("this back end is refused here");
    return;
  }
  Port& port = *made->port;
  std::vector<SocketAddress> addresses(kListeners);
  for (auto& address : addresses) to_kernel(port.local(*port.open(Endpoint::v4(127, 0, 0, 1, 0), false)), address);
  std::atomic<bool> done{false};
  cpu_set_t before_pinning;
  ::pthread_getaffinity_np(::pthread_self(), sizeof before_pinning, &before_pinning);
  pin(0);
  port.receive(0);
  std::thread sender([&] {
    pin(1);
    const int descriptor = ::socket(AF_INET, SOCK_DGRAM, 0);
    const std::array<std::byte, kHead + kBody> packet{};
    TimePoint next = MonoClock::now();
    for (std::size_t i = 0; !done; i = (i + 1) % kListeners) {
      while (MonoClock::now() < next) {
      }
      next += 20us;
      (void)::sendto(descriptor, packet.data(), packet.size(), 0, &addresses[i].any, sizeof(sockaddr_in));
    }
    ::close(descriptor);
  });
  std::uint64_t packets = 0, spent = 0, waits = 0;
  for (auto _ : state) {
    const std::uint64_t before = cpu_ns();
    const TimePoint end = MonoClock::now() + 200ms;
    TimePoint slot = MonoClock::now();
    for (TimePoint now = slot; now < end; now = MonoClock::now()) {
      while (slot <= now) slot += 500us;
      for (std::size_t in = 1; in != 0; packets += in) in = port.receive(256).size();
      port.wait(slot);
      ++waits;
    }
    const std::uint64_t took = cpu_ns() - before;
    state.SetIterationTime(1e-9 * static_cast<double>(took));
    spent += took;
  }
  done = true;
  sender.join();
  ::pthread_setaffinity_np(::pthread_self(), sizeof before_pinning, &before_pinning);
  state.counters["ns_per_packet"] = static_cast<double>(spent) / static_cast<double>(packets);
  state.counters["packets_per_wait"] = static_cast<double>(packets) / static_cast<double>(waits);
}

void settings(benchmark::internal::Benchmark* benchmark) {
  benchmark->UseManualTime()->Unit(benchmark::kMillisecond)->Iterations(2)->Repetitions(9)->ReportAggregatesOnly();
}

BENCHMARK_CAPTURE(bare, connected, true)->Apply(settings);
BENCHMARK_CAPTURE(bare, unconnected, false)->Apply(settings);
BENCHMARK_CAPTURE(port, uring, BackEnd::kUring, false)->Apply(settings);
BENCHMARK_CAPTURE(port, uring_expecting, BackEnd::kUring, true)->Apply(settings);
BENCHMARK_CAPTURE(port, mmsg, BackEnd::kMmsg, false)->Apply(settings);
BENCHMARK_CAPTURE(port, mmsg_expecting, BackEnd::kMmsg, true)->Apply(settings);
BENCHMARK_CAPTURE(trickle, uring, BackEnd::kUring)->Apply(settings);
BENCHMARK_CAPTURE(trickle, mmsg, BackEnd::kMmsg)->Apply(settings);

}  // namespace
}  // namespace carillon::io

int main(int count, char** arguments) {
  std::vector<char*> all(arguments, arguments + count);
  char interleave[] = "--benchmark_enable_random_interleaving=true";
  all.insert(all.begin() + 1, interleave);
  int size = static_cast<int>(all.size());
  benchmark::Initialize(&size, all.data());
  benchmark::RunSpecifiedBenchmarks();
}
