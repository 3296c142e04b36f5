#include "dialer/compliance/gate.h"

#include <gtest/gtest.h>

namespace carillon::dialer {
namespace {

using namespace std::chrono;

// US Eastern in 2026: daylight-saving time from 8 March 07:00 UTC to 1 November 06:00 UTC.
Zone eastern() {
  return Zone({{WallTime::min(), hours(-5)},
               {sys_days(2026y / 3 / 8) + 7h, hours(-4)},
               {sys_days(2026y / 11 / 1) + 6h, hours(-5)}});
}

struct Rules {
  Rules() { zones.put("America/New_York", eastern()); }
  Zones zones;
  DoNotCall do_not_call;
  CallingWindow window;
  AttemptLimits limits;
  std::string time_zone = "America/New_York";
  const DoNotCall* lists[1] = {&do_not_call};
  Gate gate() { return Gate{zones, lists, window, limits, time_zone}; }
};

Lead lead() { return Lead{.id = LeadId{1}, .number = "+12125550100", .time_zone = {}}; }

constexpr WallTime kNoon = sys_days(2026y / 7 / 1) + 16h;  // 12:00 in New York

TEST(Gate, AllowsWithinTheWindowAndRefusesOutside) {
  Rules rules;
  EXPECT_EQ(rules.gate().check(lead(), kNoon), Refusal::kNone);
  EXPECT_EQ(rules.gate().check(lead(), sys_days(2026y / 7 / 1) + 11h + 59min), Refusal::kOutsideWindow);
  EXPECT_EQ(rules.gate().check(lead(), sys_days(2026y / 7 / 1) + 12h), Refusal::kNone);          // 8:00
  EXPECT_EQ(rules.gate().check(lead(), sys_days(2026y / 7 / 2) + 59min), Refusal::kNone);        // 20:59
  EXPECT_EQ(rules.gate().check(lead(), sys_days(2026y / 7 / 2) + 1h), Refusal::kOutsideWindow);  // 21:00
}

// The same UTC hour is inside the window on the Saturday before the change and outside it the day after.
TEST(Gate, FollowsADaylightSavingChange) {
  Rules rules;
  EXPECT_EQ(rules.gate().check(lead(), sys_days(2026y / 3 / 8) + 1h + 30min), Refusal::kNone);  // Sat 20:30 EST
  EXPECT_EQ(rules.gate().check(lead(), sys_days(2026y / 3 / 9) + 1h + 30min),
            Refusal::kOutsideWindow);  // Sun 21:30 EDT
  EXPECT_EQ(rules.gate().check(lead(), sys_days(2026y / 3 / 7) + 12h + 30min), Refusal::kOutsideWindow);  // 7:30 EST
  EXPECT_EQ(rules.gate().check(lead(), sys_days(2026y / 3 / 8) + 12h + 30min), Refusal::kNone);           // 8:30 EDT
}

TEST(Gate, AgainIsTheNextOpeningInLocalTime) {
  Rules rules;
  EXPECT_EQ(rules.gate().again(lead(), sys_days(2026y / 3 / 8) + 3h), sys_days(2026y / 3 / 8) + 12h);  // 8:00 EDT
  EXPECT_EQ(rules.gate().again(lead(), sys_days(2026y / 3 / 7) + 3h), sys_days(2026y / 3 / 7) + 13h);  // 8:00 EST
  rules.window.days[0].clear();                                                                        // no Sundays
  EXPECT_EQ(rules.gate().again(lead(), sys_days(2026y / 3 / 8) + 12h), sys_days(2026y / 3 / 9) + 12h);
  for (auto& day : rules.window.days) day.clear();
  EXPECT_EQ(rules.gate().again(lead(), kNoon), WallTime::max());
}

TEST(Gate, HolidaysAreClosed) {
  Rules rules;
  rules.window.holidays = {sys_days(2026y / 7 / 1).time_since_epoch().count()};
  EXPECT_EQ(rules.gate().check(lead(), kNoon), Refusal::kOutsideWindow);
  EXPECT_EQ(rules.gate().again(lead(), kNoon), sys_days(2026y / 7 / 2) + 12h);
}

TEST(Gate, ANumberBlockedASecondAgoIsNotDialed) {
  Rules rules;
  EXPECT_EQ(rules.gate().check(lead(), kNoon), Refusal::kNone);
  rules.do_not_call.add("+12125550100");
  EXPECT_EQ(rules.gate().check(lead(), kNoon), Refusal::kDoNotCall);
  EXPECT_EQ(rules.gate().again(lead(), kNoon), WallTime::max());
}

TEST(Gate, LimitsCountPerLocalDayAndInAll) {
  Rules rules;
  Lead tried = lead();
  tried.attempts = tried.attempts_today = 3;
  tried.attempts_day = sys_days(2026y / 7 / 1).time_since_epoch().count();
  EXPECT_EQ(rules.gate().check(tried, kNoon), Refusal::kAttemptsToday);
  EXPECT_EQ(rules.gate().again(tried, kNoon), sys_days(2026y / 7 / 2) + 12h);
  EXPECT_EQ(rules.gate().check(tried, kNoon + 24h), Refusal::kNone);
  tried.attempts = 5;
  EXPECT_EQ(rules.gate().check(tried, kNoon + 24h), Refusal::kAttemptsTotal);
}

TEST(Gate, RefusesWhatIsNoNumberAndEmergencies) {
  Rules rules;
  for (const char* number : {"", "12125550100", "+0123456789", "+1212555010x", "+1", "+1234567890123456"}) {
    Lead bad = lead();
    bad.number = number;
    EXPECT_EQ(rules.gate().check(bad, kNoon), Refusal::kBadNumber) << number;
  }
  for (const char* number : {"112", "911", "+112", "999"}) {
    Lead bad = lead();
    bad.number = number;
    EXPECT_EQ(rules.gate().check(bad, kNoon), Refusal::kEmergency) << number;
  }
}

TEST(Gate, AnUnknownZoneIsNotGuessed) {
  Rules rules;
  Lead lost = lead();
  lost.time_zone = "Mars/Olympus";
  EXPECT_EQ(rules.gate().check(lost, kNoon), Refusal::kUnknownZone);
}

// A number that does not tell where its owner is: called when all its zones allow it, counted for all their days.
TEST(Gate, SeveralZonesMustAllBeOpen) {
  Rules rules;
  rules.zones.put("Pacific/Honolulu", Zone({{WallTime::min(), hours(-10)}}));
  Lead roaming = lead();
  roaming.time_zone = "America/New_York Pacific/Honolulu";
  const WallTime day = sys_days(2026y / 7 / 1);  // New York opens 12:00-25:00 UTC, Honolulu 18:00-31:00
  EXPECT_EQ(rules.gate().check(roaming, day + 17h), Refusal::kOutsideWindow);
  EXPECT_EQ(rules.gate().check(roaming, day + 18h), Refusal::kNone);
  EXPECT_EQ(rules.gate().check(roaming, day + 24h + 59min), Refusal::kNone);
  EXPECT_EQ(rules.gate().check(roaming, day + 25h), Refusal::kOutsideWindow);
  EXPECT_EQ(rules.gate().again(roaming, day + 13h), day + 18h);
  EXPECT_EQ(rules.gate().again(roaming, day + 25h), day + 42h);
  roaming.time_zone += " Mars/Olympus";
  EXPECT_EQ(rules.gate().check(roaming, day + 20h), Refusal::kUnknownZone);
  for (auto& spans : rules.window.days) spans = {{8 * 60, 9 * 60}};  // never in both
  roaming.time_zone = "America/New_York Pacific/Honolulu";
  EXPECT_EQ(rules.gate().again(roaming, day + 13h), WallTime::max());
}

TEST(Gate, ADayIsOverWhenItIsOverInAllZones) {
  Rules rules;
  rules.zones.put("Asia/Tokyo", Zone({{WallTime::min(), hours(9)}}));
  for (auto& spans : rules.window.days) spans = {{0, 1440}};
  Lead roaming = lead();
  roaming.time_zone = "America/New_York Asia/Tokyo";
  const WallTime at = sys_days(2026y / 7 / 1) + 16h;  // 1 July 12:00 in New York, 2 July 01:00 in Tokyo
  roaming.attempts_day = rules.gate().day(roaming, at);
  roaming.attempts_today = roaming.attempts = rules.limits.per_day;
  EXPECT_EQ(roaming.attempts_day, sys_days(2026y / 7 / 2).time_since_epoch().count());
  const WallTime third_in_new_york = sys_days(2026y / 7 / 3) + 4h;
  EXPECT_EQ(rules.gate().check(roaming, third_in_new_york - 1ms), Refusal::kAttemptsToday);
  EXPECT_EQ(rules.gate().again(roaming, at), third_in_new_york);
  EXPECT_EQ(rules.gate().check(roaming, third_in_new_york), Refusal::kNone);
}

TEST(Zone, LocalTimesThatDoNotExistOrComeTwice) {
  const Zone zone = eastern();
  const auto spring = sys_days(2026y / 3 / 8).time_since_epoch().count();
  EXPECT_EQ(zone.instant(spring, 2 * 60 + 30), sys_days(2026y / 3 / 8) + 7h);  // 2:30 is skipped: 3:00 EDT
  const auto autumn = sys_days(2026y / 11 / 1).time_since_epoch().count();
  EXPECT_EQ(zone.instant(autumn, 90), sys_days(2026y / 11 / 1) + 5h + 30min);  // 1:30 comes twice: the first, EDT
}

TEST(CallingWindow, FaultNamesTheField) {
  CallingWindow window;
  EXPECT_EQ(window.fault(), "");
  window.days[2] = {{600, 500}};
  EXPECT_EQ(window.fault(), "days/2/0/until: after from and at most 1440");
}

}  // namespace
}  // namespace carillon::dialer
