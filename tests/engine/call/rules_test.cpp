// The small tables of engine/call: numbers, causes, limits.

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <thread>
#include <vector>

#include "engine/base/random.h"
#include "engine/call/cause.h"
#include "engine/call/info_digit.h"
#include "engine/call/leg_index.h"
#include "engine/call/media_wheel.h"
#include "engine/call/number_rule.h"
#include "engine/call/trunk_limits.h"

namespace carillon::call {
namespace {

using Plus = NumberRule::Plus;

TEST(NumberRule, StripsPrefixesAndSeesToThePlus) {
  struct Case {
    const char* in;
    NumberRule rule;
    const char* out;
  };
  const Case cases[] = {
      {"+14155550100", {}, "+14155550100"},
      {"+14155550100", {1, "9", Plus::kRemove}, "94155550100"},
      {"+14155550100", {0, "", Plus::kRemove}, "14155550100"},
      {"14155550100", {0, "", Plus::kAdd}, "+14155550100"},
      {"+14155550100", {0, "00", Plus::kRemove}, "0014155550100"},
      {"4155550100", {0, "+1", Plus::kKeep}, "+14155550100"},
      {"+441632960000", {2, "0", Plus::kRemove}, "01632960000"},
      {"+12", {9, "", Plus::kKeep}, "+"},
      {"alice", {1, "9", Plus::kAdd}, "alice"},
      {"", {1, "9", Plus::kAdd}, ""},
  };
  for (const Case& each : cases) EXPECT_EQ(rewrite(each.in, each.rule).view(), each.out) << each.in;
}

TEST(InfoDigit, ReadsBothForms) {
  struct Case {
    const char *type, *body;
    char digit;
    Duration duration;
  };
  const Case cases[] = {
      {"application/dtmf-relay", "Signal=5\r\nDuration=160\r\n", '5', 160ms},
      {"application/dtmf-relay", "Signal= #\nDuration= 250", '#', 250ms},
      {"application/dtmf-relay; charset=x", "Duration=80\r\nSignal=*", '*', 80ms},
      {"application/dtmf-relay", "Signal=5\r\nDuration=999999999999", '5', 100ms},
      {"application/dtmf-relay", "Signal=5", '5', 100ms},
      {"application/dtmf", "7", '7', 100ms},
      {"application/dtmf", "7\r\n", '7', 100ms},
      {"application/dtmf-relay", "Signal=12", 0, 100ms},
      {"application/dtmf-relay", "Signal=", 0, 100ms},
      {"application/dtmf", "", 0, 100ms},
      {"application/media_control+xml", "5", 0, 100ms},
  };
  for (const Case& each : cases) {
    const InfoDigit read = read_info_digit(each.type, each.body);
    EXPECT_EQ(read.digit, each.digit) << each.body;
    EXPECT_EQ(read.duration, each.duration) << each.body;
  }
}

TEST(Cause, StatusesMapAsRfc3398Says) {
  EXPECT_EQ(cause_of_status(404), 1);
  EXPECT_EQ(cause_of_status(480), 18);
  EXPECT_EQ(cause_of_status(486), 17);
  EXPECT_EQ(cause_of_status(503), 41);
  EXPECT_EQ(cause_of_status(600), 17);
  EXPECT_EQ(cause_of_status(603), 21);
  EXPECT_EQ(cause_of_status(599), 41) << "an unknown 5xx";
  EXPECT_EQ(cause_of_status(499), 31);
  EXPECT_EQ(status_of_cause(17), 486);
  EXPECT_EQ(status_of_cause(1), 404);
  EXPECT_EQ(status_of_cause(34), 503);
  EXPECT_EQ(status_of_cause(16), 480);
  EXPECT_EQ(cause_text(17), "User busy");
  EXPECT_EQ(cause_text(99), "");
}

TEST(Cause, OnlyTheNetworksOwnTroubleMovesOnToTheNextTrunk) {
  for (const int status : {408, 500, 502, 503, 504}) EXPECT_TRUE(moves_on(status)) << status;
  for (const int status : {302, 403, 404, 480, 486, 487, 488, 600, 603}) EXPECT_FALSE(moves_on(status)) << status;
}

TEST(TrunkLimits, ChannelsAreCountedAndGivenBack) {
  TrunkLimits limits;
  EXPECT_EQ(limits.admit(0, 2, TimePoint{}), Admission::kYes);
  EXPECT_EQ(limits.admit(0, 2, TimePoint{}), Admission::kYes);
  EXPECT_EQ(limits.admit(0, 2, TimePoint{}), Admission::kChannels);
  limits.release();
  EXPECT_EQ(limits.admit(0, 2, TimePoint{}), Admission::kYes);
  EXPECT_EQ(limits.channels(), 2u);
}

TEST(TrunkLimits, NoSecondSeesMoreThanATenthAboveTheRate) {
  TrunkLimits limits;
  std::vector<TimePoint> passed;
  for (TimePoint now{}; now < TimePoint{} + 10s; now += 1ms)
    if (limits.admit(20, 0, now) == Admission::kYes) passed.push_back(now);
  EXPECT_NEAR(static_cast<double>(passed.size()), 200, 3);
  for (std::size_t i = 0; i + 23 < passed.size(); ++i) EXPECT_GT(passed[i + 23] - passed[i], 1s) << i;
}

TEST(TrunkLimits, ARefusedCallTakesNoChannel) {
  TrunkLimits limits;
  EXPECT_EQ(limits.admit(1, 0, TimePoint{}), Admission::kYes);
  EXPECT_EQ(limits.admit(1, 0, TimePoint{}), Admission::kCallsPerSecond);
  EXPECT_EQ(limits.channels(), 1u);
  EXPECT_EQ(limits.admit(1, 0, TimePoint{} + 1s), Admission::kYes);
}

TEST(TrunkLimits, RetryAfterIsRememberedUntilThen) {
  TrunkLimits limits;
  limits.retry_after(TimePoint{} + 5s);
  limits.retry_after(TimePoint{} + 2s);
  EXPECT_TRUE(limits.is_resting(TimePoint{} + 4999ms));
  EXPECT_FALSE(limits.is_resting(TimePoint{} + 5s));
}

TEST(LegIndex, FindsWhatIsThereAfterAnyOrderOfComingAndGoing) {
  Random random(5);
  LegIndex index(100);
  std::map<std::uint64_t, Handle> model;
  for (std::uint32_t i = 1; i < 20'000; ++i) {
    const LegId id{1 + random.below(400)};
    if (model.contains(id.value)) {
      index.remove(id);
      model.erase(id.value);
    } else if (model.size() < 100) {
      index.add(id, {i, i});
      model[id.value] = {i, i};
    }
    const LegId other{1 + random.below(400)};
    const auto known = model.find(other.value);
    ASSERT_EQ(index.find(other), known == model.end() ? Handle{} : known->second) << i;
  }
}

TEST(MediaWheel, EachLegHasItsBeatAndSlotsFillEvenly) {
  MediaWheel wheel(200, TimePoint{});
  for (std::uint32_t i = 0; i < 80; ++i) (void)wheel.join({i, 1}, wheel.emptiest());
  std::map<std::uint32_t, int> beats;
  std::size_t most = 0;
  for (TimePoint now{}; now < TimePoint{} + 100ms; now += 500us)
    EXPECT_EQ(wheel.run_due(now,
                            [&](std::span<const Handle> legs, TimePoint) {
                              most = std::max(most, legs.size());
                              for (const Handle leg : legs) ++beats[leg.index];
                            }),
              0u);
  EXPECT_EQ(most, 2u);
  ASSERT_EQ(beats.size(), 80u);
  for (const auto& [leg, count] : beats) EXPECT_EQ(count, 5) << leg;
}

TEST(MediaWheel, ALegThatJoinsAfterIdleTimeStartsNowAndAStallIsNotMadeUpFor) {
  MediaWheel wheel(10, TimePoint{});
  wheel.skip_idle(TimePoint{} + 10s);
  (void)wheel.join({1, 1}, wheel.emptiest());
  int beats = 0;
  const auto count = [&](std::span<const Handle>, TimePoint) { ++beats; };
  EXPECT_EQ(wheel.run_due(TimePoint{} + 10s, count), 0u);
  EXPECT_LE(beats, 1) << "no burst for the idle time";
  beats = 0;
  EXPECT_NEAR(static_cast<double>(wheel.run_due(TimePoint{} + 11s, count)), 40, 1);
  EXPECT_NEAR(beats, 10, 1) << "200 ms are caught up";
}

TEST(TrunkBoard, GivesEveryShardTheSameLimits) {
  const auto board = std::make_unique<TrunkBoard>();
  TrunkLimits* const a = board->find("trk_a");
  ASSERT_NE(a, nullptr);
  EXPECT_EQ(board->find("trk_a"), a);
  EXPECT_NE(board->find("trk_b"), a);
}

TEST(TrunkBoard, TwoThreadsNeverPassTheChannelLimit) {
  const auto board = std::make_unique<TrunkBoard>();
  std::atomic<int> admitted{0};
  auto work = [&] {
    TrunkLimits* const limits = board->find("trk");
    for (int i = 0; i < 10'000; ++i)
      if (limits->admit(0, 100, TimePoint{}) == Admission::kYes) ++admitted;
  };
  std::thread one(work), two(work);
  one.join();
  two.join();
  EXPECT_EQ(admitted.load(), 100);
}

TEST(TrunkBoard, AnswersNothingWhenItIsFull) {
  const auto board = std::make_unique<TrunkBoard>();
  for (std::size_t i = 0; i < TrunkBoard::kTrunksMax; ++i) ASSERT_NE(board->find("trk_" + std::to_string(i)), nullptr);
  EXPECT_EQ(board->find("one more"), nullptr);
}

}  // namespace
}  // namespace carillon::call
