#include "dialer/hopper/hopper.h"

#include <gtest/gtest.h>

namespace carillon::dialer {
namespace {

using namespace std::chrono;
constexpr WallTime kNow = sys_days(2026y / 1 / 1);

Lead lead(std::uint64_t id, std::int32_t priority = 0) {
  return Lead{.id = LeadId{id}, .number = "+15550000000", .time_zone = {}, .priority = priority};
}

TEST(Hopper, HighestPriorityFirstThenLongestWaiting) {
  Hopper hopper(10);
  hopper.add(lead(1), kNow);
  hopper.add(lead(2, 5), kNow);
  hopper.add(lead(3), kNow - 1min);
  EXPECT_EQ(hopper.take(kNow)->id, LeadId{2});
  EXPECT_EQ(hopper.take(kNow)->id, LeadId{3});
  EXPECT_EQ(hopper.take(kNow)->id, LeadId{1});
  EXPECT_FALSE(hopper.take(kNow));
}

TEST(Hopper, ALeadThatIsDueLaterWaits) {
  Hopper hopper(10);
  hopper.add(lead(1, 9), kNow + 10min);
  EXPECT_FALSE(hopper.take(kNow));
  EXPECT_EQ(hopper.next_due(), kNow + 10min);
  EXPECT_EQ(hopper.ready(kNow + 10min), 1u);
  EXPECT_EQ(hopper.take(kNow + 10min)->id, LeadId{1});
}

TEST(Hopper, FullSaysSoAndAKnownLeadIsReplaced) {
  Hopper hopper(1);
  EXPECT_TRUE(hopper.add(lead(1), kNow));
  EXPECT_FALSE(hopper.add(lead(2), kNow));
  EXPECT_TRUE(hopper.add(lead(1, 3), kNow));
  EXPECT_EQ(hopper.size(), 1u);
  EXPECT_TRUE(hopper.remove(LeadId{1}));
  EXPECT_FALSE(hopper.remove(LeadId{1}));
  EXPECT_FALSE(hopper.take(kNow));
}

}  // namespace
}  // namespace carillon::dialer
