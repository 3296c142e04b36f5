#include "engine/call/admission.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <vector>

namespace carillon::call {
namespace {

/// A core as a fluid: legs bring work each 10 ms, what it cannot do in time is carried over and makes beats late.
class Core {
 public:
  explicit Core(AdmissionConfig config = {}) : config_(config), gate(config, now) {}

  double leg_cost = 30e-6;      ///< share of the core
  Duration set_up_work = 40us;  ///< per call, taken or refused alike
  std::uint32_t legs = 0, pool_used = 0, pool_room = 1000;
  bool speaks_at_once = false;  ///< else the gate is not told that any leg speaks

  /// `calls` ask during the next 10 ms; returns how many were taken.
  int window(int calls = 0) {
    int taken = 0;
    for (int i = 0; i < calls; ++i) taken += gate.takes_call(now) ? 1 : 0;
    legs += static_cast<std::uint32_t>(taken);
    work_ += std::chrono::duration_cast<Duration>(10ms * leg_cost * legs) + set_up_work * calls;
    run(10ms);
    return taken;
  }
  /// The clock jumps: nothing is done, beats fall due.
  void stall(Duration lasts) {
    now += lasts;
    work_ += std::chrono::duration_cast<Duration>(lasts * leg_cost * legs);
    gate.note({.busy = lasts, .beat_late = lasts, .legs = legs, .pool_used = pool_used, .pool_room = pool_room}, now);
  }
  void idle(Duration lasts) {
    for (const TimePoint until = now + lasts; now < until;) window();
  }
  /// The load of so many legs for so long, with nobody asking.
  void carry(std::uint32_t count, Duration lasts) {
    legs = count;
    idle(lasts);
  }
  double busy_rate() const { return leg_cost * legs; }

  TimePoint now{};
  Duration latest{0};  ///< beat so far

 private:
  void run(Duration time) {
    const Duration done = std::min(work_, time);
    work_ -= done;
    now += time;
    latest = std::max(latest, work_);
    gate.note({.busy = done,
               .beat_late = work_,
               .legs = legs,
               .legs_speaking = speaks_at_once ? legs : 0,
               .pool_used = pool_used,
               .pool_room = pool_room},
              now);
  }
  AdmissionConfig config_;
  Duration work_{0};

