// Windows and attempt limits over simulated days with the system's real zones: through daylight-saving changes, with
// kills in between. The judge is the C library's idea of local time, and what the engine was told to dial.

#include <ctime>

#include "control/crm/number_zone.h"
#include "engine/base/random.h"
#include "tests/control/campaigns_fixture.h"

namespace carillon::control {
namespace {

// Local time by the C library, which reads the zone files itself.
std::tm local(const std::string& zone, WallTime at) {
  ::setenv("TZ", (":" + zone).c_str(), 1);
  ::tzset();
  const std::time_t seconds = std::chrono::duration_cast<std::chrono::seconds>(at.time_since_epoch()).count();
  std::tm time{};
  ::localtime_r(&seconds, &time);
  ::unsetenv("TZ");
  ::tzset();
  return time;
}
int minute(const std::tm& time) { return time.tm_hour * 60 + time.tm_min; }
std::string date(const std::tm& time) {
  char text[16];
  std::strftime(text, sizeof text, "%F", &time);
  return text;
}

// The first instant after `at`, to the minute, with another offset from UTC than before.
WallTime change_after(const std::string& zone, WallTime at) {
  const auto offset = [&](WallTime when) { return local(zone, when).tm_gmtoff; };
  while (offset(at) == offset(at + 24h)) at += 24h;
  while (offset(at) == offset(at + 1min)) at += 1min;
  return at + 1min;
}

struct CallMade {
  std::string to;
  WallTime at;
};

class Law : public CampaignTest {
 protected:
  LeadList list_of(const std::string& name, const std::string& zone) {
    LeadList list;
    list.id = control->ids.make("list", control->now);
    list.project = project();
    list.name = name;
    list.time_zone = zone;
    EXPECT_TRUE(control->store.leads().add_list(list));
    return list;
  }
  void add(const LeadList& list, const std::string& phone, const std::string& zone = "") {
    const NewLead lead{.phone = phone, .time_zone = zone};
    control->store.leads().add(list, std::span(&lead, 1), AddMode::kSkip, control->now);
  }
  // Nobody picks up; until nothing more is dialed now.
  std::vector<CallMade> turn(std::chrono::milliseconds pass) {
    std::vector<CallMade> made;
    step(pass);
    for (auto calls = new_calls(); !calls.empty(); calls = new_calls()) {
      for (const auto& call : calls) {
        made.push_back({call.to(), control->now});
        end(call.leg(), 480, 19);
      }
      step(0ms);
    }
    return made;
  }
  void open_all_night(std::string& window) {
    window = R"(,"window":{)";
    for (const char* day : {"mon", "tue", "wed", "thu", "fri", "sat", "sun"})
      window +=
          std::string(day == std::string("mon") ? "" : ",") + "\"" + day + R"(":[{"from":"00:00","until":"24:00"}])";
    window += "}";
  }
};

class ClockChange : public Law, public testing::WithParamInterface<std::pair<const char*, int>> {};

// Six days, the change in their middle, eight people who never answer: each is called twice on each of their days, from
// 8:00 sharp, never outside 8:00-21:00, nine times in all, whatever the clocks do and however often control is killed.
TEST_P(ClockChange, WindowsAndLimitsHoldThroughItAndThroughKills) {
  constexpr int kPeople = 8, kPerDay = 2, kTotal = 9;
  const auto [zone, which] = GetParam();
  WallTime change = change_after(zone, control->now);
  for (int i = 0; i < which; ++i) change = change_after(zone, change);
  control->now = std::chrono::floor<std::chrono::hours>(change) - 60h;
  const auto list = list_of("people", zone);
  for (int i = 0; i < kPeople; ++i) add(list, "+1212555" + std::to_string(1000 + i));
  const auto id = campaign(list, "broadcast",
                           R"(,"limits":{"total":9,"per_day":2},"retry":{"no_answer":{"times":50,"delay_s":3600}})");
  act(id, "start");

  Random random(20'261'122);
  std::map<std::string, std::vector<WallTime>> calls;
  const WallTime until = control->now + 7 * 24h;
  const WallTime first_day_over = control->now + 24h;
  int kills = 0;
  while (control->now < until) {
    for (const CallMade& call : turn(10min)) calls[call.to].push_back(call.at);
    if (random.next() % 100 != 0) continue;
    restart();
    ++kills;
  }
  EXPECT_GE(kills, 3);

  ASSERT_EQ(calls.size(), static_cast<std::size_t>(kPeople));
  for (const auto& [number, times] : calls) {
    EXPECT_EQ(times.size(), static_cast<std::size_t>(kTotal)) << number;
    std::map<std::string, std::vector<int>> by_day;
    for (const WallTime at : times) {
      const std::tm time = local(zone, at);
      EXPECT_GE(minute(time), 8 * 60) << rfc3339(at);
      EXPECT_LT(minute(time), 21 * 60) << rfc3339(at);
      by_day[date(time)].push_back(minute(time));
    }
    int left = kTotal;
    for (const auto& [day, minutes] : by_day) {
      const bool is_first = day == by_day.begin()->first;
      if (!is_first) {
        EXPECT_LT(minutes.front(), 8 * 60 + 10) << number << " on " << day;
      }
      EXPECT_LE(minutes.size(), static_cast<std::size_t>(kPerDay)) << number << " on " << day;
      if (!is_first && left >= kPerDay) {
        EXPECT_EQ(minutes.size(), static_cast<std::size_t>(kPerDay)) << day;
      }
      left -= static_cast<int>(minutes.size());
    }
    EXPECT_LT(times.front(), first_day_over);
    EXPECT_GT(times.back(), change) << "the change was not in the middle";
  }
  EXPECT_EQ(state(id), "finished");
}

INSTANTIATE_TEST_SUITE_P(Zones, ClockChange,
                         testing::Values(std::pair("America/New_York", 0), std::pair("America/New_York", 1),
                                         std::pair("America/Santiago", 0), std::pair("America/Santiago", 1),
                                         std::pair("Australia/Sydney", 0), std::pair("Australia/Sydney", 1),
                                         std::pair("Australia/Lord_Howe", 0), std::pair("Pacific/Auckland", 1)),
                         [](const auto& info) {
                           std::string name = info.param.first;
                           std::ranges::replace(name, '/', '_');
                           return name + "_" + std::to_string(info.param.second);
                         });

// The lead's own zone goes before its list's, that one before the campaign's.
TEST_F(Law, EachIsCalledByTheClockOfTheirOwnZone) {
  const auto list = list_of("east", "America/New_York"), bare = list_of("bare", "");
  add(list, "+12125551001", "Australia/Sydney");
  add(list, "+12125551002");
  add(bare, "+12125551003");
  const std::map<std::string, std::string> zones = {
      {"+12125551001", "Australia/Sydney"}, {"+12125551002", "America/New_York"}, {"+12125551003", "Europe/Kyiv"}};
  control->now = WallTime(std::chrono::milliseconds(1'800'014'400'000 + 8 * 3'600'000));  // 20:00 UTC
  const auto id = campaign(list, "broadcast",
                           R"(,"lists":[")" + bare.id +
                               R"("],"time_zone":"Europe/Kyiv","limits":{"total":1},)"
                               R"("window":{"sat":[{"from":"08:00","until":"09:00"}]})");
  act(id, "start");
  std::map<std::string, WallTime> called;
  for (int i = 0; i < 26 * 12; ++i) {
    for (const CallMade& call : turn(5min)) EXPECT_TRUE(called.emplace(call.to, call.at).second);
    if (i % 97 == 0) restart();
  }
  ASSERT_EQ(called.size(), 3u);
  for (const auto& [number, at] : called) {
    EXPECT_GE(minute(local(zones.at(number), at)), 8 * 60) << number;
    EXPECT_LT(minute(local(zones.at(number), at)), 8 * 60 + 10) << number;
  }
}

