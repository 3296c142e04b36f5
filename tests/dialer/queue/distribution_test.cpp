// Inbound queues: who is served next, by whom, and what becomes of those whose time is up.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "dialer/dialer.h"

namespace carillon::dialer {
namespace {

using std::chrono::milliseconds;
using testing::IsEmpty;
using testing::SizeIs;

constexpr CampaignId kDrive{1}, kSales{2}, kService{3};
constexpr AgentId kAnn{1}, kBob{2};

// Two queues and a progressive campaign, at noon.
struct Hall {
  Hall() : dialer(zones) {
    zones.put("UTC", Zone());
    for (const auto id : {kDrive, kSales, kService}) {
      CampaignConfig config;
      config.id = id;
      config.mode = id == kDrive ? Mode::kProgressive : Mode::kInbound;
      config.wrap_up_max = 5s;
      dialer.put_campaign(config);
    }
    dialer.set_state(kDrive, CampaignState::kRunning, now);
  }
  AttemptId comes(CampaignId queue, bool waits = true) {
    pass(10ms);
    return dialer.on_incoming(queue, "+15559990000", now, waits);
  }
  // One outbound person who was dialed, answered and waits.
  AttemptId reached() {
    const std::vector<Lead> leads{{.id = LeadId{++last_lead}, .number = "+15551000000", .time_zone = {}}};
    dialer.add_leads(kDrive, leads);
    std::vector<Action> actions;
    dialer.decide(now, wall, actions);
    for (const Action& action : actions)
      if (const auto* dial = std::get_if<Dial>(&action)) {
        dialer.on_person(dial->attempt, true, now, wall);
        return dial->attempt;
      }
    return {};
  }
  std::vector<Connect> decide() {
    std::vector<Action> actions;
    dialer.decide(now, wall, actions);
    std::vector<Connect> connects;
    for (const Action& action : actions)
      if (const auto* connect = std::get_if<Connect>(&action)) connects.push_back(*connect);
    return connects;
  }
  void sits(AgentId agent, std::set<CampaignId> queues) {
    pass(10ms);
    dialer.agent_log_in(agent, std::move(queues), now);
  }
  void talked(AttemptId attempt) {
    dialer.on_connected(attempt, now);
    pass(1s);
    dialer.on_ended(attempt, {.answered = true}, now, wall);
  }
  void pass(milliseconds time) {
    now += time;
    wall += time;
  }
  AgentStatus status(AgentId agent) { return dialer.roster().find(agent)->status; }

