// What one SIP message costs the stream thread, in and out, by TCP and by TLS, beside its floor: bare recv and send of
// the same bytes in the same chunks over the same kind of socket (for TLS: bare SSL_read and SSL_write). A shard that
// echoes stands in the same thread, so its two copies are in the figure. CPU time of the measured side only: the far
// side fills and empties the socket in between, outside the clock.
//
// One message of 800 bytes and a burst of 16 a turn: a trunk under load; a burst of 1: a phone.

#include <benchmark/benchmark.h>
#include <poll.h>
#include <sys/socket.h>

#include <ctime>
#include <memory>
#include <string>
#include <vector>

#include "engine/stream/hub.h"
#include "tests/engine/stream/certificates.h"
#include "tests/engine/stream/world.h"

namespace carillon::stream {
namespace {

constexpr std::size_t kMessageBytes = 800;

double cpu_seconds() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

std::string message() {
  std::string headers = "Via: SIP/2.0/TCP 192.0.2.1;branch=z9hG4bK1\r\nCall-ID: bench\r\nCSeq: 1 MESSAGE\r\n";
  const std::size_t rest = kMessageBytes - sip_message(headers, std::string(100, 'x')).size();
  headers += "Subject: " + std::string(rest - 11, 'y') + "\r\n";
  auto made = sip_message(headers, std::string(100, 'x'));
  CHECK(made.size() == kMessageBytes);
  return made;
}

StreamsConfig config(bool tls, const Authority& authority) {
  auto config = plain_config();
  if (!tls) return config;
  config.listeners[0].transport = Transport::kTls;
  config.listeners[0].tls.identities = {authority.sign("server")};
  return config;
}

// The hub's way: burst in, framed, to the shard and back, burst out.
void through_the_hub(benchmark::State& state, bool tls) {
  const Authority authority("ca");
  auto hub = Hub::make(config(tls, authority), 1, {.steer = [](ByteView, Flow) { return 0u; }});
  CHECK(hub);
  TimePoint now{1000s};
  const auto far = Far::to((*hub)->local(0));
  if (tls) far->start_tls({}, false);
  const auto turn = [&] {
    (*hub)->wait(0ms);
    (*hub)->work(now);
    far->turn();
  };
  while ((*hub)->connections() == 0 || (tls && !far->is_secure())) turn();

  const auto burst = static_cast<std::size_t>(state.range(0));
  std::string bytes;
  for (std::size_t i = 0; i < burst; ++i) bytes += message();
  Channel& channel = (*hub)->channel(0);
  double spent = 0;
  std::uint64_t expected = 0;
  for (auto _ : state) {
    far->send(bytes);
    far->turn();
    (*hub)->wait(1s);  // one send arrives at once; neither way is charged for waiting
    expected += bytes.size();
    const double start = cpu_seconds();
    while ((*hub)->counters().of(Count::kBytesOut) < expected) {
      (*hub)->wait(0ms);
      (*hub)->work(now);
      while (const Incoming* next = channel.receive()) CHECK(channel.send({.flow = next->flow}, next->bytes));
    }
    spent += cpu_seconds() - start;
    far->turn();
    now += 1ms;
  }
  state.counters["ns_per_message"] = 1e9 * spent / static_cast<double>(state.iterations() * burst);
}

// The floor: the same bytes by bare calls.
void bare(benchmark::State& state, bool tls) {
  const Authority authority("ca");
  const int listener = *listen_on(Endpoint::v4(127, 0, 0, 1, 0), 1);
  const auto far = Far::to(local_of(listener));
  Endpoint peer;
  int fd = -1;
  while (fd < 0) fd = accept_on(listener, peer);
  std::shared_ptr<const TlsContext> context;
  SSL* ssl = nullptr;
  if (tls) {
    auto made = TlsContext::server({.identities = {authority.sign("server")}});
    CHECK(made);
    context = *made;
    ssl = context->session(fd);
    far->start_tls({}, false);
    while (SSL_do_handshake(ssl) != 1) far->turn();
    far->turn();
  }
  const auto burst = static_cast<std::size_t>(state.range(0));
  std::string bytes;
  for (std::size_t i = 0; i < burst; ++i) bytes += message();
  std::vector<char> buffer(64u << 10);
  double spent = 0;
  for (auto _ : state) {
    far->send(bytes);
    far->turn();
    pollfd arrival{.fd = fd, .events = POLLIN, .revents = 0};
    (void)::poll(&arrival, 1, 1000);
    const double start = cpu_seconds();
    for (std::size_t got = 0; got < bytes.size();) {
      const ssize_t count = ssl ? SSL_read(ssl, buffer.data() + got, static_cast<int>(buffer.size() - got))
                                : ::recv(fd, buffer.data() + got, buffer.size() - got, 0);
      if (count > 0) got += static_cast<std::size_t>(count);
    }
    for (std::size_t sent = 0; sent < bytes.size();) {
      const ssize_t count = ssl ? SSL_write(ssl, buffer.data() + sent, static_cast<int>(bytes.size() - sent))
                                : ::send(fd, buffer.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
      if (count > 0) sent += static_cast<std::size_t>(count);
    }
    spent += cpu_seconds() - start;
    far->turn();
  }
  state.counters["ns_per_message"] = 1e9 * spent / static_cast<double>(state.iterations() * burst);
  SSL_free(ssl);
  ::close(fd);
  ::close(listener);
}

// A handshake's share of the thread: what accepts_per_second bounds. P-256 certificate, TLS 1.3.
void handshake(benchmark::State& state) {
  const Authority authority("ca");
  auto hub = Hub::make(config(true, authority), 1, {.steer = [](ByteView, Flow) { return 0u; }});
  CHECK(hub);
  TimePoint now{1000s};
  double spent = 0;
  for (auto _ : state) {
    const auto far = Far::to((*hub)->local(0));
    far->start_tls({}, false);
    while (!far->is_secure()) {
      const double start = cpu_seconds();
      (*hub)->wait(0ms);
      (*hub)->work(now);
      spent += cpu_seconds() - start;
      far->turn();
    }
    now += 10ms;
    far->kill();
    while ((*hub)->connections() != 0) {
      (*hub)->wait(1ms);
      (*hub)->work(now);
    }
  }
  state.counters["us_per_handshake"] = 1e6 * spent / static_cast<double>(state.iterations());
}

BENCHMARK_CAPTURE(bare, tcp, false)->Arg(1)->Arg(16)->Iterations(1000);
BENCHMARK_CAPTURE(through_the_hub, tcp, false)->Arg(1)->Arg(16)->Iterations(1000);
BENCHMARK_CAPTURE(bare, tls, true)->Arg(1)->Arg(16)->Iterations(1000);
BENCHMARK_CAPTURE(through_the_hub, tls, true)->Arg(1)->Arg(16)->Iterations(1000);
BENCHMARK(handshake)->Iterations(200);

}  // namespace
}  // namespace carillon::stream

BENCHMARK_MAIN();
