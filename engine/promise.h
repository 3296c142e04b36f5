#pragma once
// How many legs a shard of this box holds, as --self-test found it: written to DATA_DIR/self-test.json, read at start.

#include <cstdint>
#include <string>
#include <string_view>

#include "engine/base/result.h"

namespace carillon {

/// Of one back end on one machine.
struct Promise {
  std::string date;      ///< RFC 3339, of the test
  std::string version;   ///< of the program that tested
  std::string cpu;       ///< cpu_model()
  std::string back_end;  ///< family(): "uring", "mmsg", "dpdk"
  std::uint32_t legs_per_shard = 0;
};

/// Share of a core that a promise leaves: the gate opens above it again (call/admission.h, headroom_back).
constexpr double kPromisedHeadroom = 0.25;

/// Legs of that cost which leave kPromisedHeadroom of a core, of which `idle_rate` is spent whatever they are.
///
/// us_per_channel_second  processor time of one leg, its packets' way included, µs per second
constexpr std::uint32_t legs_within(double us_per_channel_second, double idle_rate) {
  const double left = 1 - kPromisedHeadroom - idle_rate;
  if (us_per_channel_second <= 0 || left <= 0) return 0;
  return static_cast<std::uint32_t>(left * 1e6 / us_per_channel_second);
}

/// "AMD EPYC 9R14" of /proc/cpuinfo; "unknown" where it does not tell.
std::string cpu_model();
/// "dpdk net_memif" → "dpdk".
std::string_view family(std::string_view back_end);

/// The promise in the text of a self-test's file that holds for this machine and back end, or a line for the log that
/// says why none does. The text may be anything.
Result<Promise, std::string> read_promise(std::string_view json, std::string_view cpu, std::string_view back_end);

}  // namespace carillon
