#pragma once
// What the load source tells the engine: its trunk, its calls and their plans.

#include <cstdint>
#include <string>
#include <vector>

#include "engine/link/engine.pb.h"

namespace carillon::bench {

struct LoadOptions {
  std::string engine, gateway, prompt, bridge;
  int calls = 100;
  double rate = 50;
  int talk_ms = 0;
  std::uint32_t media_timeout_ms = 0;  ///< 0: the engine's 30 s; a far side that only listens is no dead line
  int detect_every = 0;                ///< one call in so many is under detection all the time; 0: none
  bool records = false;
  bool prints_stats = false;
  std::uint32_t shards = 1;
  double patience_s = 30;
};

std::string hex_sha256(const std::string& bytes);

/// The trunk "bench" with one gateway "ADDRESS:PORT".
wire::ToEngine put_trunk(const std::string& gateway);

/// The call of `leg`, the `index`-th: plays `sha` (or keeps silent where it is empty) for talk_ms, then hangs up.
wire::ToEngine originate(std::uint64_t leg, int index, const LoadOptions& options, const std::string& sha);

/// A new detector for a leg whose last one has come to its verdict. It decides late and waits for a beep.
wire::ToEngine detect(std::uint64_t leg, const LoadOptions& options);

wire::ToEngine bridge(std::uint64_t leg, std::uint64_t other);

/// Ids for all legs, two by two to be bridged: both of a pair on one shard, or on two.
std::vector<std::uint64_t> leg_ids(const LoadOptions& options, std::uint64_t base);

}  // namespace carillon::bench
