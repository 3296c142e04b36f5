// What is open without a token: health, metrics, and the documentation.

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "control/api/openapi.h"
#include "control/api/plane.h"
#include "control/connector/webhooks.h"

namespace carillon::control {
namespace {

Response typed(std::string body, std::string_view type) {
  Response response{.body = std::move(body)};
  response.set("Content-Type", type);
  return response;
}

// 200 while calls can be placed, 503 while they cannot.
Reply health(Plane& plane, Context& context) {
  boost::json::array engines;
  bool any = false;
  for (const auto& engine : plane.live.engines()) {
    any = any || engine.health.connected;
    engines.push_back(boost::json::object{{"name", engine.name},
                                          {"connected", engine.health.connected},
                                          {"since", rfc3339(engine.health.since)},
                                          {"back_end", engine.health.back_end},
                                          {"error", engine.health.error},
                                          {"legs", engine.stats.legs()}});
  }
  bool store = true;
  try {
    (void)plane.store.all(Kind::kProjects);
  } catch (const DatabaseError&) {
    store = false;
  }
  const bool ok = any && store;
  boost::json::object shown{{"status", ok ? "ok" : "degraded"},
                            {"time", rfc3339(context.now)},
                            {"store", store ? "ok" : "failing"},
                            {"engines", engines}};
  if (plane.campaigns != nullptr) {  // the longest of the last minute, each
    const auto pulse = plane.campaigns->pulse();
    const auto ms = [](const Delays::View& view) {
      return std::chrono::duration_cast<std::chrono::milliseconds>(view.longest_of_minute).count();
    };
    shown["dialer"] = boost::json::object{
        {"turn_max_ms", ms(pulse.turn)}, {"pause_max_ms", ms(pulse.pause)}, {"commit_max_ms", ms(pulse.commit)}};
  }
  return json_response(ok ? 200 : 503, shown);
}

std::string label(std::string_view text) {
  std::string out;
  for (const char letter : text)
    if (letter != '"' && letter != '\\' && letter != '\n') out += letter;
  return out;
}

void histogram(std::string& text, const std::string& name, const Delays::View& view, const char* help) {
  const auto seconds = [](Duration time) { return std::chrono::duration<double>(time).count(); };
  text += fmt::format("# HELP {} {}\n# TYPE {} histogram\n", name, help, name);
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < Delays::kBounds.size(); ++i) {
    sum += view.counts[i];
    text += fmt::format("{}_bucket{{le=\"{}\"}} {}\n", name, seconds(Delays::kBounds[i]), sum);
  }
  text += fmt::format("{}_bucket{{le=\"+Inf\"}} {}\n{}_sum {}\n{}_count {}\n", name, view.count, name,
                      seconds(view.total), name, view.count);
  const std::string longest = name.substr(0, name.size() - std::string("_seconds").size()) + "_longest_seconds";
  text += fmt::format("# HELP {} The longest of the last minute.\n# TYPE {} gauge\n{} {}\n", longest, longest, longest,
                      seconds(view.longest_of_minute));
}

// Each shard, with labels engine and shard. An engine that is not connected has none: what was last heard of it says
// nothing of now.
void shard_metrics(std::string& text, const std::vector<Live::EngineView>& engines) {
  using Shard = const wire::ShardStats&;
  const auto each = [&](const char* name, const char* kind, const char* help, auto line) {
    text += fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, help, name, kind);
    for (const auto& engine : engines)
      if (engine.health.connected)
        for (Shard shard : engine.stats.shards())
          line(fmt::format("{}{{engine=\"{}\",shard=\"{}\"", name, label(engine.name), shard.shard()), shard);
  };
  const auto one = [&](const char* name, const char* kind, const char* help, auto value) {
    each(name, kind, help,
         [&](const std::string& series, Shard shard) { text += fmt::format("{}}} {}\n", series, value(shard)); });
  };
  one("carillon_shard_legs", "gauge", "Legs.", [](Shard s) { return s.legs(); });
  one("carillon_shard_packets_received_total", "counter", "Packets.", [](Shard s) { return s.packets_in(); });
  one("carillon_shard_packets_sent_total", "counter", "Packets.", [](Shard s) { return s.packets_out(); });
  one("carillon_shard_headroom_ratio", "gauge", "Share of the core that was left in the last second.",
      [](Shard s) { return s.headroom_rate(); });
  one("carillon_shard_steps_total", "counter", "Turns of the loop.", [](Shard s) { return s.steps(); });
  one("carillon_shard_idle_steps_total", "counter", "Turns that found nothing to do.",
      [](Shard s) { return s.steps_idle(); });
  one("carillon_shard_busy_seconds_total", "counter", "Time in turns that found something to do.",
      [](Shard s) { return static_cast<double>(s.busy_ns()) / 1e9; });
  one("carillon_shard_step_longest_seconds", "gauge", "The longest turn of the last second.",
      [](Shard s) { return s.step_longest_us() / 1e6; });
  one("carillon_shard_beat_latest_seconds", "gauge", "How late the latest beat of the last second ran.",
      [](Shard s) { return s.beat_latest_us() / 1e6; });
  one("carillon_shard_late_frames_total", "counter", "Frames that left late or not at all.",
      [](Shard s) { return s.late_frames(); });
  one("carillon_shard_refusing", "gauge", "1 while overloaded: no new call is taken.",
      [](Shard s) { return s.refuses() ? 1 : 0; });
  each("carillon_shard_drops_total", "counter", "What was dropped, by reason.",
       [&](const std::string& series, Shard shard) {
         for (const auto& [reason, count] : std::map(shard.drops().begin(), shard.drops().end()))
           text += fmt::format("{},reason=\"{}\"}} {}\n", series, label(reason), count);
       });
  const auto queues = [&](const char* name, const char* help, auto value) {
    each(name, "gauge", help, [&](const std::string& series, Shard shard) {
      for (const wire::Depth& depth : shard.depths())
        text += fmt::format("{},queue=\"{}\"}} {}\n", series, label(depth.name()), value(depth));
    });
  };
  queues("carillon_shard_queue_depth", "Places taken in a queue or pool.", [](const auto& d) { return d.used(); });
  queues("carillon_shard_queue_room", "Places there are in a queue or pool.", [](const auto& d) { return d.room(); });
}

