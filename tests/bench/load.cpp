// carillon-load: control's end of the engine link with nothing behind it. It places calls at a rate and says how they
// went, so that the engine is measured without a data base and HTTP beside it.
//
//   carillon-load --engine unix:PATH --gateway 127.0.0.1:5070 --calls 1000 --rate 200 [--prompt FILE.wav] [--talk-ms 0]
//                 [--bridge same|across --shards 2]   joins the calls two by two once all are up
// prints "steady" when all calls are up (or, with --talk-ms 0, nothing) and one line of JSON at the end.

#include <fmt/format.h>
#include <openssl/sha.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <fstream>
#include <iterator>
#include <mutex>
#include <set>
#include <thread>
#include <unordered_map>

#include "control/link/engine_link.h"
#include "engine/call/command.h"

namespace {

using namespace carillon;
using Clock = std::chrono::steady_clock;

struct Options {
  std::string engine, gateway, prompt, bridge;
  int calls = 100;
  double rate = 50;
  int talk_ms = 0;
  std::uint32_t shards = 1;
  double patience_s = 30;
};

/// What has come back so far. Written on the link's thread.
struct Books {
  std::mutex mutex;
  std::condition_variable changed;
  std::unordered_map<std::uint64_t, Clock::time_point> asked;
  std::vector<double> setup_ms;
  int answered = 0, ended = 0, good = 0, refused = 0;
  std::string first_reason;
  bool connected = false;

  bool on_event(const wire::FromEngine& event) {
    std::lock_guard lock(mutex);
    if (event.has_done() && !event.done().ok()) {
      ++refused;
      if (first_reason.empty()) first_reason = event.done().error();
    }
    if (event.has_leg() && event.leg().state() == wire::LegState::ANSWERED) {
      ++answered;
      const auto at = asked.find(event.leg().leg());
      if (at != asked.end())
        setup_ms.push_back(std::chrono::duration<double, std::milli>(Clock::now() - at->second).count());
    }
    if (event.has_leg() && event.leg().state() == wire::LegState::ENDED) {
      ++ended;
      good += event.leg().sip_status() == 200;
      if (event.leg().sip_status() != 200 && first_reason.empty()) first_reason = event.leg().reason();
    }
    changed.notify_all();
    return true;
  }
};

std::string hex_sha256(const std::string& bytes) {
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest);
  std::string out;
  for (const unsigned char byte : digest) out += fmt::format("{:02x}", byte);
  return out;
}

wire::ToEngine trunk(const std::string& gateway) {
  wire::ToEngine command;
  auto& put = *command.mutable_put_trunk();
  put.set_id("bench");
  put.set_name("bench");
  const auto colon = gateway.rfind(':');
  put.add_gateways()->set_address(gateway.substr(0, colon));
  put.mutable_gateways(0)->set_port(static_cast<std::uint32_t>(std::stoul(gateway.substr(colon + 1))));
  put.add_codecs("PCMU");
  return command;
}

