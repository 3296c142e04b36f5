#include "dialer/queue/account.h"

#include <gtest/gtest.h>

namespace carillon::dialer {
namespace {

const WallTime kNoon = std::chrono::sys_days(std::chrono::year(2026) / 5 / 5) + 12h;

TEST(QueueAccount, AnAgentCountsMoreThanTheEndOfTheTimeAndOurFaultIsNobodysHangUp) {
  EXPECT_EQ(classify({.connected = true, .overflowed = true}), CallerOutcome::kAnswered);
  EXPECT_EQ(classify({.overflowed = true, .engine_fault = true}), CallerOutcome::kOverflowed);
  EXPECT_EQ(classify({.engine_fault = true}), CallerOutcome::kFailed);
  EXPECT_EQ(classify({}), CallerOutcome::kAbandoned);
}

TEST(QueueAccount, ServiceLevelLeavesOutThoseWhoHungUpWithinTheTime) {
  QueueAccount account(20s);
  EXPECT_FALSE(account.sum(kNoon).service_level());
  account.count(kNoon, CallerOutcome::kAnswered, 20s);
  account.count(kNoon, CallerOutcome::kAnswered, 21s);
  account.count(kNoon, CallerOutcome::kAbandoned, 3s);  // left out
  account.count(kNoon, CallerOutcome::kAbandoned, 40s);
  account.count(kNoon, CallerOutcome::kOverflowed, 60s);
  const auto sum = account.sum(kNoon);
  EXPECT_EQ(sum.answered, 2u);
  EXPECT_EQ(sum.abandoned, 2u);
  EXPECT_EQ(sum.overflowed, 1u);
  EXPECT_EQ(sum.waited, 41s);
  EXPECT_EQ(sum.wait_longest, 60s);
  EXPECT_DOUBLE_EQ(*sum.service_level(), 0.25);
}

TEST(QueueAccount, ADayLaterItIsForgottenAndOldNewsDoesNotOverwriteNewer) {
  QueueAccount account(20s);
  account.count(kNoon, CallerOutcome::kAnswered, 1s);
  EXPECT_EQ(account.sum(kNoon + 23h + 44min).answered, 1u);
  EXPECT_EQ(account.sum(kNoon + 24h).answered, 0u);
  account.count(kNoon - 24h, CallerOutcome::kAnswered, 1s);  // the same bucket, a day older
  EXPECT_EQ(account.sum(kNoon).answered, 1u);
  account.count(kNoon + 24h, CallerOutcome::kAbandoned, 1s);
  EXPECT_EQ(account.sum(kNoon + 24h).answered, 0u);
  EXPECT_EQ(account.sum(kNoon + 24h).abandoned, 1u);
}

}  // namespace
}  // namespace carillon::dialer