// Where nobody names a zone the number does; one that may lie in several is called while all of them are open.
TEST_F(Law, WithoutAZoneTheNumberTells) {
  const auto list = list_of("people", "");
  const std::map<std::string, std::vector<const char*>> zones = {
      {"+12125551000", {"America/New_York"}},
      {"+18085551000", {"Pacific/Honolulu"}},
      {"+442079460000", {"Europe/London"}},
      {"+18005551000", {"America/New_York", "Pacific/Honolulu", "Pacific/Guam", "America/St_Johns"}}};  // toll-free
  for (const auto& [number, where] : zones) add(list, number);
  const auto id = campaign(list, "broadcast", R"(,"time_zone":"","limits":{"total":1})");
  act(id, "start");
  std::map<std::string, WallTime> called;
  for (int i = 0; i < 30 * 12; ++i)
    for (const CallMade& call : turn(5min)) EXPECT_TRUE(called.emplace(call.to, call.at).second);
  EXPECT_EQ(called.size(), zones.size());
  for (const auto& [number, at] : called)
    for (const char* zone : zones.at(number)) {
      EXPECT_GE(minute(local(zone, at)), 8 * 60) << number << " in " << zone;
      EXPECT_LT(minute(local(zone, at)), 21 * 60) << number << " in " << zone;
    }
  EXPECT_EQ(state(id), "finished");
}