wire::ToEngine originate(std::uint64_t leg, const Options& options, const std::string& sha) {
  wire::ToEngine command;
  auto& call = *command.mutable_originate();
  call.set_leg(leg);
  call.add_trunks("bench");
  call.set_from("+12125550999");
  call.set_to(fmt::format("+1555{:07}", leg % 10'000'000));
  auto& first = *call.mutable_plan()->add_states();
  first.set_name("load");
  if (options.talk_ms == 0) {
    first.mutable_hangup()->set_cause(16);
    return command;
  }
  if (sha.empty()) {
    first.mutable_wait()->set_for_ms(0);
  } else {
    first.mutable_play()->add_prompts(sha);
    first.mutable_play()->set_loops(100'000);
  }
  first.set_timeout_ms(static_cast<std::uint32_t>(options.talk_ms));
  auto& over = *first.add_on();
  over.set_event(wire::TIMEOUT);
  over.set_next(1);
  auto& last = *call.mutable_plan()->add_states();
  last.set_name("end");
  last.mutable_hangup()->set_cause(16);
  return command;
}

/// Ids for `calls` legs, two by two to be bridged: both of a pair on one shard, or on two.
std::vector<std::uint64_t> leg_ids(const Options& options, std::uint64_t base) {
  std::vector<std::uint64_t> ids;
  for (std::uint64_t next = base + 1; ids.size() < static_cast<std::size_t>(options.calls); ++next) {
    const auto pair = static_cast<std::uint32_t>(ids.size() / 2);
    const auto second = static_cast<std::uint32_t>(options.bridge == "across" ? ids.size() % 2 : 0);
    const bool is_free = options.bridge.empty();
    if (is_free || call::shard_of({next}, options.shards) == (pair + second) % options.shards) ids.push_back(next);
  }
  return ids;
}

void bridge_all(control::EngineLink& link, const std::vector<std::uint64_t>& ids) {
  for (std::size_t i = 0; i + 1 < ids.size(); i += 2) {
    wire::ToEngine command;
    command.mutable_bridge()->set_leg(ids[i]);
    command.mutable_bridge()->set_other(ids[i + 1]);
    if (link.send(command) == 0) fmt::print(stderr, "the link's queue is full\n");
  }
}

double quantile(std::vector<double> values, double q) {
  if (values.empty()) return 0;
  std::ranges::sort(values);
  return values[std::min(values.size() - 1, static_cast<std::size_t>(q * static_cast<double>(values.size())))];
}

int run(const Options& options) {
  Books books;
  control::EngineLinkConfig config;
  config.control = "load";
  config.address = options.engine;
  control::EngineLinkHandlers handlers;
  handlers.event = [&](const wire::FromEngine& event) { return books.on_event(event); };
  handlers.connected = [&](const wire::Welcome&) {
    std::lock_guard lock(books.mutex);
    books.connected = true;
    books.changed.notify_all();
  };
  control::EngineLink link(config, handlers, {});
  link.start();
  {
    std::unique_lock lock(books.mutex);
    if (!books.changed.wait_for(lock, std::chrono::seconds(10), [&] { return books.connected; })) {
      fmt::print(stderr, "no engine at {}: {}\n", options.engine, link.health().error);
      return 1;
    }
  }
  std::string sha;
  if (!options.prompt.empty()) {
    std::ifstream in(options.prompt, std::ios::binary);
    const std::string bytes((std::istreambuf_iterator<char>(in)), {});
    sha = hex_sha256(bytes);
    const auto uploaded = link.upload_prompt(sha, bytes);
    if (!uploaded || !uploaded->present()) {
      fmt::print(stderr, "prompt: {}\n", uploaded ? uploaded->error() : uploaded.error().text);
      return 1;
    }
  }
  if (!link.call(trunk(options.gateway), std::chrono::seconds(5))) {
    fmt::print(stderr, "the trunk was refused\n");
    return 1;
  }

  const auto start = Clock::now();
  const auto base =
      static_cast<std::uint64_t>(std::chrono::system_clock::now().time_since_epoch().count()) >> 8 << 20 >> 1;
  const auto ids = leg_ids(options, base);
  for (int i = 0; i < options.calls; ++i) {
    std::this_thread::sleep_until(
        start + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(i / options.rate)));
    const std::uint64_t leg = ids[static_cast<std::size_t>(i)];
    {
      std::lock_guard lock(books.mutex);
      books.asked.emplace(leg, Clock::now());
    }
    if (link.send(originate(leg, options, sha)) == 0) fmt::print(stderr, "the link's queue is full\n");
  }
  const auto patience = std::chrono::duration<double>(options.patience_s);
  std::unique_lock lock(books.mutex);
  if (options.talk_ms > 0) {
    books.changed.wait_for(lock, patience,
                           [&] { return books.answered + books.refused + books.ended - books.good >= options.calls; });
    if (!options.bridge.empty()) {
      lock.unlock();
      bridge_all(link, ids);
      lock.lock();
    }
    fmt::print("steady {}\n", books.answered);
    std::fflush(stdout);
  }
  const auto longest = patience + std::chrono::milliseconds(options.talk_ms);
  const bool all = books.changed.wait_for(lock, longest, [&] { return books.ended + books.refused >= options.calls; });
  const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
  fmt::print(
      "{{\"calls\":{},\"answered\":{},\"good\":{},\"refused\":{},\"open\":{},\"seconds\":{:.2f},\"calls_per_second\":{:"
      ".1f},"
      "\"setup_p50_ms\":{:.2f},\"setup_p99_ms\":{:.2f},\"first_reason\":\"{}\"}}\n",
      options.calls, books.answered, books.good, books.refused, options.calls - books.ended - books.refused, seconds,
      options.calls / seconds, quantile(books.setup_ms, 0.5), quantile(books.setup_ms, 0.99), books.first_reason);
  lock.unlock();
  link.stop();
  return all ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("places calls through the engine link at a rate");
  Options options;
  app.add_option("--engine", options.engine)->required();
  app.add_option("--gateway", options.gateway)->required();
  app.add_option("--calls", options.calls);
  app.add_option("--rate", options.rate, "calls per second");
  app.add_option("--prompt", options.prompt, "WAV played over and over");
  app.add_option("--talk-ms", options.talk_ms, "0: hang up at answer");
  app.add_option("--bridge", options.bridge, "same or across")->check(CLI::IsMember({"same", "across"}));
  app.add_option("--shards", options.shards, "of the engine");
  app.add_option("--patience", options.patience_s, "seconds to wait for what is missing");
  CLI11_PARSE(app, argc, argv);
  return run(options);
}
