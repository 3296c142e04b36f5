#include "dialer/sim/world.h"

#include <gtest/gtest.h>

namespace carillon::dialer::sim {
namespace {

using namespace std::chrono;

Zones utc() {
  Zones zones;
  zones.put("UTC", Zone());
  return zones;
}

Scenario endless(Mode mode, int agents) {
  Scenario scenario;
  scenario.campaign.id = CampaignId{1};
  scenario.campaign.mode = mode;
  scenario.campaign.channels_max = 5000;
  scenario.campaign.calls_per_second_max = 500;
  scenario.campaign.wrap_up_max = hours(1);
  for (auto& day : scenario.campaign.window.days) day = {{0, 1440}};
  scenario.agents = agents;
  return scenario;
}

// PACING.md: progressive dialing gives 30 agents .733 of their time and 55 s between calls.
TEST(World, ProgressiveMeetsTheKnownFigures) {
  const Zones zones = utc();
  const Report report = World(endless(Mode::kProgressive, 30), zones).run();
  EXPECT_EQ(report.broken, "");
  EXPECT_EQ(report.abandoned, 0u);
  EXPECT_NEAR(report.utilisation, 0.733, 0.02);
  EXPECT_NEAR(report.wait_mean_s, 55, 4);
}

TEST(World, PredictiveBeatsProgressiveWithinTheCap) {
  const Zones zones = utc();
  for (const int agents : {5, 10, 30}) {
    Scenario scenario = endless(Mode::kPredictive, agents);
    const Report predictive = World(scenario, zones).run();
    const Report progressive = World(endless(Mode::kProgressive, agents), zones).run();
    EXPECT_EQ(predictive.broken, "");
    EXPECT_GT(predictive.utilisation, progressive.utilisation + 0.04) << agents;
    EXPECT_LE(predictive.abandoned_rate(), 0.03) << agents;
  }
}

TEST(World, SameSeedSameDay) {
  const Zones zones = utc();
  const Scenario scenario = endless(Mode::kPredictive, 10);
  const Report a = World(scenario, zones).run(), b = World(scenario, zones).run();
  EXPECT_EQ(a.dials, b.dials);
  EXPECT_EQ(a.outcomes, b.outcomes);
}

// A list through days, night hours, a do-not-call list and restarts every hour: the world checks each dial.
TEST(World, BooksBalanceOverDaysAndRestarts) {
  const Zones zones = utc();
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    Scenario scenario = endless(Mode::kPredictive, 10);
    scenario.seed = seed;
    scenario.campaign.window = CallingWindow();
    scenario.start = sys_days(2026y / 3 / 2) + hours(6);
    scenario.leads = 3000;
    scenario.do_not_call_share = 0.05;
    scenario.crash_every = Seconds(3600);
    scenario.duration = Seconds(5 * 24 * 3600);
    const Report report = World(scenario, zones).run();
    EXPECT_EQ(report.broken, "");
    EXPECT_GT(report.crashes, 10u);
    EXPECT_EQ(report.leads_done + report.leads_open, 3000u);
    EXPECT_GT(report.refused, 0u);
  }
}

TEST(World, BroadcastOptOutsAreNeverCalledAgain) {
  const Zones zones = utc();
  Scenario scenario = endless(Mode::kBroadcast, 0);
  scenario.leads = 2000;
  scenario.model.opt_out = 0.3;
  scenario.duration = Seconds(48 * 3600);
  const Report report = World(scenario, zones).run();
  EXPECT_EQ(report.broken, "");
  EXPECT_GT(report.outcomes[static_cast<std::size_t>(Outcome::kOptedOut)], 50u);
}

}  // namespace
}  // namespace carillon::dialer::sim
