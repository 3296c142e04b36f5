#pragma once

#include <cstdint>
#include <deque>
#include <string>

#include "engine/base/time.h"

namespace carillon::dialer {

/// The abandonment account of one campaign: calls answered by a person and those of them abandoned, over rolling
/// windows. US: 3 % over 30 days (16 CFR 310.4(b)(4)); each day is held to the cap as well, so that no day is made up
/// for by the next. Counted in buckets of a minute.
class AbandonBudget {
 public:
  struct Config {
    double cap = 0.03;  ///< abandoned / answered by a person
    std::chrono::hours short_window{24};
    std::chrono::hours long_window{30 * 24};
  };
  explicit AbandonBudget(Config config) : config_(config) {}

  void answered(WallTime now) { note(now, 1, 0); }
  /// One that answered() has counted turned out abandoned.
  void abandoned(WallTime now) { note(now, 0, 1); }
  /// Counts brought back after a restart.
  void restore(WallTime minute, std::uint32_t answered, std::uint32_t abandoned) { note(minute, answered, abandoned); }

  /// May one more call be abandoned without breaking the cap in any window?
  bool has_room(WallTime now);
  struct Sum {
    std::uint64_t answered = 0, abandoned = 0;
    double rate() const { return answered == 0 ? 0 : static_cast<double>(abandoned) / static_cast<double>(answered); }
  };
  Sum short_sum(WallTime now);
  Sum long_sum(WallTime now);

 private:
  struct Bucket {
    WallTime minute;
    std::uint32_t answered = 0, abandoned = 0;
  };
  void note(WallTime now, std::uint32_t answered, std::uint32_t abandoned);
  void forget(WallTime now);

  Config config_;
  std::deque<Bucket> buckets_;  ///< the long window, oldest first
  std::size_t short_from_ = 0;  ///< first bucket of the short window
  Sum short_, long_;
};

}  // namespace carillon::dialer
