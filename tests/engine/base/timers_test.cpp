#include "engine/base/timers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "engine/base/random.h"

namespace carillon {
namespace {

constexpr TimePoint at(std::chrono::nanoseconds since) { return TimePoint(since); }

TEST(Timers, FireInOrderNeverEarlyAndAtMostOneTickLate) {
  Timers<int> timers(8, at(0ms));
  timers.schedule(at(5ms), 5);
  timers.schedule(at(2ms), 2);
  timers.schedule(at(10s), 10000);  // further than the wheel is round
  std::vector<int> fired;
  const auto note = [&](int payload) { fired.push_back(payload); };
  timers.fire(at(1ms), 100, note);
  EXPECT_THAT(fired, testing::IsEmpty());
  timers.fire(at(7ms), 100, note);
  EXPECT_THAT(fired, testing::ElementsAre(2, 5));
  timers.fire(at(9999ms), 100, note);
  EXPECT_EQ(fired.size(), 2u);
  timers.fire(at(10001ms), 100, note);
  EXPECT_THAT(fired, testing::ElementsAre(2, 5, 10000));
}

TEST(Timers, CancelledDoesNotFireAndFullSaysSo) {
  Timers<int> timers(1, at(0ms));
  const Handle timer = timers.schedule(at(1ms), 1);
  EXPECT_FALSE(timers.schedule(at(1ms), 2));
  EXPECT_TRUE(timers.cancel(timer));
  EXPECT_FALSE(timers.cancel(timer));
  int count = 0;
  timers.fire(at(10ms), 10, [&](int) { ++count; });
  EXPECT_EQ(count, 0);
  EXPECT_EQ(timers.next(), TimePoint::max());
}

TEST(Timers, FireStopsAtItsBoundAndGoesOnNextTime) {
  Timers<int> timers(10, at(0ms));
  for (int i = 0; i < 10; ++i) timers.schedule(at(1ms), i);
  int count = 0;
  EXPECT_EQ(timers.fire(at(5ms), 4, [&](int) { ++count; }), 4);
  EXPECT_EQ(timers.fire(at(5ms), 100, [&](int) { ++count; }), 6);
  EXPECT_EQ(count, 10);
}

TEST(Timers, AFiredTimerMayScheduleTheNext) {
  Timers<int> timers(1, at(0ms));
  timers.schedule(at(0ms), 0);
  int beats = 0;
  TimePoint now{};
  for (; now < at(100ms); now += 1ms)
    timers.fire(now, 10, [&](int) {
      ++beats;
      timers.schedule(now + 10ms, 0);
    });
  EXPECT_GE(beats, 9);
}

// Against a plain map, over random schedules, cancellations and steps.
TEST(Timers, AgreesWithAPlainMap) {
  Random random(11);
  Timers<std::uint64_t> timers(2000, at(0ms));
  std::map<std::uint64_t, std::pair<TimePoint, Handle>> model;
  TimePoint now{};
  std::uint64_t name = 0;
  for (int step = 0; step < 20000; ++step) {
    if (model.size() < 1500 && random.below(3) != 0) {
      const TimePoint due = now + std::chrono::microseconds(random.below(9'000'000));
      ++name;
      model[name] = {due, timers.schedule(due, name)};
    } else if (!model.empty() && random.below(2) == 0) {
      auto chosen = model.lower_bound(random.below(name + 1));
      if (chosen == model.end()) chosen = model.begin();
      EXPECT_TRUE(timers.cancel(chosen->second.second));
      model.erase(chosen);
    }
    now += std::chrono::microseconds(random.below(20'000));
    timers.fire(now, 1 << 20, [&](std::uint64_t fired) {
      ASSERT_TRUE(model.contains(fired));
      EXPECT_LE(model[fired].first, now);
      model.erase(fired);
    });
    for (const auto& [_, entry] : model) ASSERT_GT(entry.first, now - 2ms);
    if (!model.empty()) {
      TimePoint first = TimePoint::max();
      for (const auto& [_, entry] : model) first = std::min(first, entry.first);
      ASSERT_LE(timers.next(), first + 2ms);
    }
  }
}

}  // namespace
}  // namespace carillon
