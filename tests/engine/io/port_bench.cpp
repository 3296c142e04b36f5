// What one packet costs through a Port, beside a bare recvmmsg/sendmmsg loop over sockets of the same kind in the same
// run: 512 sockets, 172-byte payloads (20 ms of G.711 with its RTP header), each sends one and gets one per round.
//
// A media batch sends one packet from each socket, so the floor's sendmmsg takes one packet per call, as any engine's
// must. CPU time by getrusage, kernel included; loopback delivers inside the send. Medians of several runs.

#include <benchmark/benchmark.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <vector>

#include "engine/base/check.h"
#include "engine/io/make_port.h"
#include "engine/io/socket.h"

namespace carillon::io {
namespace {

constexpr std::size_t kSockets = 512;
constexpr std::size_t kHead = 12, kBody = 160;
constexpr int kRounds = 200;

double cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// Runs kRounds of `round` (which returns how many packets came in) and sets the time to CPU per packet.
template <class Round>
void measure(benchmark::State& state, Round&& round) {
  std::uint64_t packets = 0;
  double spent = 0;
  for (auto _ : state) {
    const double before = cpu_seconds();
    std::uint64_t here = 0;
    for (int i = 0; i < kRounds; ++i) here += round();
    const double took = cpu_seconds() - before;
    state.SetIterationTime(took);
    packets += here;
    spent += took;
  }
  const auto sent = static_cast<std::uint64_t>(state.iterations()) * kRounds * kSockets;
  state.counters["ns_per_packet"] = 1e9 * spent / static_cast<double>(packets);
  state.counters["lost"] = static_cast<double>(sent - packets);
}

void port(benchmark::State& state, BackEnd back_end) {
  auto made = make_port({.back_end = back_end});
  if (!made) {
    state.SkipWithError("this back end is refused here");
    return;
  }
  Port& port = *made->port;
  std::vector<SocketId> sockets;
  for (std::size_t i = 0; i < kSockets; ++i) sockets.push_back(*port.open(Endpoint::v4(127, 0, 0, 1, 0), false));
  const std::array<std::byte, kBody> body{};
  std::array<std::array<std::byte, kHead>, kSockets> heads{};
  std::vector<Outgoing> batch;
  for (std::size_t i = 0; i < kSockets; ++i)
    batch.push_back({.socket = sockets[i],
                     .peer = port.local(sockets[(i + kSockets / 2) % kSockets]),
                     .head = heads[i],
                     .body = body});
  measure(state, [&] {
    // half at a time, as frames leave spread over the 20 ms
    std::uint64_t got = 0;
    for (std::size_t half = 0; half < 2; ++half) {
      port.transmit(std::span(batch).subspan(half * kSockets / 2, kSockets / 2));
      for (std::size_t in = 1; in != 0;) {
        in = port.receive(256).size();
        got += in;
      }
    }
    return got;
  });
}

// The same packets by the plainest loop there is: who has packets is known, so no epoll is paid for.
void bare(benchmark::State& state) {
  SocketTable table(PortConfig{});
  std::vector<int> descriptors;
  std::vector<SocketAddress> peers(kSockets);
  std::vector<Endpoint> locals;
  for (std::size_t i = 0; i < kSockets; ++i) {
    const auto* socket = table.find(*table.open(Endpoint::v4(127, 0, 0, 1, 0), false));
    descriptors.push_back(socket->descriptor);
    locals.push_back(socket->local);
  }
  std::array<std::byte, kBody> body{};
  std::array<std::array<std::byte, kHead>, kSockets> heads{};
  std::vector<std::array<iovec, 2>> parts(kSockets);
  std::vector<mmsghdr> out(kSockets);
  for (std::size_t i = 0; i < kSockets; ++i) {
    parts[i] = {iovec{heads[i].data(), kHead}, iovec{body.data(), kBody}};
    auto& header = out[i].msg_hdr;
    header = {};
    header.msg_name = &peers[i];
    header.msg_namelen = to_kernel(locals[(i + kSockets / 2) % kSockets], peers[i]);
    header.msg_iov = parts[i].data();
    header.msg_iovlen = 2;
  }
  std::vector<std::byte> buffer(4096);
  SocketAddress from;
  iovec in_part{buffer.data(), buffer.size()};
  mmsghdr in{};
  in.msg_hdr.msg_name = &from;
  in.msg_hdr.msg_iov = &in_part;
  in.msg_hdr.msg_iovlen = 1;
  measure(state, [&] {
    std::uint64_t got = 0;
    for (std::size_t half = 0; half < 2; ++half) {
      const std::size_t first = half * kSockets / 2;
      for (std::size_t i = first; i < first + kSockets / 2; ++i)
        CHECK(::sendmmsg(descriptors[i], &out[i], 1, MSG_DONTWAIT) == 1);
      for (std::size_t i = first; i < first + kSockets / 2; ++i) {
        in.msg_hdr.msg_namelen = sizeof from;
        got += ::recvmmsg(descriptors[(i + kSockets / 2) % kSockets], &in, 1, MSG_DONTWAIT, nullptr) == 1;
      }
    }
    return got;
  });
}

void settings(benchmark::internal::Benchmark* benchmark) {
  benchmark->UseManualTime()->Unit(benchmark::kMillisecond)->Iterations(5)->Repetitions(7)->ReportAggregatesOnly();
}

BENCHMARK(bare)->Apply(settings);
BENCHMARK_CAPTURE(port, uring, BackEnd::kUring)->Apply(settings);
BENCHMARK_CAPTURE(port, mmsg, BackEnd::kMmsg)->Apply(settings);

}  // namespace
}  // namespace carillon::io

BENCHMARK_MAIN();
