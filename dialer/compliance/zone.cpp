#include "dialer/compliance/zone.h"

#include <algorithm>

#include "engine/base/check.h"

namespace carillon::dialer {

Zone::Zone(std::vector<Transition> transitions) : transitions_(std::move(transitions)) {
  CHECK(!transitions_.empty());
  CHECK(std::ranges::is_sorted(transitions_, {}, &Transition::from));
}

std::chrono::seconds Zone::offset(WallTime at) const {
  const auto after = std::ranges::upper_bound(transitions_, at, {}, &Transition::from);
  return after == transitions_.begin() ? after->offset : std::prev(after)->offset;
}

LocalTime Zone::local(WallTime at) const {
  const auto civil = at.time_since_epoch() + offset(at);
  const auto day = std::chrono::floor<std::chrono::days>(civil);
  const auto minute = std::chrono::floor<std::chrono::minutes>(civil - day);
  const auto weekday = ((day.count() + 4) % 7 + 7) % 7;  // 1970-01-01 was a Thursday
  return {day.count(), static_cast<int>(weekday), static_cast<int>(minute.count())};
}

WallTime Zone::instant(std::int64_t day, int minute) const {
  const WallTime civil{std::chrono::days(day) + std::chrono::minutes(minute)};
  // An offset is within a day of zero, so the answer lies in the civil instant ± 1 day; its offset is one of those that
  // hold there. The earliest instant whose local time has reached the wanted one is the answer.
  WallTime best = WallTime::max();
  for (std::size_t i = 0; i < transitions_.size(); ++i) {
    const WallTime from = i == 0 ? WallTime::min() : transitions_[i].from;
    const WallTime until = i + 1 < transitions_.size() ? transitions_[i + 1].from : WallTime::max();
    const WallTime candidate = std::max(from, WallTime(civil - transitions_[i].offset));
    if (candidate < until) best = std::min(best, candidate);
  }
  return best;
}

}  // namespace carillon::dialer