// Prometheus text format 0.0.4: base units, _total on counters, no numbers or call ids as labels.
std::string metrics(Plane& plane) {
  std::string text;
  const auto head = [&](const char* name, const char* kind, const char* help) {
    text += fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, help, name, kind);
  };
  head("carillon_calls", "gauge", "Calls that have not ended.");
  for (const auto& [state, count] : plane.live.calls_by_state())
    text += fmt::format("carillon_calls{{state=\"{}\"}} {}\n", state, count);
  head("carillon_http_responses_total", "counter", "Answers by status class.");
  for (const auto& [kind, count] : plane.service.answered())
    text += fmt::format("carillon_http_responses_total{{class=\"{}\"}} {}\n", kind, count);
  head("carillon_store_commits_total", "counter", "Transactions of the call store.");
  text += fmt::format("carillon_store_commits_total {}\n", plane.store.commits());

  if (plane.campaigns != nullptr) {
    const auto pulse = plane.campaigns->pulse();
    histogram(text, "carillon_dialer_turn_seconds", pulse.turn, "One turn of the campaigns' driver.");
    histogram(text, "carillon_dialer_pause_seconds", pulse.pause, "Between two turns; 0.25 when all is quiet.");
    histogram(text, "carillon_dialer_commit_seconds", pulse.commit,
              "From a decision to dial to its attempts on disk and their calls sent.");
  }
  if (plane.webhooks != nullptr) {
    const auto figures = plane.webhooks->figures();
    head("carillon_webhook_deliveries_total", "counter", "Deliveries that ended, by how.");
    text += fmt::format("carillon_webhook_deliveries_total{{state=\"delivered\"}} {}\n", figures.delivered);
    text += fmt::format("carillon_webhook_deliveries_total{{state=\"failed\"}} {}\n", figures.given_up);
    head("carillon_webhook_failed_tries_total", "counter", "Requests that were not taken.");
    text += fmt::format("carillon_webhook_failed_tries_total {}\n", figures.failed_tries);
    head("carillon_webhook_deliveries_pending", "gauge", "Deliveries that wait or are on their way.");
    text += fmt::format("carillon_webhook_deliveries_pending {}\n", figures.pending);
  }

  const auto engines = plane.live.engines();
  const auto each = [&](const char* name, const char* kind, const char* help, auto value) {
    head(name, kind, help);
    for (const auto& engine : engines)
      text += fmt::format("{}{{engine=\"{}\"}} {}\n", name, label(engine.name), value(engine));
  };
  using View = const Live::EngineView&;
  each("carillon_engine_connected", "gauge", "1 while the link is up.",
       [](View v) { return v.health.connected ? 1 : 0; });
  each("carillon_engine_legs", "gauge", "Legs.", [](View v) { return v.stats.legs(); });
  each("carillon_engine_bridges", "gauge", "Bridges.", [](View v) { return v.stats.bridges(); });
  each("carillon_engine_recordings", "gauge", "Recordings being written.", [](View v) { return v.stats.recordings(); });
  each("carillon_engine_packets_received_total", "counter", "RTP packets.",
       [](View v) { return v.stats.packets_in(); });
  each("carillon_engine_packets_sent_total", "counter", "RTP packets.", [](View v) { return v.stats.packets_out(); });
  each("carillon_engine_late_frames_total", "counter", "Frames that left late.",
       [](View v) { return v.stats.late_frames(); });
  each("carillon_engine_originated_total", "counter", "Calls placed.", [](View v) { return v.stats.originated(); });
  each("carillon_engine_answered_total", "counter", "Calls answered.", [](View v) { return v.stats.answered(); });
  each("carillon_engine_incoming_total", "counter", "Calls that came in.", [](View v) { return v.stats.incoming(); });
  each("carillon_engine_busy_seconds_total", "counter", "Time shards spent working.",
       [](View v) { return static_cast<double>(v.stats.busy_ns()) / 1e9; });
  each("carillon_engine_memory_bytes", "gauge", "Resident memory.", [](View v) { return v.stats.memory_bytes(); });
  head("carillon_engine_drops_total", "counter", "What was dropped, by reason.");
  for (const auto& engine : engines)
    for (const auto& [reason, count] : engine.stats.drops())
      text += fmt::format("carillon_engine_drops_total{{engine=\"{}\",reason=\"{}\"}} {}\n", label(engine.name),
                          label(reason), count);
  shard_metrics(text, engines);
  return text;
}

