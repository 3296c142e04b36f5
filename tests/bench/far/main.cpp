// carillon-far: the far side of the dpdk benches, a deliberately simple DPDK program on the other end of a memif (or
// any port that EAL knows). It answers calls, speaks to them and judges what it hears.
//
//   carillon-far -l 1 --vdev=net_memif0,role=client,… -- --addresses 10.9.0.2-10.9.0.9 --engine 10.9.0.1 [--speak 1]
//
// Prints "ready"; on stdin (or SIGUSR1, SIGUSR2) it takes "measure start", "measure stop", "garbage", "report" and
// "quit", and answers "started" or one line of JSON. Ends by itself after --seconds.

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <memory>
#include <string>

#include "tests/bench/far/far.h"

namespace {

using namespace carillon::bench;

volatile std::sig_atomic_t stopping = 0, wants_start = 0, wants_stop = 0;

/// "A" or "A-B", both IPv4.
bool read_range(const std::string& text, FarOptions& options) {
  const std::size_t dash = text.find('-');
  const auto first = read_ipv4(std::string_view(text).substr(0, dash));
  const auto last = dash == std::string::npos ? first : read_ipv4(std::string_view(text).substr(dash + 1));
  if (!first || !last || *last < *first || *last - *first >= 256) return false;
  options.address_first = *first;
  options.addresses = *last - *first + 1;
  return true;
}

/// Commands as lines on stdin, read without waiting.
class Console {
 public:
  Console() { fcntl(STDIN_FILENO, F_SETFL, fcntl(STDIN_FILENO, F_GETFL) | O_NONBLOCK); }

  void serve(Far& far) {
    char bytes[256];
    const ssize_t count = is_open_ ? read(STDIN_FILENO, bytes, sizeof bytes) : -1;
    if (count == 0) is_open_ = false;
    for (ssize_t i = 0; i < count; ++i) {
      if (bytes[i] != '\n') {
        if (line_.size() < 64) line_ += bytes[i];
        continue;
      }
      obey(far, line_);
      line_.clear();
    }
    if (wants_start) obey(far, "measure start");
    if (wants_stop) obey(far, "measure stop");
    wants_start = 0;
    wants_stop = 0;
  }

 private:
  static void obey(Far& far, const std::string& line) {
    if (line == "measure start") {
      far.measure_start();
      fmt::print("started\n");
    } else if (line == "measure stop") {
      far.measure_stop();
      fmt::print("{}\n", far.report());
    } else if (line == "garbage") {
      far.start_garbage();
      fmt::print("started\n");
    } else if (line == "report") {
      fmt::print("{}\n", far.report());
    } else if (line == "quit") {
      stopping = 1;
    }
    std::fflush(stdout);
  }

  std::string line_;
  bool is_open_ = true;
};

/// Lets others on this core work: the load source, the engine's link. Rings hold what comes meanwhile.
void nap() {
  const timespec pause{0, 20'000};
  clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, nullptr);
}

int run(const FarOptions& options) {
  const TscRate rate;
  prctl(PR_SET_TIMERSLACK, 1);
  const PortPlan plan(options.address_first, options.addresses, options.channels);
  const Sound voice = options.voice.empty() ? Sound::made_up() : Sound::from_wav(options.voice);
  const Sound expected = options.expect.empty() ? Sound::made_up() : Sound::from_wav(options.expect);
  DpdkPort port(options.mbufs);
  auto far = std::make_unique<Far>(options, plan, port, voice, options.expect.empty() ? nullptr : &expected, rate);
  Console console;
  fmt::print("ready\n");
  std::fflush(stdout);
  const Tsc end = tsc_now() + rate.cycles(options.seconds * 1e6), glance = rate.cycles(5'000);
  for (Tsc next = 0; !stopping;) {
    if (!far->step() && (options.naps || !far->is_measuring())) nap();
    const Tsc now = tsc_now();
    if (now < next) continue;
    next = now + glance;
    console.serve(*far);
    if (now > end) stopping = 1;
  }
  fmt::print("{}\n", far->report());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  for (const int signal : {SIGTERM, SIGINT}) std::signal(signal, [](int) { stopping = 1; });
  std::signal(SIGUSR1, [](int) { wants_start = 1; });
  std::signal(SIGUSR2, [](int) { wants_stop = 1; });
  start_eal(argc, argv);
  CLI::App app("answers calls over a DPDK port, speaks to them and judges their RTP");
  FarOptions options;
  std::string addresses, engine;
  app.add_option("--addresses", addresses, "ours: FIRST-LAST")->required();
  app.add_option("--engine", engine, "asked for by ARP");
  app.add_option("--sip-port", options.sip_port);
  app.add_option("--channels", options.channels, "calls at once");
  app.add_flag("--trying", options.sends_trying, "100 before anything else");
  app.add_flag("--ring", options.sends_ringing, "180 before 200");
  app.add_option("--answer-ms", options.answer_ms, "from INVITE to 200");
  app.add_option("--speak", options.speak, "share of the channels that are spoken to")->check(CLI::Range(0.0, 1.0));
  app.add_option("--voice", options.voice, "WAV that is said; else a made-up voice");
  app.add_option("--expect-payload", options.expect, "WAV that all channels should hear");
  app.add_flag("--echo", options.echoes, "send each frame back, nothing else");
  app.add_flag("--nap", options.naps, "leave the core to others in idle turns, while measuring too");
  app.add_option("--source", options.source, "speak to so many channels without a call: for the floor's echo");
  app.add_option("--garbage", options.garbage, "frames of a storm that \"garbage\" on stdin starts");
  app.add_option("--garbage-seconds", options.garbage_seconds, "how long it lasts")->check(CLI::PositiveNumber);
  app.add_option("--mbufs", options.mbufs);
  app.add_option("--seconds", options.seconds, "ends by itself after this");
  CLI11_PARSE(app, argc, argv);
  const auto peer = read_ipv4(engine);
  if (!read_range(addresses, options) || (!engine.empty() && !peer)) {
    fmt::print(stderr, "addresses: not IPv4\n");
    return 1;
  }
  options.engine = peer.value_or(0);
  if (options.channels == 0 || options.channels > PortPlan::kPerAddress * options.addresses) {
    fmt::print(stderr, "channels: 1 to {} per address\n", PortPlan::kPerAddress);
    return 1;
  }
  if (options.source > options.channels) {
    fmt::print(stderr, "source: more than channels\n");
    return 1;
  }
  if (options.source) options.speak = 1;
  end_eal(run(options));
}