// All that the table of numbers names is known here, so nobody is turned away for the table's sake.
TEST_F(Law, EveryZoneOfANumberIsKnown) {
  int zones = 0;
  for (int prefix = 1; prefix < 100'000; ++prefix) {
    std::string_view names = zones_of("+" + std::to_string(prefix));
    while (!names.empty()) {
      const std::string name(names.substr(0, names.find(' ')));
      EXPECT_NE(ControlProcess::test_zones().find(name), nullptr) << name;
      names.remove_prefix(std::min(names.size(), name.size() + 1));
      ++zones;
    }
  }
  EXPECT_GT(zones, 90'000);
}

// Two attempts a day, a kill between any two: what was made before the kill counts after it, and so does a call that
// the engine lost with the kill.
TEST_F(Law, TheDaysLimitIsRememberedAcrossKills) {
  std::string all_night;
  open_all_night(all_night);
  const auto list = list_of("people", "America/New_York");
  for (int i = 0; i < 5; ++i) add(list, "+1212555" + std::to_string(1000 + i));
  const auto id = campaign(
      list, "broadcast",
      R"(,"limits":{"total":5,"per_day":2},"retry":{"busy":{"times":9,"delay_s":0},"failed":{"times":9,"delay_s":0}})" +
          all_night);
  act(id, "start");
  for (int i = 0; i < 12; ++i) {
    step(1s);
    for (const auto& call : new_calls())
      if (call.leg() % 2 == 0) end(call.leg(), 486, 17);  // the others are in the air when control dies
    restart();
  }
  for (int i = 0; i < 40; ++i) {
    step(1s);
    for (const auto& call : new_calls()) end(call.leg(), 486, 17);
  }
  ASSERT_EQ(dialed.size(), 5u);
  for (const auto& [number, times] : dialed) EXPECT_EQ(times, 2) << number;
  EXPECT_EQ(state(id), "running");  // tomorrow again
  const auto text = std::string(live(id).at("text").as_string());
  EXPECT_NE(text.find("0 dialable because the next lead is due at"), std::string::npos) << text;
  EXPECT_EQ(number(live(id).at("pending")), 5);
}

TEST_F(Law, AClosedWindowIsClosedAndNamedAfterAKillToo) {
  const auto list = list_of("people", "");
  for (int i = 0; i < 3; ++i) add(list, "+1212555" + std::to_string(1000 + i));
  const auto id = campaign(list, "broadcast",
                           R"(,"time_zone":"America/New_York","window":{"sat":[{"from":"08:00","until":"21:00"}]})");
  act(id, "start");
  for (int life = 0; life < 3; ++life) {
    for (int i = 0; i < 4; ++i) EXPECT_TRUE(turn(1s).empty());  // it is Friday
    const auto text = std::string(live(id).at("text").as_string());
    EXPECT_NE(text.find("0 dialable because the next lead is due at 2027-01-16T13:00"), std::string::npos) << text;
    EXPECT_NE(text.find("outside the calling window of America/New_York"), std::string::npos) << text;
    restart();
  }
  control->now = WallTime(std::chrono::sys_days(std::chrono::year(2027) / 1 / 16) + 13h);
  EXPECT_EQ(turn(1s).size() + turn(1s).size(), 3u);
}

TEST_F(Law, ABlockedNumberStaysBlockedAfterAKill) {
  const auto list = list_of("people", "UTC");
  const std::string blocked = "+12125551001";
  for (int i = 0; i < 3; ++i) add(list, "+1212555" + std::to_string(1000 + i));
  const auto id = campaign(list, "broadcast", R"(,"limits":{"total":1},"channels_max":1)");
  act(id, "start");
  step();
  ASSERT_EQ(new_calls().size(), 1u);  // it lives through the kill's moment and is lost with it
  EXPECT_EQ(control->send("POST", "/v1/do_not_call", R"({"number":")" + blocked + R"("})").status, 201);
  restart();
  for (int i = 0; i < 10; ++i) turn(1s);
  EXPECT_EQ(dialed.count(blocked), 0u);
  EXPECT_EQ(dialed.size(), 2u);
  EXPECT_EQ(state(id), "finished");
}

}  // namespace
}  // namespace carillon::control