Reply error_doc(const Context& context) {
  const auto& code = context.path.at("code");
  for (const ProblemKind& kind : problem_catalogue())
    if (kind.code == code) return typed(error_page(kind), "text/html; charset=utf-8");
  return Problem{.code = "not_found", .detail = "no error of that code"};
}

Operation open_page(const char* path, const char* id, const char* summary, const char* type,
                    std::function<Reply(Context&)> run) {
  return {.method = "GET",
          .path = path,
          .id = id,
          .summary = summary,
          .open = true,
          .produces = type,
          .run = std::move(run)};
}

}  // namespace

std::vector<Operation> system_operations(Plane& plane) {
  const auto check = [&plane](Context& context) { return health(plane, context); };
  const char* html = "text/html";
  auto metrics_page = open_page(
      "/metrics", "getMetrics", "Prometheus text.", "text/plain",
      [&plane](Context&) -> Reply { return typed(metrics(plane), "text/plain; version=0.0.4; charset=utf-8"); });
  metrics_page.open = false;
  return {
      open_page("/health", "getHealth", "Control, store and engines; 503 while no call can be placed.",
                "application/json", check),
      open_page("/v1/health", "getHealthV1", "The same.", "application/json", check),
      metrics_page,
      open_page("/v1/openapi.json", "getOpenApi", "This API as OpenAPI 3.1.", "application/json",
                [&plane](Context&) -> Reply { return json_response(200, openapi(plane.service.operations())); }),
      open_page("/docs", "getDocs", "This API for people.", html,
                [&plane](Context&) -> Reply {
                  return typed(docs_page(plane.service.operations()), "text/html; charset=utf-8");
                }),
      open_page("/docs/errors", "listErrors", "Every error code.", html,
                [](Context&) -> Reply { return typed(errors_page(), "text/html; charset=utf-8"); }),
      open_page("/docs/errors/{code}", "getError", "One error code: meaning and what to do.", html,
                [](Context& context) -> Reply { return error_doc(context); }),
  };
}

}  // namespace carillon::control
