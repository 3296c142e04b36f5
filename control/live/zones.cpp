#include "control/live/zones.h"

#include <date/tz.h>
#include <spdlog/spdlog.h>

#include <chrono>
#include <string>

namespace carillon::control {
namespace {

dialer::Zone zone_of(const date::time_zone& zone) {
  using std::chrono::milliseconds;
  using std::chrono::seconds;
  const date::sys_seconds last = date::sys_days{date::year{2045} / 1 / 1};
  std::vector<dialer::Zone::Transition> transitions;
  date::sys_seconds at = date::sys_days{date::year{2020} / 1 / 1};
  while (at < last) {
    const auto info = zone.get_info(at);
    transitions.push_back({WallTime(milliseconds(seconds(at.time_since_epoch().count()))), info.offset});
    if (info.end <= at) break;
    at = info.end;
  }
  transitions.front().from = WallTime::min();
  return dialer::Zone(std::move(transitions));
}

}  // namespace

dialer::Zones load_zones() {
  dialer::Zones zones;
  zones.put("UTC", dialer::Zone());
  try {
    const date::tzdb& database = date::get_tzdb();
    for (const auto& zone : database.zones) zones.put(zone.name(), zone_of(zone));
#if !USE_OS_TZDB
    for (const auto& link : database.links)
      if (const auto* zone = date::locate_zone(link.name())) zones.put(link.name(), zone_of(*zone));
#endif
  } catch (const std::exception& error) {
    spdlog::error("time zones: {}; only UTC is known", error.what());
  }
  return zones;
}

}  // namespace carillon::control
