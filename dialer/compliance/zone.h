#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "engine/base/time.h"

namespace carillon::dialer {

/// Local civil time, as a calling window asks for it.
struct LocalTime {
  std::int64_t day = 0;  ///< days since 1970-01-01, local
  int weekday = 0;       ///< 0 Sunday … 6 Saturday
  int minute = 0;        ///< of the local day, 0..1439
};

/// A time zone as data: its offsets from UTC by instant, so that nothing here reads a file and a test can make a
/// daylight-saving change of its own. control loads real ones (control/live/zones).
class Zone {
 public:
  struct Transition {
    WallTime from{};                 ///< first instant of the offset
    std::chrono::seconds offset{0};  ///< local = UTC + offset
  };
  /// UTC.
  Zone() : transitions_{{WallTime::min(), std::chrono::seconds(0)}} {}
  /// `transitions` sorted by `from`; before the first the first offset holds.
  explicit Zone(std::vector<Transition> transitions);

  LocalTime local(WallTime at) const;
  /// The first instant whose local time is at least `day` + `minute`. In a gap (clocks go forward) the instant after
  /// it; where a local time comes twice, its first.
  WallTime instant(std::int64_t day, int minute) const;

 private:
  std::chrono::seconds offset(WallTime at) const;
  std::vector<Transition> transitions_;
};

/// Zones by IANA name. An unknown name has none: the gate refuses rather than guesses.
class Zones {
 public:
  void put(std::string name, Zone zone) { zones_[std::move(name)] = std::move(zone); }
  const Zone* find(const std::string& name) const {
    const auto found = zones_.find(name);
    return found == zones_.end() ? nullptr : &found->second;
  }

 private:
  std::map<std::string, Zone> zones_;
};

}  // namespace carillon::dialer
