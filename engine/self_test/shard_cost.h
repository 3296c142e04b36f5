#pragma once
// What a shard's own work costs on this box: legs above a port that moves nothing, in virtual time. RTP, jitter
// buffers, prompts, detection and books are all in it; the wire is not (wire.h).

#include <cstdint>
#include <string>

#include "engine/base/result.h"

namespace carillon::self_test {

struct ShardCost {
  double us_per_channel_second = 0;  ///< processor time of one leg, median of several runs
  double bytes_per_leg = 0;          ///< resident memory that legs and their pools took
  std::uint32_t legs = 0;
};

/// Sets up so many calls that play a prompt and hear speech, every tenth of them under detection, and runs a second.
/// On the calling thread. The error, a line for the operator, says what kept the calls from being set up.
Result<ShardCost, std::string> shard_cost(std::uint32_t legs);

}  // namespace carillon::self_test
