#pragma once

#include <algorithm>
#include <cstdint>

#include "engine/base/time.h"

namespace carillon::io {

/// When a sleeping port wakes its thread. Waking costs as much as moving four packets, so while many come they gather
/// for a while and are taken in one go; while few come, each wakes at once. A pure rule over what it is told.
class Gathering {
 public:
  static constexpr Duration kTimeMax = 500us;   ///< what a packet may wait: a slot of the media wheel
  static constexpr std::int64_t kPerMsMin = 4;  ///< from so many packets per ms on: as 80 channels receive
  static constexpr Duration kWindow = 4ms;      ///< the rate is judged over this, or over a longer sleep

  /// Until when to sleep, and how many packets end it sooner.
  struct Sleep {
    TimePoint until;
    std::uint32_t packets = 1;
  };

  /// `full` is how many packets are never left waiting: they would run short of buffers.
  explicit Gathering(std::uint32_t full) : full_(full) {}

  void note_received(std::size_t packets) { count_ += static_cast<std::int64_t>(packets); }

  /// For a sleep that begins now and that ends at `until` whatever comes.
  Sleep next(TimePoint now, TimePoint until) {
    if (const Duration window = now - since_; window >= kWindow) {
      gathers_ = count_ >= kPerMsMin * (window / 1ms);
      count_ = 0;
      since_ = now;
    }
    if (!gathers_) return {until, 1};
    return {std::min(until, now + kTimeMax), full_};
  }

 private:
  std::uint32_t full_;
  std::int64_t count_ = 0;
  TimePoint since_{};
  bool gathers_ = false;
};

}  // namespace carillon::io
