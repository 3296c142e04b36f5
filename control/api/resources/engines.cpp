// Engines and the load of their shards: for `carillon top`, and for who plans capacity.

#include <cmath>

#include "control/api/json/walker.h"
#include "control/api/plane.h"
#include "control/model/engine_load.h"

namespace carillon::control {
namespace {

constexpr auto kEngineSchema = [](boost::json::object& components) { return json::schema<EngineLoad>(components); };

ShardLoad load_of(const wire::ShardStats& from) {
  ShardLoad load{.shard = from.shard(),
                 .counted_at = WallTime(std::chrono::milliseconds(from.counted_ms())),
                 .legs = from.legs(),
                 .bridges = from.bridges(),
                 .recordings = from.recordings(),
                 .packets_in = from.packets_in(),
                 .packets_out = from.packets_out(),
                 .late_frames = from.late_frames(),
                 .originated = from.originated(),
                 .answered = from.answered(),
                 .incoming = from.incoming(),
                 .busy_ns = from.busy_ns(),
                 .steps = from.steps(),
                 .steps_idle = from.steps_idle(),
                 .step_longest_us = from.step_longest_us(),
                 .beat_latest_us = from.beat_latest_us(),
                 .headroom_rate = std::round(from.headroom_rate() * 1e4) / 1e4,  // a float's own digits end there
                 .refuses = from.refuses(),
                 .queues = {},
                 .drops = {from.drops().begin(), from.drops().end()}};
  for (const wire::Depth& depth : from.depths()) load.queues.push_back({depth.name(), depth.used(), depth.room()});
  return load;
}

EngineLoad load_of(const Live::EngineView& engine) {
  EngineLoad load{.name = engine.name,
                  .connected = engine.health.connected,
                  .since = {},
                  .back_end = engine.health.back_end,
                  .error = engine.health.error,
                  .memory_bytes = 0,
                  .shards = {}};
  if (engine.health.since != WallTime{}) load.since = engine.health.since;
  if (!load.connected) return load;  // what was last heard says nothing of now
  load.memory_bytes = engine.stats.memory_bytes();
  for (const wire::ShardStats& shard : engine.stats.shards()) load.shards.push_back(load_of(shard));
  return load;
}

Reply list(Plane& plane) {
  boost::json::array data;
  for (const auto& engine : plane.live.engines()) data.push_back(json::write(load_of(engine), json::Mode::kApi));
  return page_response(std::move(data), std::nullopt);
}

}  // namespace

std::vector<Operation> engine_operations(Plane& plane) {
  return {{.method = "GET",
           .path = "/v1/engines",
           .id = "listEngines",
           .summary = "Every engine and the load of each of its shards.",
           .gives = page_schema(kEngineSchema),
           .run = [&plane](Context&) { return list(plane); }}};
}

}  // namespace carillon::control
