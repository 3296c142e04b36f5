// carillon-carrier: the far side. See README.md for behaviours and truth.

#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/signalfd.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <fstream>

#include "tests/carrier/carrier.h"

namespace {

using namespace carillon;
using namespace carillon::carrier;

struct Arguments {
  std::string listen = "127.0.0.1:0", mix, voices, truth, require_auth, answer_delay, keep_heard;
  std::vector<std::string> expect, call_files, agents;
  std::string agent_talk, talk;
  double exit_after = 0;
  CarrierConfig config;
};

[[noreturn]] void fail(const std::string& why) {
  fmt::print(stderr, "carillon-carrier: {}\n", why);
  std::exit(2);
}

template <class T>
T or_fail(Result<T, std::string> result) {
  if (!result) fail(result.error());
  return std::move(*result);
}

void add_options(CLI::App& app, Arguments& a) {
  app.add_option("--listen", a.listen, "ADDRESS:PORT for SIP over UDP; port 0: any");
  app.add_option("--rtp-min", a.config.rtp_min, "first RTP port");
  app.add_option("--rtp-max", a.config.rtp_max, "last RTP port");
  app.add_option("--seed", a.config.seed, "replays the same behaviours for the same numbers");
  app.add_option("--behaviour-mix", a.mix, "person=.45,machine=.25,… for numbers that do not name their own");
  app.add_option("--voices", a.voices, "folder with person_*.wav, machine_*.wav, announce_*.wav")->required();
  app.add_option("--truth", a.truth, "file to write, one JSON line per call")->required();
  app.add_option("--expect", a.expect, "NAME=FILE.wav: a message to listen for; repeatable");
  app.add_option("--answer-delay", a.answer_delay, "MIN-MAX milliseconds of ringing instead of 2-8 s");
  app.add_option("--require-auth", a.require_auth, "USER:PASSWORD: challenge INVITE and REGISTER");
  app.add_flag("--auth-sha256", a.config.offers_sha256, "challenge with SHA-256 above MD5");
  app.add_option("--opt-out-rate", a.config.options.opt_out_rate, "share of people who press 9");
  app.add_option("--press-one-rate", a.config.options.press_one_rate, "share of people who press 1");
  app.add_option("--early-hang-up-rate", a.config.options.early_hang_up_rate, "share of people gone within seconds");
  app.add_option("--retry-after-rate", a.config.options.retry_after_rate, "share of 503 with Retry-After");
  app.add_option("--patient-rate", a.config.options.patient_rate, "share that lets the other side hang up");
  app.add_option("--call", a.call_files, "file of calls to place, one JSON object per line; repeatable");
  app.add_option("--agent", a.agents, "USER:PASSWORD@ADDRESS:PORT: a phone that registers there; repeatable");
  app.add_option("--agent-talk", a.agent_talk, "MIN-MAX milliseconds after which an agent hangs up");
  app.add_option("--talk", a.talk, "MIN-MAX milliseconds after which whoever hears an agent hangs up");
  app.add_option_function<unsigned>(
      "--media-timeout", [&a](unsigned ms) { a.config.options.media_timeout = std::chrono::milliseconds(ms); },
      "milliseconds without a packet after which a phone hangs up; 0: never");
  app.add_option("--keep-heard", a.keep_heard, "folder for a WAV of what each call heard");
  app.add_option("--exit-after", a.exit_after, "seconds after which it ends by itself");
}

std::pair<Duration, Duration> read_range(const std::string& option, const std::string& text) {
  unsigned low = 0, high = 0;
  if (std::sscanf(text.c_str(), "%u-%u", &low, &high) != 2 || low > high) fail(option + ": not MIN-MAX");
  return {std::chrono::milliseconds(low), std::chrono::milliseconds(high)};
}

void read_options(Arguments& a) {
  const auto listen = endpoint_of("sip:" + a.listen);
  if (!listen) fail("--listen: not ADDRESS:PORT");
  a.config.listen = *listen;
  if (a.config.rtp_min > a.config.rtp_max) fail("--rtp-min: above --rtp-max");
  if (!a.mix.empty()) a.config.options.mix = or_fail(Mix::parse(a.mix));
  if (!a.answer_delay.empty()) a.config.options.answer_delay = read_range("--answer-delay", a.answer_delay);
  if (!a.agent_talk.empty()) a.config.options.agent_talk = read_range("--agent-talk", a.agent_talk);
  if (!a.talk.empty()) a.config.options.talk = read_range("--talk", a.talk);
  for (const auto& agent : a.agents) a.config.agents.push_back(or_fail(parse_agent(agent)));
  if (const auto colon = a.require_auth.find(':'); !a.require_auth.empty()) {
    if (colon == std::string::npos) fail("--require-auth: not USER:PASSWORD");
    a.config.require_auth = Login{a.require_auth.substr(0, colon), a.require_auth.substr(colon + 1)};
  }
  if (a.exit_after > 0) a.config.exit_after = Duration(static_cast<Duration::rep>(a.exit_after * 1e9));
  for (const auto& file : a.call_files) {
    std::ifstream in(file);
    if (!in) fail(file + ": cannot be read");
    int number = 0;
    for (std::string line; std::getline(in, line);) {
      ++number;
      if (line.empty()) continue;
      auto order = parse_order(line);
      if (!order) fail(fmt::format("{}:{}: {}", file, number, order.error()));
      a.config.orders.push_back(std::move(*order));
    }
  }
}

std::vector<Expectation> read_expectations(const std::vector<std::string>& arguments) {
  std::vector<Expectation> out;
  for (const auto& argument : arguments) {
    const auto equals = argument.find('=');
    if (equals == std::string::npos) fail("--expect: not NAME=FILE");
    out.push_back({argument.substr(0, equals), or_fail(read_wav(argument.substr(equals + 1)))});
  }
  return out;
}

// Two sockets per call: as many as the system lets us have.
void raise_file_limit() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

int main(int argc, char** argv) {
  Arguments a;
  CLI::App app{"A SIP carrier with thousands of phones, for tests"};
  add_options(app, a);
  app.set_version_flag("--version", CARILLON_VERSION);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  read_options(a);
  raise_file_limit();

  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT}) sigaddset(&signals, signal);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);  // before the first thread
  const int signal_fd = ::signalfd(-1, &signals, SFD_CLOEXEC);

  const Library library = or_fail(Library::load(a.voices));
  std::FILE* truth_file = std::fopen(a.truth.c_str(), "w");
  if (!truth_file) fail(a.truth + ": cannot be written");
  CarrierCounts counts;
  {
    TruthWriter truth(truth_file, read_expectations(a.expect), a.keep_heard);
    const auto carrier = or_fail(Carrier::open(a.config, library, truth));
    fmt::print("ready {}\n", carrier->address().text());
    std::fflush(stdout);
    counts = carrier->run(signal_fd);
  }
  std::fclose(truth_file);
  fmt::print("invites {} calls_max {} malformed {} unknown {} late_beats {}\n", counts.invites, counts.calls_max,
             counts.malformed, counts.unknown, counts.late_beats);
  return 0;
}
