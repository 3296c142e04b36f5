#pragma once
// The machine by itself: clock, memory, disk. What enters is the configuration, what leaves are figures.

#include <cstddef>
#include <string>

#include "engine/base/result.h"
#include "engine/base/time.h"
#include "engine/config.h"

namespace carillon::self_test {

/// How late a thread was that wanted to act every 500 µs.
struct Lateness {
  Duration p50{0}, p99{0}, p999{0}, max{0};
  double busy_rate = 0;  ///< processor time taken, 0..1 of the core
};

/// On the calling thread, for `time`. A gap counts for each moment that it covers, as each would have been a beat. It
/// sleeps from one to the next, or looks at the clock all the time.
Lateness lateness(bool sleeps, Duration time);

/// Bytes, but for the limit: -1 is none.
struct Memory {
  std::int64_t available = 0, wanted = 0;                 ///< for calls_max legs and what surrounds them
  std::int64_t lock_limit = -1, lock_wanted = 0;          ///< lock_wanted 0: nothing known is locked
  std::int64_t hugepages_free = 0, hugepages_wanted = 0;  ///< wanted 0: this back end needs none
};
/// `leg_bytes` as measured (shard_cost.h).
Memory memory(const EngineConfig& config, double leg_bytes);

/// Bytes per second into a file of that size in `folder`, all of it on the disk, after which the file is gone. Ends
/// early after 3 s.
Result<double, std::string> disk_rate(const std::string& folder, std::size_t size);

/// Resident bytes of this process.
std::int64_t resident();
/// Processor time of the calling thread.
Duration thread_time();

}  // namespace carillon::self_test