  Zones zones;
  Dialer dialer;
  TimePoint now{1h};
  WallTime wall = std::chrono::sys_days(std::chrono::year(2026) / 5 / 5) + 12h;
  std::uint64_t last_lead = 0;
};

TEST(Distribution, CallersAreServedInTheOrderOfTheirComingAndTheirPositionsMoveUp) {
  Hall hall;
  const auto first = hall.comes(kSales), second = hall.comes(kSales), third = hall.comes(kSales);
  EXPECT_EQ(hall.dialer.position(third), 3u);
  hall.sits(kAnn, {kSales});
  EXPECT_EQ(hall.decide().at(0).attempt, first);
  EXPECT_EQ(hall.dialer.position(first), 0u);
  EXPECT_EQ(hall.dialer.position(third), 2u);
  hall.dialer.on_ended(second, {.answered = true}, hall.now, hall.wall);  // hangs up while waiting
  EXPECT_EQ(hall.dialer.position(third), 1u);
  hall.talked(first);
  EXPECT_THAT(hall.decide(), IsEmpty());  // wrap-up
  hall.pass(5s);
  EXPECT_EQ(hall.decide().at(0).attempt, third);
}

TEST(Distribution, TheLongestIdleAgentOfTheQueueIsNext) {
  Hall hall;
  hall.sits(kBob, {kSales});
  hall.sits(kAnn, {kSales, kService});
  const auto call = hall.comes(kSales);
  EXPECT_EQ(hall.decide().at(0).agent, kBob);
  hall.talked(call);
  hall.pass(6s);
  hall.decide();  // Bob's wrap-up ends: he is idle since now
  hall.comes(kSales);
  EXPECT_EQ(hall.decide().at(0).agent, kAnn);
  hall.comes(kService);
  EXPECT_THAT(hall.decide(), IsEmpty());  // Bob is free, but not for this queue
}

TEST(Distribution, TheLongestWaitingOfSeveralQueuesIsServedFirst) {
  Hall hall;
  const auto service = hall.comes(kService), sales = hall.comes(kSales);
  hall.sits(kAnn, {kSales, kService});
  EXPECT_EQ(hall.decide().at(0).attempt, service);
  hall.sits(kBob, {kSales, kService});
  EXPECT_EQ(hall.decide().at(0).attempt, sales);
}

TEST(Distribution, WhoCalledUsGoesBeforeWhomWeCalled) {
  Hall hall;
  hall.sits(kAnn, {kDrive, kSales});
  hall.pass(1s);
  const auto person = hall.reached();
  ASSERT_TRUE(person);
  hall.pass(100ms);
  const auto caller = hall.comes(kSales);  // later, and first all the same
  auto connects = hall.decide();
  ASSERT_THAT(connects, SizeIs(1));
  EXPECT_EQ(connects[0].attempt, caller);
  hall.sits(kBob, {kDrive});
  connects = hall.decide();
  ASSERT_THAT(connects, SizeIs(1));
  EXPECT_EQ(connects[0].attempt, person);
}

TEST(Distribution, NobodyIsDialedForAnAgentWhomACallerWaitsFor) {
  Hall hall;
  hall.sits(kAnn, {kDrive, kSales});
  hall.pass(1s);
  const std::vector<Lead> leads{{.id = LeadId{1}, .number = "+15551000000", .time_zone = {}}};
  hall.dialer.add_leads(kDrive, leads);
  hall.comes(kSales);
  std::vector<Action> actions;
  hall.dialer.decide(hall.now, hall.wall, actions);
  for (const Action& action : actions) EXPECT_FALSE(std::holds_alternative<Dial>(action));
}

TEST(Distribution, AGreetingIsHeardOutBeforeAnAgentComes) {
  Hall hall;
  hall.sits(kAnn, {kSales});
  const auto call = hall.comes(kSales, false);
  EXPECT_THAT(hall.decide(), IsEmpty());
  EXPECT_EQ(hall.dialer.position(call), 0u);
  hall.dialer.on_person(call, true, hall.now, hall.wall);
  EXPECT_EQ(hall.decide().at(0).attempt, call);
}

TEST(Distribution, WhoseTimeIsUpIsOfferedToNobodyButKeepsAnAgentOnTheWay) {
  Hall hall;
  const auto late = hall.comes(kSales), joining = hall.comes(kSales);
  hall.dialer.on_overflow(late);
  EXPECT_EQ(hall.dialer.position(joining), 1u);
  hall.sits(kAnn, {kSales});
  EXPECT_EQ(hall.decide().at(0).attempt, joining);
  hall.dialer.on_overflow(joining);  // the bridge is on its way
  hall.dialer.on_connected(joining, hall.now);
  EXPECT_EQ(hall.status(kAnn), AgentStatus::kTalking);
  hall.talked(joining);
  EXPECT_EQ(hall.status(kAnn), AgentStatus::kWrapUp);
}

TEST(Distribution, AnAgentWhoCannotBeReachedAfterTheTimeIsUpIsFreeAgain) {
  Hall hall;
  const auto call = hall.comes(kSales);
  hall.sits(kAnn, {kSales});
  ASSERT_THAT(hall.decide(), SizeIs(1));
  hall.dialer.on_overflow(call);
  hall.dialer.on_connect_failed(call, hall.now);
  EXPECT_EQ(hall.status(kAnn), AgentStatus::kReady);
  EXPECT_THAT(hall.decide(), IsEmpty());
}

TEST(Distribution, RestoredCallersKeepTheirOrderAmongQueuesAndBeforeNewOnes) {
  Hall hall;
  const auto fresh = hall.comes(kSales);
  Hall again;
  again.dialer.restore(kService, AttemptId{40}, {}, Attempt::Phase::kWaiting, {}, again.now - 20s);
  again.dialer.restore(kSales, AttemptId{41}, {}, Attempt::Phase::kWaiting, {}, again.now - 30s);
  again.dialer.restore(kSales, AttemptId{42}, {}, Attempt::Phase::kWaiting, {}, again.now - 10s);
  const auto newer = again.comes(kSales);
  EXPECT_GT(newer.value, 42u);
  std::vector<std::uint64_t> served;
  for (std::uint64_t agent = 10; agent < 14; ++agent) {
    again.sits(AgentId{agent}, {kSales, kService});
    served.push_back(again.decide().at(0).attempt.value);
  }
  EXPECT_THAT(served, testing::ElementsAre(41, 40, 42, newer.value));
  EXPECT_TRUE(fresh);
}

// Any mixture of arrivals, hang-ups, overflows, failed and finished talks: one caller, one agent; one agent, one
// caller.
TEST(Distribution, NoCallerIsOfferedToTwoAgentsAndNoAgentTwoCallers) {
  for (std::uint32_t seed = 1; seed <= 50; ++seed) {
    Hall hall;
    std::mt19937 random(seed);
    const auto below = [&](unsigned limit) { return random() % limit; };
    for (std::uint64_t agent = 1; agent <= 4; ++agent)
      hall.sits(AgentId{agent}, agent % 2 ? std::set{kSales} : std::set{kSales, kService, kDrive});
    std::map<AttemptId, AgentId> joined;  // being connected or talking
    std::vector<AttemptId> here;
    for (int turn = 0; turn < 400; ++turn) {
      hall.pass(milliseconds(below(900)));
      if (below(2)) here.push_back(hall.comes(below(2) ? kSales : kService));
      for (const Connect& connect : hall.decide()) {
        EXPECT_FALSE(joined.contains(connect.attempt)) << "seed " << seed;
        for (const auto& [attempt, agent] : joined) EXPECT_NE(agent, connect.agent) << "seed " << seed;
        joined[connect.attempt] = connect.agent;
      }
      if (here.empty()) continue;
      const auto chosen = here[below(static_cast<unsigned>(here.size()))];
      switch (below(4)) {
        case 0:
          hall.dialer.on_overflow(chosen);
          break;
        case 1:
          hall.dialer.on_connected(chosen, hall.now);
          break;
        case 2:
          if (joined.contains(chosen) && hall.status(joined[chosen]) == AgentStatus::kReserved) {
            hall.dialer.on_connect_failed(chosen, hall.now);
            joined.erase(chosen);
          }
          break;
        default:
          hall.dialer.on_ended(chosen, {.answered = true}, hall.now, hall.wall);
          joined.erase(chosen);
          std::erase(here, chosen);
      }
    }
  }
}

}  // namespace
}  // namespace carillon::dialer
