#include "dialer/compliance/window.h"

#include <fmt/format.h>

#include <algorithm>

namespace carillon::dialer {
namespace {

constexpr int kMinutesOfDay = 24 * 60;

}  // namespace

bool CallingWindow::is_open(const Zone& zone, WallTime at) const {
  const LocalTime local = zone.local(at);
  if (std::ranges::find(holidays, local.day) != holidays.end()) return false;
  return std::ranges::any_of(days[static_cast<std::size_t>(local.weekday)],
                             [&](Span span) { return span.from <= local.minute && local.minute < span.until; });
}

WallTime CallingWindow::next_open(const Zone& zone, WallTime at) const {
  if (is_open(zone, at)) return at;
  const std::int64_t today = zone.local(at).day;
  for (std::int64_t day = today; day <= today + 60; ++day) {
    WallTime best = WallTime::max();
    const auto weekday = static_cast<std::size_t>(((day + 4) % 7 + 7) % 7);
    for (const Span& span : days[weekday]) {
      const WallTime opens = std::max(at, zone.instant(day, span.from));
      if (opens < best && is_open(zone, opens)) best = opens;
    }
    if (best != WallTime::max()) return best;
  }
  return WallTime::max();
}

std::string CallingWindow::fault() const {
  for (std::size_t day = 0; day < days.size(); ++day)
    for (std::size_t i = 0; i < days[day].size(); ++i) {
      const Span span = days[day][i];
      if (span.from < 0 || span.from >= kMinutesOfDay) return fmt::format("days/{}/{}/from: 0 to 1439 minutes", day, i);
      if (span.until <= span.from || span.until > kMinutesOfDay)
        return fmt::format("days/{}/{}/until: after from and at most 1440", day, i);
    }
  return {};
}

}  // namespace carillon::dialer
