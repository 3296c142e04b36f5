#include "dialer/agent/roster.h"

#include <gtest/gtest.h>

namespace carillon::dialer {
namespace {

constexpr CampaignId kCampaign{1};
constexpr AgentId kAnn{1};

// Ann is logged in and has a call in hand.
struct Seat {
  explicit Seat(bool talks) {
    roster.log_in(kAnn, {kCampaign}, now);
    roster.reserve(kAnn, AttemptId{7}, now);
    if (talks) roster.talking(kAnn, now);
  }
  AgentStatus status() const { return roster.find(kAnn)->status; }
  TimePoint now{1h};
  Roster roster;
};

TEST(Roster, AfterATalkComesWrapUpAfterALostReservationReadiness) {
  Seat talked(true);
  talked.roster.wrap_up(kAnn, talked.now);
  EXPECT_EQ(talked.status(), AgentStatus::kWrapUp);
  EXPECT_FALSE(talked.roster.find(kAnn)->attempt);
  Seat reserved(false);
  reserved.roster.release(kAnn, reserved.now);
  EXPECT_EQ(reserved.status(), AgentStatus::kReady);
}

TEST(Roster, ABreakAskedForInACallComesAfterItOnce) {
  for (const bool talks : {true, false}) {
    Seat seat(talks);
    EXPECT_FALSE(seat.roster.take_break(kAnn, seat.now));
    talks ? seat.roster.wrap_up(kAnn, seat.now) : seat.roster.release(kAnn, seat.now);
    EXPECT_EQ(seat.status(), AgentStatus::kBreak);
    EXPECT_TRUE(seat.roster.ready(kAnn, seat.now));
    seat.roster.reserve(kAnn, AttemptId{8}, seat.now);
    seat.roster.release(kAnn, seat.now);
    EXPECT_EQ(seat.status(), AgentStatus::kReady);
  }
}

TEST(Roster, LoggingOutInACallWaitsForItsEnd) {
  for (const bool talks : {true, false}) {
    Seat seat(talks);
    EXPECT_FALSE(seat.roster.log_out(kAnn, seat.now));
    ASSERT_NE(seat.roster.find(kAnn), nullptr);
    talks ? seat.roster.wrap_up(kAnn, seat.now) : seat.roster.release(kAnn, seat.now);
    EXPECT_EQ(seat.roster.find(kAnn), nullptr);
  }
}

TEST(Roster, TheLongestIdleOfTheCampaignIsNext) {
  Roster roster;
  roster.log_in(AgentId{2}, {kCampaign}, TimePoint{1h});
  roster.log_in(kAnn, {kCampaign}, TimePoint{2h});
  roster.log_in(AgentId{3}, {CampaignId{9}}, TimePoint{0h});
  EXPECT_EQ(roster.longest_idle(kCampaign), AgentId{2});
  roster.reserve(AgentId{2}, AttemptId{1}, TimePoint{3h});
  EXPECT_EQ(roster.longest_idle(kCampaign), kAnn);
}

}  // namespace
}  // namespace carillon::dialer
