#include "dialer/pacing/pacer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "engine/base/random.h"

namespace carillon::dialer {
namespace {

using namespace std::chrono;

TEST(HandleTimes, LearnsTheDistributionItIsShown) {
  HandleTimes times({});
  Random random(3);
  for (int i = 0; i < 3000; ++i) times.learn(Seconds(-60 * std::log(1 - random.unit())));  // exponential, mean 60 s
  EXPECT_NEAR(times.mean_s(), 60, 6);
  EXPECT_NEAR(times.survival(Seconds(60)), std::exp(-1), 0.05);
  // memoryless: what is left does not depend on what has gone
  EXPECT_NEAR(times.done_within(Seconds(10), Seconds(30)), 1 - std::exp(-0.5), 0.08);
  EXPECT_NEAR(times.done_within(Seconds(90), Seconds(30)), 1 - std::exp(-0.5), 0.08);
}

TEST(HandleTimes, SurvivalFallsFromOneToZero) {
  HandleTimes times({});
  double before = 1;
  for (double t = 0; t < 4000; t += 7) {
    const double now = times.survival(Seconds(t));
    EXPECT_LE(now, before + 1e-12);
    before = now;
  }
  EXPECT_NEAR(times.survival(Seconds(0)), 1, 1e-9);
  EXPECT_LT(before, 1e-3);
}

TEST(DialOutcomes, ColdStartExpectsEveryDialToBeAPerson) {
  EXPECT_NEAR(DialOutcomes().live_rate(), 1, 1e-9);
  EXPECT_NEAR(DialOutcomes().live_within(Seconds(0), Seconds(60)), 1, 1e-9);
}

TEST(DialOutcomes, LearnsRateAndAges) {
  DialOutcomes dials;
  for (int i = 0; i < 500; ++i) {
    dials.learn(Seconds(10), true);
    for (int k = 0; k < 3; ++k) dials.learn(Seconds(20), false);
  }
  EXPECT_NEAR(dials.live_rate(), 0.25, 0.02);
  EXPECT_NEAR(dials.live_within(Seconds(0), Seconds(5)), 0, 0.02);
  EXPECT_NEAR(dials.live_within(Seconds(5), Seconds(10)), 0.25, 0.02);
  EXPECT_NEAR(dials.live_within(Seconds(12), Seconds(10)), 0, 0.02);  // its time for a person has passed
}

struct Floor {
  HandleTimes handle{HandleTimes::Prior{}};
  DialOutcomes dials;
  std::vector<Seconds> busy, ages;
  PacingView view(int idle, bool room) {
    return {.idle = idle,
            .waiting = 0,
            .busy_elapsed = busy,
            .dial_ages = ages,
            .handle = &handle,
            .dials = &dials,
            .budget_has_room = room};
  }
};

TEST(Pacer, ColdStartIsProgressive) {
  Floor floor;
  Pacer pacer{PacingConfig{}};
  EXPECT_EQ(pacer.decide(floor.view(5, true)).calls, 5);
  floor.ages.assign(5, Seconds(1));
  EXPECT_EQ(pacer.decide(floor.view(5, true)).calls, 0);
}

TEST(Pacer, DialsAheadOnceItKnowsThatFewAnswer) {
  Floor floor;
  for (int i = 0; i < 1000; ++i) floor.dials.learn(Seconds(i % 4 == 0 ? 8 : 20), i % 4 == 0);
  Pacer pacer{PacingConfig{}};
  const PacingDecision bold = pacer.decide(floor.view(10, true));
  EXPECT_GT(bold.calls, 14);
  EXPECT_LT(bold.calls, 40);
  EXPECT_EQ(bold.reason, "next call would risk abandonment");
}

TEST(Pacer, AtTheCapItIsProgressiveAndSaysSo) {
  Floor floor;
  for (int i = 0; i < 1000; ++i) floor.dials.learn(Seconds(i % 4 == 0 ? 8 : 20), i % 4 == 0);
  Pacer pacer{PacingConfig{}};
  const PacingDecision shy = pacer.decide(floor.view(10, false));
  EXPECT_EQ(shy.calls, 10);
  EXPECT_EQ(shy.reason, "abandonment at its cap: one line per free agent");
}

TEST(Pacer, WithoutAgentsNothingIsDialed) {
  Floor floor;
  Pacer pacer{PacingConfig{}};
  EXPECT_EQ(pacer.decide(floor.view(0, true)).calls, 0);
  EXPECT_EQ(pacer.decide(floor.view(0, true)).reason, "no agents");
}

TEST(Pacer, AbandonmentMakesItShyer) {
  Pacer pacer{PacingConfig{}};
  const double before = pacer.theta();
  pacer.learn(true);
  EXPECT_LT(pacer.theta(), before);
  for (int i = 0; i < 100; ++i) pacer.learn(false);
  EXPECT_GT(pacer.theta(), before);
}

TEST(PacingConfig, FaultNamesTheField) {
  EXPECT_EQ(PacingConfig{}.fault(), "");
  PacingConfig config;
  config.ring_time = seconds(10);
  EXPECT_EQ(config.fault(), "ring_time: at least 15 s before an unanswered call is given up");
  config = {};
  config.abandon_cap = 0.2;
  EXPECT_EQ(config.fault(), "abandon_cap: 0 to 0.05");
}

TEST(AbandonBudget, HoldsTheCapOverADayAndOverThirty) {
  AbandonBudget budget({});
  const WallTime start = sys_days(2026y / 1 / 1);
  EXPECT_FALSE(budget.has_room(start));
  for (int i = 0; i < 33; ++i) budget.answered(start);
  EXPECT_TRUE(budget.has_room(start));  // 1 of 34 is below 3 %
  budget.abandoned(start);
  EXPECT_FALSE(budget.has_room(start));
  // a day later the day's window is empty, but 30 days still remember
  for (int i = 0; i < 33; ++i) budget.answered(start + 25h);
  EXPECT_EQ(budget.short_sum(start + 25h).abandoned, 0u);
  EXPECT_EQ(budget.long_sum(start + 25h).abandoned, 1u);
  EXPECT_TRUE(budget.has_room(start + 25h));  // 2 of 67
  EXPECT_EQ(budget.long_sum(start + 31 * 24h).abandoned, 0u);
}

}  // namespace
}  // namespace carillon::dialer