 public:
  AdmissionGate gate;
};

std::uint32_t legs_for(double busy, double cost = 30e-6) { return static_cast<std::uint32_t>(busy / cost); }

TEST(HeadroomRate, IsWhatWorkLeaves) {
  EXPECT_DOUBLE_EQ(headroom_rate(250ms, 1s), 0.75);
  EXPECT_DOUBLE_EQ(headroom_rate(0ms, 1s), 1);
  EXPECT_DOUBLE_EQ(headroom_rate(2s, 1s), 0) << "a step may have begun before the window";
  EXPECT_DOUBLE_EQ(headroom_rate(0ms, 0ms), 1);
}

TEST(AdmissionGate, AnIdleCoreTakesCallsAfterAnyPause) {
  Core core;
  EXPECT_TRUE(core.gate.takes_call(core.now)) << "before it has measured anything";
  core.now += 1h;  // a back end that slept
  EXPECT_EQ(core.window(3), 3);
  EXPECT_GT(core.gate.headroom(), 0.99);
  EXPECT_EQ(core.gate.refused(), 0u);
}

// A step from 40 % to 88 % of load: closed before the load could grow further, and no beat was late by then.
TEST(AdmissionGate, ClosesBeforeRunningCallsSuffer) {
  Core core;
  core.carry(legs_for(0.40), 10s);
  EXPECT_TRUE(core.gate.takes_call(core.now));
  core.legs = legs_for(0.88);
  const TimePoint stepped = core.now;
  while (!core.gate.refuses() && core.now < stepped + 5s) core.window();
  EXPECT_TRUE(core.gate.refuses());
  EXPECT_LT(core.now - stepped, 600ms);
  EXPECT_EQ(core.latest, 0ms);
  EXPECT_FALSE(core.gate.takes_call(core.now));
  EXPECT_EQ(core.gate.refusal(), Refusal::kHeadroom);
}

// Between the two thresholds it stays what it was; above the upper one it opens after two seconds.
TEST(AdmissionGate, OpensLaterThanItClosed) {
  Core core;
  core.carry(legs_for(0.80), 60s);
  EXPECT_FALSE(core.gate.refuses());
  core.carry(legs_for(0.90), 2s);
  EXPECT_TRUE(core.gate.refuses());
  core.carry(legs_for(0.80), 60s);
  EXPECT_TRUE(core.gate.refuses()) << "20 % is not enough to come back";
  core.carry(legs_for(0.60), 1900ms);
  EXPECT_TRUE(core.gate.refuses());
  core.carry(legs_for(0.60), 3s);
  EXPECT_FALSE(core.gate.refuses());
}

// A thousand INVITEs in one read, when 6 % of the core are left to give: no more are taken than fit.
TEST(AdmissionGate, ABurstBetweenTwoMeasurementsDoesNotOvershoot) {
  Core core;
  core.leg_cost = 200e-6;
  core.carry(legs_for(0.79, 200e-6), 60s);
  EXPECT_NEAR(core.gate.leg_cost(), 200e-6, 10e-6);
  int taken = 0;
  for (int i = 0; i < 1000; ++i) taken += core.gate.takes_call(core.now) ? 1 : 0;
  EXPECT_NEAR(taken, 300, 30);
  core.legs += static_cast<std::uint32_t>(taken);
  core.idle(10s);
  EXPECT_LE(core.busy_rate(), 0.855);
  EXPECT_EQ(core.latest, 0ms);
}

// Legs ring for seconds before their media costs anything; those that came meanwhile are counted all the same.
TEST(AdmissionGate, LegsThatStillRingAreCountedAtFullCost) {
  Core core;
  core.carry(10'000, 60s);        // 30 %
  core.leg_cost = 0.30 / 18'000;  // what 8,000 more cost while they ring: nothing
  core.legs = 18'000;
  core.window();
  EXPECT_NEAR(core.gate.headroom(), 0.70, 0.02);
  EXPECT_NEAR(core.gate.headroom_predicted(), 0.70 - 8'000 * 30e-6, 0.03);
}

// Ten thousand calls come and go each second: what is there is in the measurement already.
TEST(AdmissionGate, LegsThatSpeakAtOnceAreCountedOnce) {
  // a steep ramp of dear legs to four fifths of the core: 200 calls a second at 340 µs a leg
  const auto climb = [](bool speaks_at_once) {
    Core core;
    core.leg_cost = 340e-6;
    core.speaks_at_once = speaks_at_once;
    while (core.legs < legs_for(0.80, 340e-6) && core.now < TimePoint{} + 60s && core.gate.refused() == 0)
      core.window(2);
    return core.legs;
  };
  EXPECT_GE(climb(true), legs_for(0.80, 340e-6));
  EXPECT_LT(climb(false), legs_for(0.60, 340e-6)) << "what rings may yet answer";
}

TEST(AdmissionGate, QuickCallsAreNotCountedTwice) {
  Core core;
  core.leg_cost = 0;
  core.set_up_work = 70us;
  core.legs = 500;
  int taken = 0;
  for (int i = 0; i < 1000; ++i) {
    taken += core.window(100);
    core.legs = 500;
  }
  EXPECT_EQ(taken, 100'000);
  EXPECT_NEAR(core.gate.headroom(), 0.30, 0.01);
}

TEST(AdmissionGate, LearnsWhatALegCostsUpQuicklyAndDownSlowly) {
  Core core;
  EXPECT_DOUBLE_EQ(core.gate.leg_cost(), AdmissionConfig{}.leg_cost_first);
  core.leg_cost = 100e-6;
  core.carry(20, 60s);
  EXPECT_DOUBLE_EQ(core.gate.leg_cost(), AdmissionConfig{}.leg_cost_first) << "too few to tell";
  core.carry(2000, 5s);
  EXPECT_NEAR(core.gate.leg_cost(), 100e-6, 5e-6);
  core.leg_cost = 20e-6;
  core.carry(2000, 10s);
  EXPECT_GT(core.gate.leg_cost(), 60e-6);
  core.carry(2000, 120s);
  EXPECT_LT(core.gate.leg_cost(), 30e-6);
}

TEST(AdmissionGate, ClosesWhenBeatsStayLate) {
  AdmissionGate gate({}, TimePoint{});
  TimePoint now{};
  const auto windows = [&](int count, Duration late) {
    for (int i = 0; i < count; ++i) gate.note({.busy = 1ms, .beat_late = late, .legs = 100}, now += 10ms);
  };
  windows(100, 2ms);
  EXPECT_FALSE(gate.refuses()) << "2 ms is in time";
  for (int i = 0; i < 100; ++i) {
    windows(3, 5ms);
    windows(4, 0ms);
  }
  EXPECT_FALSE(gate.refuses()) << "hiccups";
  windows(20, 3ms);
  EXPECT_TRUE(gate.refuses());
  EXPECT_FALSE(gate.takes_call(now));
  EXPECT_EQ(gate.refusal(), Refusal::kBeatsLate);
  windows(215, 0ms);
  EXPECT_FALSE(gate.refuses());
}

TEST(AdmissionGate, ClosesWhenBuffersRunOut) {
  Core core;
  core.pool_used = 900;
  core.carry(100, 1s);
  EXPECT_FALSE(core.gate.refuses());
  core.pool_used = 901;
  core.window();
  EXPECT_FALSE(core.gate.takes_call(core.now));
  EXPECT_EQ(core.gate.refusal(), Refusal::kPool);
  core.pool_used = 850;
  core.idle(10s);
  EXPECT_TRUE(core.gate.refuses()) << "less, but not well";
  core.pool_used = 700;
  core.idle(2100ms);
  EXPECT_FALSE(core.gate.refuses());
}

TEST(AdmissionGate, TakesNoMoreLegsThanTheBoxPromises) {
  AdmissionConfig config;
  config.legs_promised = 1000;
  Core core(config);
  EXPECT_DOUBLE_EQ(core.gate.leg_cost(), 0.85 / 1000) << "what the promise implies until more is known";
  core.carry(990, 10s);
  EXPECT_EQ(core.window(100), 10);
  EXPECT_EQ(core.gate.refusal(), Refusal::kPromise);
  EXPECT_FALSE(core.gate.refuses()) << "full is not overloaded";
  core.legs -= 5;
  core.window();
  EXPECT_EQ(core.window(100), 5);
}

// The machine did not run us for 50 ms, at four fifths of load: the backlog is worked off, calls are taken all along.
TEST(AdmissionGate, AStolenProcessorIsNoOverload) {
  for (const double load : {0.05, 0.50, 0.80}) {
    Core core;
    core.carry(legs_for(load), 60s);
    core.stall(50ms);
    EXPECT_EQ(core.window(1), 1);
    for (int i = 0; i < 1000; ++i) {
      core.window();
      EXPECT_FALSE(core.gate.refuses()) << load << " after " << i * 10 << " ms";
    }
    EXPECT_NEAR(core.gate.headroom(), 1 - load, 0.02);
  }
}

// Were every stall forgiven, a core that is stolen all the time would never be found overloaded.
TEST(AdmissionGate, AProcessorStolenOverAndOverIsOverload) {
  Core core;
  core.carry(legs_for(0.80), 60s);
  for (int i = 0; i < 20 && !core.gate.refuses(); ++i) {
    core.stall(50ms);
    core.idle(100ms);
  }
  EXPECT_TRUE(core.gate.refuses());
}

TEST(AdmissionGate, ComesBackByARampThatDoublesAndEnds) {
  Core core;
  core.set_up_work = 0us;
  core.carry(legs_for(0.90), 2s);
  core.legs = 100;
  while (core.gate.refuses()) core.window();
  std::vector<int> per_second;
  for (int second = 0; second < 5; ++second) {
    int taken = 0;
    for (int i = 0; i < 100; ++i) taken += core.window(50);
    core.legs = 100;  // they end at once
    per_second.push_back(taken);
  }
  EXPECT_THAT(per_second, testing::ElementsAre(testing::AllOf(testing::Ge(9), testing::Le(12)), testing::Le(24),
                                               testing::Le(46), testing::Le(90), testing::Le(180)));
  EXPECT_GT(per_second.back(), 140);
  EXPECT_EQ(core.gate.refusal(), Refusal::kRamp);
  core.idle(3100ms);  // nobody asks
  EXPECT_EQ(core.window(500), 500) << "the ramp is over";
}

struct Hour {
  std::uint64_t closings = 0, refused = 0, taken = 0;
  Duration latest{0}, shortest{1h};  ///< beat; time between two turns of the gate
  double busy_average = 0;
};

// Calls of two minutes' (or two seconds') length, `offered` times as many as the core holds at 85 %.
Hour hour_at(double offered, Duration call_time) {
  Core core;
  Random random(7);
  const double held = 0.85 / core.leg_cost;
  const double per_window = offered * held / (std::chrono::duration<double>(call_time).count() * 100);
  core.set_up_work = std::chrono::duration_cast<Duration>(10ms * 0.01 / per_window);  // 1 % of the core
  Hour hour;
  double wanted = 0, ending = 0;
  bool was_closed = false;
  TimePoint turned{};
  for (int i = 0; i < 360'000; ++i) {
    wanted += per_window * 2 * random.unit();
    const int calls = static_cast<int>(wanted);
    wanted -= calls;
    const int taken = core.window(calls);
    hour.taken += static_cast<std::uint64_t>(taken);
    ending +=
        core.legs * std::chrono::duration<double>(10ms).count() / std::chrono::duration<double>(call_time).count();
    core.legs -= static_cast<std::uint32_t>(ending);
    ending -= static_cast<std::uint32_t>(ending);
    hour.busy_average += core.busy_rate() / 360'000;
    if (core.gate.refuses() == was_closed) continue;
    if (turned != TimePoint{}) hour.shortest = std::min(hour.shortest, core.now - turned);
    turned = core.now;
    was_closed = core.gate.refuses();
  }
  hour.closings = core.gate.closings();
  hour.refused = core.gate.refused();
  hour.latest = core.latest;
  return hour;
}

TEST(AdmissionGate, AnHourAtTheEdgeDoesNotFlap) {
  for (const double offered : {1.05, 1.5, 3.0}) {
    const Hour hour = hour_at(offered, 120s);
    SCOPED_TRACE(testing::Message() << offered << ": closed " << hour.closings << " times, shortest "
                                    << std::chrono::duration<double>(hour.shortest).count() << " s, busy "
                                    << hour.busy_average);
    EXPECT_GE(hour.closings, 1u);
    EXPECT_LE(hour.closings, 150u) << "more often than each 24 s";
    EXPECT_GE(hour.shortest, 2s);
    EXPECT_LT(hour.latest, 2ms);
    EXPECT_GT(hour.busy_average, 0.70) << "and it keeps the core at work";
    EXPECT_LT(hour.busy_average, 0.86);
    RecordProperty(std::to_string(offered), static_cast<int>(hour.closings));
  }
}

TEST(AdmissionGate, AnHourBelowTheEdgeRefusesNobody) {
  const Hour hour = hour_at(0.90, 120s);
  EXPECT_EQ(hour.refused, 0u);
  EXPECT_EQ(hour.closings, 0u);
}

TEST(AdmissionGate, RetryAfterGrowsAndIsSpread) {
  Core core;
  Random random(3);
  const auto draws = [&] {
    std::set<std::int64_t> seconds;
    for (int i = 0; i < 1000; ++i) seconds.insert(core.gate.retry_after(core.now, random).count());
    return seconds;
  };
  core.carry(legs_for(0.95), 1s);
  EXPECT_TRUE(core.gate.refuses());
  EXPECT_THAT(draws(), testing::ElementsAre(1, 2, 3));
  core.idle(20s);
  EXPECT_GE(*draws().begin(), 9);
  EXPECT_GE(draws().size(), 18u) << "peers come back one after the other";
  core.idle(10min);
  EXPECT_GE(*draws().begin(), 32);
  EXPECT_LE(*draws().rbegin(), 96);
}

// What closed the gate on its way back is the same overload.
TEST(AdmissionGate, RetryAfterRemembersARelapse) {
  Core core;
  Random random(3);
  core.carry(legs_for(0.95), 60s);
  core.legs = 0;
  while (core.gate.refuses()) core.window();
  core.window(1);
  core.carry(legs_for(0.95), 1s);
  ASSERT_TRUE(core.gate.refuses());
  EXPECT_GE(core.gate.retry_after(core.now, random), 30s);
}

TEST(AdmissionConfig, NamesTheFirstFault) {
  EXPECT_EQ(AdmissionConfig{}.fault(), "");
  const auto with = [](auto change) {
    AdmissionConfig config;
    change(config);
    const std::string fault = config.fault();
    return fault.substr(0, fault.find(':'));
  };
  using Config = AdmissionConfig;
  EXPECT_EQ(with([](Config& c) { c.headroom_min = 0; }), "headroom_min");
  EXPECT_EQ(with([](Config& c) { c.headroom_back = c.headroom_min; }), "headroom_back");
  EXPECT_EQ(with([](Config& c) { c.pool_back = 0.95; }), "pool_back");
  EXPECT_EQ(with([](Config& c) { c.window = 0ms; }), "window");
  EXPECT_EQ(with([](Config& c) { c.stall = 1ms; }), "stall");
  EXPECT_EQ(with([](Config& c) { c.stall_apart = 1ms; }), "stall_apart");
  EXPECT_EQ(with([](Config& c) { c.leg_cost_first = 1; }), "leg_cost_first");
  EXPECT_EQ(with([](Config& c) { c.learn_fall = 0s; }), "learn_fall");
  EXPECT_EQ(with([](Config& c) { c.ramp_first = 0; }), "ramp_first");
  EXPECT_EQ(with([](Config& c) { c.ramp_growth = 1; }), "ramp_growth");
  EXPECT_EQ(with([](Config& c) { c.retry_after_min = 0s; }), "retry_after_min");
  EXPECT_EQ(with([](Config& c) { c.retry_after_max = 1s; }), "retry_after_max");
}

}  // namespace
}  // namespace carillon::call
