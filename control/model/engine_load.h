#pragma once
// What an engine and its shards are doing now, as the API shows it.

#include <boost/describe.hpp>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "control/api/json/rules.h"
#include "engine/base/time.h"

namespace carillon::control {

/// How full a queue or a pool is.
struct QueueDepth {
  static constexpr const char* kSchema = "QueueDepth";
  std::string name;
  std::uint32_t used = 0, room = 0;
  static json::Rules rules();
};
BOOST_DESCRIBE_STRUCT(QueueDepth, (), (name, used, room))

/// One core of an engine. Counters run since the engine's start: rates are differences over those of `counted_at`.
struct ShardLoad {
  static constexpr const char* kSchema = "ShardLoad";
  std::uint32_t shard = 0;
  WallTime counted_at{};
  std::uint32_t legs = 0, bridges = 0, recordings = 0;
  std::uint64_t packets_in = 0, packets_out = 0, late_frames = 0;
  std::uint64_t originated = 0, answered = 0, incoming = 0;
  std::uint64_t busy_ns = 0, steps = 0, steps_idle = 0;
  std::uint32_t step_longest_us = 0, beat_latest_us = 0;
  double headroom_rate = 1;
  bool refuses = false;
  std::vector<QueueDepth> queues;
  std::map<std::string, std::uint64_t> drops;
  static json::Rules rules();
};
BOOST_DESCRIBE_STRUCT(ShardLoad, (),
                      (shard, counted_at, legs, bridges, recordings, packets_in, packets_out, late_frames, originated,
                       answered, incoming, busy_ns, steps, steps_idle, step_longest_us, beat_latest_us, headroom_rate,
                       refuses, queues, drops))

struct EngineLoad {
  static constexpr const char* kSchema = "Engine";
  std::string name;
  bool connected = false;
  std::optional<WallTime> since;
  std::string back_end, error;
  std::uint64_t memory_bytes = 0;
  std::vector<ShardLoad> shards;
  static json::Rules rules();
};
BOOST_DESCRIBE_STRUCT(EngineLoad, (), (name, connected, since, back_end, error, memory_bytes, shards))

}  // namespace carillon::control
