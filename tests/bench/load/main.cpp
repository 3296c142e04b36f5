// carillon-load: control's end of the engine link with nothing behind it. It places calls at a rate and says how they
// went, so that the engine is measured without a data base and HTTP beside it.
//
//   carillon-load --engine unix:PATH --gateway 127.0.0.1:5070 --calls 1000 --rate 200 [--prompt FILE.wav] [--talk-ms 0]
//                 [--bridge same|across --shards 2]   joins the calls two by two once all are up
//                 [--detect-every 10] [--record] [--stats]
// prints "steady" when all calls are up (or, with --talk-ms 0, nothing) and one line of JSON at the end; with --stats
// also each of the engine's Stats: "stats " and the message as JSON, `wall_ms` beside its fields.

#include <fmt/format.h>
#include <google/protobuf/util/json_util.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <optional>
#include <thread>

#include "control/link/engine_link.h"
#include "tests/bench/load/books.h"
#include "tests/bench/load/commands.h"

namespace {

using namespace carillon;
using namespace carillon::bench;
using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

constexpr auto kBatch = std::chrono::milliseconds(1);  ///< calls that are due within one leave together

void print_line(const std::string& line) {
  fmt::print("{}\n", line);
  std::fflush(stdout);
}

/// The whole message, whatever fields its schema has by then.
void print_stats(const wire::FromEngine& event) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  options.always_print_primitive_fields = true;
  std::string json;
  if (!google::protobuf::util::MessageToJsonString(event.stats(), &json, options).ok()) return;
  print_line(fmt::format("stats {{\"wall_ms\":{},{}", event.wall_ms(), json.substr(1)));
}

/// The prompt's name once the engine has it; empty without one; nothing when it can't be had.
std::optional<std::string> upload(control::EngineLink& link, const std::string& path) {
  if (path.empty()) return "";
  std::ifstream in(path, std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(in)), {});
  const std::string sha = hex_sha256(bytes);
  const auto uploaded = link.upload_prompt(sha, bytes);
  if (uploaded && uploaded->present()) return sha;
  fmt::print(stderr, "prompt: {}\n", uploaded ? uploaded->error() : uploaded.error().text);
  return std::nullopt;
}

void place_calls(control::EngineLink& link, Books& books, const LoadOptions& options,
                 const std::vector<std::uint64_t>& ids, const std::string& sha) {
  const auto start = Clock::now();
  for (int placed = 0; placed < options.calls;) {
    const double elapsed = Seconds(Clock::now() - start).count();
    const int due = std::min(options.calls, 1 + static_cast<int>(elapsed * options.rate));
    for (; placed < due; ++placed) {
      const std::uint64_t leg = ids[static_cast<std::size_t>(placed)];
      books.note_asked(leg);
      if (link.send(originate(leg, placed, options, sha)) == 0) fmt::print(stderr, "the link's queue is full\n");
    }
    const auto next = start + std::chrono::duration_cast<Clock::duration>(Seconds(placed / options.rate));
    std::this_thread::sleep_until(std::max(next, Clock::now() + kBatch));
  }
}

bool is_ready(control::EngineLink& link, Books& books, const LoadOptions& options) {
  if (!books.wait_connected(Seconds(10))) {
    fmt::print(stderr, "no engine at {}: {}\n", options.engine, link.health().error);
    return false;
  }
  if (link.call(put_trunk(options.gateway), std::chrono::seconds(5))) return true;
  fmt::print(stderr, "the trunk was refused\n");
  return false;
}

void print_sums(const Books::Sums& sums, const LoadOptions& options, double seconds) {
  print_line(
      fmt::format("{{\"calls\":{},\"answered\":{},\"good\":{},\"refused\":{},\"open\":{},\"seconds\":{:.2f},"
                  "\"calls_per_second\":{:.1f},\"setup_p50_ms\":{:.2f},\"setup_p99_ms\":{:.2f},\"setup_max_ms\":{:.2f},"
                  "\"verdicts\":{},\"recordings\":{},\"first_reason\":\"{}\"}}",
                  options.calls, sums.answered, sums.good, sums.refused, options.calls - sums.over(), seconds,
                  options.calls / seconds, sums.setup_p50_ms, sums.setup_p99_ms, sums.setup_max_ms, sums.verdicts,
                  sums.recordings, sums.first_reason));
}

int run(const LoadOptions& options) {
  Books books(options.calls);
  control::EngineLinkConfig config;
  config.control = "load";
  config.address = options.engine;
  control::EngineLink* to_engine = nullptr;
  control::EngineLinkHandlers handlers;
  handlers.event = [&](const wire::FromEngine& event) {
    if (event.has_stats() && options.prints_stats) print_stats(event);
    if (books.note(event) && options.detect_every > 0) to_engine->send(detect(event.detection().leg(), options));
    return true;
  };
  handlers.connected = [&](const wire::Welcome&) { books.note_connected(); };
  control::EngineLink link(config, handlers, {});
  to_engine = &link;
  link.start();
  if (!is_ready(link, books, options)) return 1;
  const auto sha = upload(link, options.prompt);
  if (!sha) return 1;

  const auto base =
      static_cast<std::uint64_t>(std::chrono::system_clock::now().time_since_epoch().count()) >> 8 << 20 >> 1;
  const auto ids = leg_ids(options, base);
  const auto start = Clock::now();
  place_calls(link, books, options, ids, *sha);
  const Seconds patience(options.patience_s);
  if (options.talk_ms > 0) {
    books.wait_settled(options.calls, patience);
    for (std::size_t i = 0; !options.bridge.empty() && i + 1 < ids.size(); i += 2)
      if (link.send(bridge(ids[i], ids[i + 1])) == 0) fmt::print(stderr, "the link's queue is full\n");
    const auto sums = books.sums();
    print_line(fmt::format("steady {} {}", sums.answered, sums.first_reason));
  }
  const bool all = books.wait_over(options.calls, patience + std::chrono::milliseconds(options.talk_ms));
  print_sums(books.sums(), options, Seconds(Clock::now() - start).count());
  link.stop();
  return all ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("places calls through the engine link at a rate");
  LoadOptions options;
  app.add_option("--engine", options.engine)->required();
  app.add_option("--gateway", options.gateway)->required();
  app.add_option("--calls", options.calls)->check(CLI::PositiveNumber);
  app.add_option("--rate", options.rate, "calls per second")->check(CLI::PositiveNumber);
  app.add_option("--prompt", options.prompt, "WAV played over and over");
  app.add_option("--talk-ms", options.talk_ms, "0: hang up at answer");
  app.add_option("--media-timeout-ms", options.media_timeout_ms,
                 "without speech from the far side; 0: the engine's own");
  app.add_option("--detect-every", options.detect_every, "one call in so many is under detection all along");
  app.add_flag("--record", options.records, "both sides of each call; of a pair, one recording has both");
  app.add_flag("--stats", options.prints_stats, "print each of the engine's Stats");
  app.add_option("--bridge", options.bridge, "same or across")->check(CLI::IsMember({"same", "across"}));
  app.add_option("--shards", options.shards, "of the engine");
  app.add_option("--patience", options.patience_s, "seconds to wait for what is missing");
  CLI11_PARSE(app, argc, argv);
  return run(options);
}
