#pragma once

#include <array>
#include <string>
#include <vector>

#include "dialer/compliance/zone.h"

namespace carillon::dialer {

/// When a person may be called, in that person's local time. Default: 8:00-21:00 every day (47 CFR 64.1200(c)(1)).
struct CallingWindow {
  struct Span {
    int from = 8 * 60;    ///< minute of the day, included
    int until = 21 * 60;  ///< minute of the day, excluded; ≤ 1440
  };
  std::array<std::vector<Span>, 7> days;  ///< by weekday, 0 Sunday
  std::vector<std::int64_t> holidays;     ///< local day numbers without calls

  CallingWindow() { days.fill({Span{}}); }

  bool is_open(const Zone& zone, WallTime at) const;
  /// The next instant ≥ `at` when it is open; WallTime::max() when it never is within 60 days.
  WallTime next_open(const Zone& zone, WallTime at) const;
  /// The first fault as "days/2/0/until: reason", or empty.
  std::string fault() const;
};

}  // namespace carillon::dialer
