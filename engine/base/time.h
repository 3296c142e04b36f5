#pragma once
// Two clocks that never mix: TimePoint for timers and media, WallTime for calling hours and records.

#include <chrono>
#include <string>

namespace carillon {

using namespace std::chrono_literals;

/// Monotonic time; never goes back. Code takes `TimePoint now`; only main.cpp and the I/O rooms call now().
struct MonoClock {
  using duration = std::chrono::nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<MonoClock>;
  static constexpr bool is_steady = true;
  static time_point now() noexcept {
    return time_point(std::chrono::duration_cast<duration>(std::chrono::steady_clock::now().time_since_epoch()));
  }
};
using TimePoint = MonoClock::time_point;
using Duration = MonoClock::duration;

/// UTC with milliseconds.
using WallTime = std::chrono::sys_time<std::chrono::milliseconds>;
inline WallTime wall_now() {
  return std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

/// "2026-01-02T03:04:05.678Z" (RFC 3339).
std::string rfc3339(WallTime time);

}  // namespace carillon
