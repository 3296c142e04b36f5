#include "control/model/engine_load.h"

namespace carillon::control {

using json::Rule;
using json::Rules;

Rules QueueDepth::rules() {
  static constexpr Rule kRules[] = {
      {.field = "name", .about = "What waits there.", .required = true, .example = "\"commands\""},
      {.field = "used", .about = "Places taken now.", .required = true},
      {.field = "room", .about = "Places there are.", .required = true},
  };
  return kRules;
}

Rules ShardLoad::rules() {
  static constexpr Rule kRules[] = {
      {.field = "shard", .about = "The core's number, from 0.", .required = true},
      {.field = "counted_at",
       .about = "When the shard counted; a rate is a difference of counters over a difference of this.",
       .required = true},
      {.field = "legs", .about = "Now.", .required = true},
      {.field = "bridges", .about = "Now."},
      {.field = "recordings", .about = "Being written now."},
      {.field = "packets_in", .about = "Packets received since start."},
      {.field = "packets_out", .about = "Packets sent since start."},
      {.field = "late_frames", .about = "Frames that left late or not at all since start."},
      {.field = "originated", .about = "Calls placed since start."},
      {.field = "answered", .about = "Calls answered since start."},
      {.field = "incoming", .about = "Calls that came in since start."},
      {.field = "busy_ns", .about = "Time in steps that found something to do, since start."},
      {.field = "steps", .about = "Turns of the shard's loop since start."},
      {.field = "steps_idle", .about = "Those of them that found nothing to do."},
      {.field = "step_longest_us", .about = "The longest turn of the last second."},
      {.field = "beat_latest_us", .about = "How late the latest beat of the last second ran."},
      {.field = "headroom_rate",
       .about = "Share of the core that was left in the last second.",
       .required = true,
       .min = 0,
       .max = 1,
       .example = "0.8"},
      {.field = "refuses",
       .about = "Overloaded: calls that come in get 503 with Retry-After, calls out are refused.",
       .required = true},
      {.field = "queues", .about = "Queues and pools of the shard now."},
      {.field = "drops", .about = "What was dropped since start, by reason."},
  };
  return kRules;
}

Rules EngineLoad::rules() {
  static constexpr Rule kRules[] = {
      {.field = "name", .about = "As in control's configuration.", .required = true, .example = "\"engine-1\""},
      {.field = "connected", .about = "Is its link up?", .required = true},
      {.field = "since", .about = "Of that; null before the first try."},
      {.field = "back_end", .about = "How it moves packets, as it says itself.", .example = "\"uring\""},
      {.field = "error", .about = "Why it is not connected; empty when it is."},
      {.field = "memory_bytes", .about = "Resident memory, 0 when not connected."},
      {.field = "shards",
       .about = "One for each core, a second old at most; none while not connected or before the first report.",
       .required = true},
  };
  return kRules;
}

}  // namespace carillon::control
