#pragma once

#include <array>
#include <cstdint>
#include <mutex>

#include "engine/base/time.h"

namespace carillon::control {

/// How long something takes, for monitoring: a histogram since the start and the longest of the last minute. Reading
/// changes nothing. Any thread; the clock is handed in.
class Delays {
 public:
  /// Upper bounds of the histogram; what is longer counts in a last bin of its own.
  static constexpr std::array<Duration, 12> kBounds = {1ms,   5ms,   10ms, 25ms,   50ms, 100ms,
                                                       250ms, 500ms, 1s,   2500ms, 5s,   10s};
  struct View {
    std::array<std::uint64_t, kBounds.size() + 1> counts{};  ///< by bin, not summed up
    std::uint64_t count = 0;
    Duration total{};
    Duration longest_of_minute{};
  };

  void note(Duration took, TimePoint now);
  View view(TimePoint now) const;

 private:
  static constexpr Duration kSlot = 5s;
  struct Slot {
    std::int64_t number = -1;  ///< since the clock's epoch
    Duration longest{};
  };

  mutable std::mutex mutex_;
  View sums_;
  std::array<Slot, 12> slots_{};  ///< the last minute, 5 s each, the one that runs included
};

}  // namespace carillon::control
