#include "dialer/dialer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace carillon::dialer {
namespace {

using namespace std::chrono;
using testing::HasSubstr;
using testing::SizeIs;

constexpr CampaignId kCampaign{1};
constexpr AgentId kAnn{1}, kBob{2};

// One campaign that may call at any hour, and a clock.
struct Desk {
  explicit Desk(Mode mode) : dialer(zones) {
    zones.put("UTC", Zone());
    CampaignConfig config;
    config.id = kCampaign;
    config.mode = mode;
    for (auto& day : config.window.days) day = {{0, 1440}};
    config.calls_per_second_max = 100;
    dialer.put_campaign(config);
    dialer.set_state(kCampaign, CampaignState::kRunning, now);
  }

  void give(int count) {
    std::vector<Lead> leads;
    for (int i = 0; i < count; ++i) {
      const auto id = static_cast<std::uint64_t>(++last_lead);
      leads.push_back(Lead{.id = LeadId{id}, .number = "+1555" + std::to_string(1'000'000 + id), .time_zone = {}});
    }
    EXPECT_EQ(dialer.add_leads(kCampaign, leads), leads.size());
  }
  template <class Wanted>
  std::vector<Wanted> decide() {
    actions.clear();
    dialer.decide(now, wall, actions);
    std::vector<Wanted> found;
    for (const Action& action : actions)
      if (const auto* wanted = std::get_if<Wanted>(&action)) found.push_back(*wanted);
    return found;
  }
  void pass(milliseconds time) {
    now += time;
    wall += time;
  }
  void person(AttemptId attempt) { dialer.on_person(attempt, true, now, wall); }
  void end(AttemptId attempt, EndFacts facts) { dialer.on_ended(attempt, facts, now, wall); }

  Zones zones;
  Dialer dialer;
  TimePoint now{1h};
  WallTime wall = sys_days(2026y / 5 / 5) + 12h;
  int last_lead = 0;
  std::vector<Action> actions;
};

TEST(Dialer, BroadcastFillsItsChannelsWithinItsRate) {
  Desk desk(Mode::kBroadcast);
  desk.give(500);
  EXPECT_THAT(desk.decide<Dial>(), SizeIs(1));  // the bucket starts with one call
  desk.pass(500ms);
  EXPECT_THAT(desk.decide<Dial>(), SizeIs(50));
  desk.pass(2s);
  EXPECT_THAT(desk.decide<Dial>(), SizeIs(49));  // channels_max 100
  desk.pass(2s);
  EXPECT_THAT(desk.decide<Dial>(), SizeIs(0));
}

TEST(Dialer, ProgressiveDialsOneLinePerFreeAgent) {
  Desk desk(Mode::kProgressive);
  desk.give(10);
  desk.pass(1s);
  EXPECT_THAT(desk.decide<Dial>(), SizeIs(0));
  EXPECT_THAT(desk.dialer.explain(kCampaign, desk.now, desk.wall).text, HasSubstr("no agents"));
  desk.dialer.agent_log_in(kAnn, {kCampaign}, desk.now);
  desk.dialer.agent_log_in(kBob, {kCampaign}, desk.now);
  EXPECT_THAT(desk.decide<Dial>(), SizeIs(2));
  EXPECT_THAT(desk.decide<Dial>(), SizeIs(0));
}

TEST(Dialer, APersonGoesToTheLongestIdleAgentAndThenToWrapUp) {
  Desk desk(Mode::kProgressive);
  desk.give(10);
  desk.dialer.agent_log_in(kBob, {kCampaign}, desk.now);
  desk.pass(1s);
  desk.dialer.agent_log_in(kAnn, {kCampaign}, desk.now);
  const auto dials = desk.decide<Dial>();
  ASSERT_THAT(dials, SizeIs(2));
  desk.person(dials[0].attempt);
  const auto connects = desk.decide<Connect>();
  ASSERT_THAT(connects, SizeIs(1));
  EXPECT_EQ(connects[0].agent, kBob);
  desk.dialer.on_connected(dials[0].attempt, desk.now);
  EXPECT_EQ(desk.dialer.roster().find(kBob)->status, AgentStatus::kTalking);
  desk.end(dials[0].attempt, {.answered = true, .person = true});
  const auto backs = desk.decide<LeadBack>();
  ASSERT_THAT(backs, SizeIs(1));
  EXPECT_EQ(backs[0].outcome, Outcome::kConnected);
  EXPECT_FALSE(backs[0].again);
  EXPECT_EQ(desk.dialer.roster().find(kBob)->status, AgentStatus::kWrapUp);
  desk.pass(31s);
  desk.decide<Dial>();
  EXPECT_EQ(desk.dialer.roster().find(kBob)->status, AgentStatus::kReady);
}

TEST(Dialer, NobodyFreeMeansWaitingThenAbandonedAndCounted) {
  Desk desk(Mode::kProgressive);
  desk.give(10);
  desk.dialer.agent_log_in(kAnn, {kCampaign}, desk.now);
  const auto dials = desk.decide<Dial>();
  ASSERT_THAT(dials, SizeIs(1));
  desk.dialer.agent_break(kAnn, desk.now);
  desk.person(dials[0].attempt);
  EXPECT_THAT(desk.decide<Connect>(), SizeIs(0));
  EXPECT_EQ(desk.dialer.position(dials[0].attempt), 1u);
  desk.pass(2s);
  desk.dialer.on_abandoned(dials[0].attempt, desk.now, desk.wall);
  desk.dialer.agent_ready(kAnn, desk.now);
  EXPECT_THAT(desk.decide<Connect>(), SizeIs(0));  // the safe-harbour message is playing
  desk.end(dials[0].attempt, {.answered = true, .person = true});
  const auto backs = desk.decide<LeadBack>();
  ASSERT_THAT(backs, SizeIs(1));
  EXPECT_EQ(backs[0].outcome, Outcome::kAbandoned);
  EXPECT_GE(*backs[0].again - desk.wall, hours(72));
  const auto& counters = desk.dialer.find(kCampaign)->counters;
  EXPECT_EQ(counters.abandoned, 1u);
  EXPECT_EQ(counters.answered_by_person, 1u);
}

TEST(Dialer, BusyIsTriedAgainAndThenDone) {
  Desk desk(Mode::kBroadcast);
  desk.give(1);
  Lead lead;
  for (int round = 0; round < 4; ++round) {
    const auto dials = desk.decide<Dial>();
    if (round == 3) {
      EXPECT_THAT(dials, SizeIs(0));  // three a day
      break;
    }
    ASSERT_THAT(dials, SizeIs(1)) << round;
    EXPECT_EQ(dials[0].lead.attempts, static_cast<std::uint32_t>(round + 1));
    desk.end(dials[0].attempt, {.sip_status = 486});
    const auto backs = desk.decide<LeadBack>();
    ASSERT_THAT(backs, SizeIs(1));
    EXPECT_EQ(backs[0].outcome, Outcome::kBusy);
    ASSERT_TRUE(backs[0].again);
    lead = backs[0].lead;
    desk.pass(duration_cast<milliseconds>(round < 2 ? *backs[0].again - desk.wall : minutes(10)));
    desk.dialer.add_leads(kCampaign, {&lead, 1});
  }
}

TEST(Dialer, AnOptOutBlocksTheNumberAtOnce) {
  Desk desk(Mode::kBroadcast);
  const Lead twice[2] = {{.id = LeadId{1}, .number = "+15551000001", .time_zone = {}},
                         {.id = LeadId{2}, .number = "+15551000001", .time_zone = {}}};
  desk.dialer.add_leads(kCampaign, twice);
  ASSERT_THAT(desk.decide<Dial>(), SizeIs(1));
  desk.dialer.block("+15551000001");
  desk.pass(1s);
  const auto refused = desk.decide<LeadRefused>();
  ASSERT_THAT(refused, SizeIs(1));
  EXPECT_EQ(refused[0].refusal, Refusal::kDoNotCall);
  EXPECT_FALSE(refused[0].again);
}

TEST(Dialer, PauseStopsDialingAtOnceAndStopHangsUpWhatRings) {
  Desk desk(Mode::kBroadcast);
  desk.give(50);
  ASSERT_THAT(desk.decide<Dial>(), SizeIs(1));
  desk.pass(1s);
  desk.dialer.pause_all(desk.now);
  EXPECT_THAT(desk.decide<Dial>(), SizeIs(0));
  EXPECT_THAT(desk.dialer.explain(kCampaign, desk.now, desk.wall).text, HasSubstr("paused"));
  desk.dialer.set_state(kCampaign, CampaignState::kStopped, desk.now);
  EXPECT_THAT(desk.decide<HangUp>(), SizeIs(1));
}

TEST(Dialer, AsksForLeadsOnceAndFinishesWhenNoneIsLeft) {
  Desk desk(Mode::kBroadcast);
  ASSERT_THAT(desk.decide<WantLeads>(), SizeIs(1));
  EXPECT_THAT(desk.decide<WantLeads>(), SizeIs(0));
  desk.give(1);
  const auto dials = desk.decide<Dial>();
  ASSERT_THAT(dials, SizeIs(1));
  desk.dialer.no_more_leads(kCampaign, std::nullopt);
  EXPECT_THAT(desk.decide<CampaignFinished>(), SizeIs(0));  // a call is in flight
  desk.end(dials[0].attempt, {.answered = true, .person = true, .message_started = true, .message_done = true});
  EXPECT_THAT(desk.decide<CampaignFinished>(), SizeIs(1));
  EXPECT_EQ(desk.dialer.find(kCampaign)->state, CampaignState::kFinished);
}

TEST(Dialer, ARestoredCallIsNotDialedAgainAndKeepsItsAgent) {
  Desk desk(Mode::kProgressive);
  desk.dialer.agent_log_in(kAnn, {kCampaign}, desk.now);
  Lead lead{.id = LeadId{9}, .number = "+15551000009", .time_zone = {}};
  desk.dialer.restore(kCampaign, AttemptId{41}, lead, Attempt::Phase::kTalking, kAnn, desk.now);
  EXPECT_EQ(desk.dialer.roster().find(kAnn)->status, AgentStatus::kTalking);
  desk.give(3);
  EXPECT_THAT(desk.decide<Dial>(), SizeIs(0));  // the agent talks
  desk.end(AttemptId{41}, {.answered = true, .person = true});
  const auto backs = desk.decide<LeadBack>();
  ASSERT_THAT(backs, SizeIs(1));
  EXPECT_EQ(backs[0].outcome, Outcome::kConnected);
  desk.dialer.agent_ready(kAnn, desk.now);
  desk.pass(1s);
  const auto dials = desk.decide<Dial>();
  ASSERT_THAT(dials, SizeIs(1));
  EXPECT_EQ(dials[0].attempt.value, 42u);
}

TEST(Dialer, InboundCallersShareTheAgentsAndKeepTheirOrder) {
  Desk desk(Mode::kProgressive);
  CampaignConfig queue;
  queue.id = CampaignId{2};
  queue.mode = Mode::kInbound;
  desk.dialer.put_campaign(queue);
  const AttemptId first = desk.dialer.on_incoming(queue.id, "+15559990001", desk.now);
  desk.pass(1s);
  const AttemptId second = desk.dialer.on_incoming(queue.id, "+15559990002", desk.now);
  EXPECT_EQ(desk.dialer.position(second), 2u);
  desk.dialer.agent_log_in(kAnn, {kCampaign, queue.id}, desk.now);
  const auto connects = desk.decide<Connect>();
  ASSERT_THAT(connects, SizeIs(1));
  EXPECT_EQ(connects[0].attempt, first);
  EXPECT_EQ(desk.dialer.position(second), 1u);
}

TEST(Dialer, AFailedConnectPutsThePersonBackAtTheHead) {
  Desk desk(Mode::kProgressive);
  desk.give(2);
  desk.dialer.agent_log_in(kAnn, {kCampaign}, desk.now);
  const auto dials = desk.decide<Dial>();
  desk.person(dials[0].attempt);
  ASSERT_THAT(desk.decide<Connect>(), SizeIs(1));
  desk.dialer.on_connect_failed(dials[0].attempt, desk.now);
  EXPECT_THAT(desk.decide<Connect>(), SizeIs(1));
}

struct OutcomeCase {
  EndFacts facts;
  Outcome outcome;
};
TEST(Outcome, FollowsFromTheFacts) {
  const OutcomeCase cases[] = {
      {{.sip_status = 486}, Outcome::kBusy},
      {{.sip_status = 600}, Outcome::kBusy},
      {{.sip_status = 404}, Outcome::kInvalidNumber},
      {{.sip_status = 603}, Outcome::kRejected},
      {{.sip_status = 503}, Outcome::kCongestion},
      {{.sip_status = 407}, Outcome::kFailed},
      {{.sip_status = 487, .rang_out = true}, Outcome::kNoAnswer},
      {{.sip_status = 408}, Outcome::kNoAnswer},
      {{.engine_fault = true}, Outcome::kFailed},
      {{.sip_status = 200, .answered = true, .machine = true}, Outcome::kMachine},
      {{.answered = true, .machine = true, .message_started = true, .message_done = true}, Outcome::kMessageLeft},
      {{.answered = true, .person = true, .message_started = true, .message_done = true}, Outcome::kMessageHeard},
      {{.answered = true, .person = true, .message_started = true}, Outcome::kMessageCut},
      {{.answered = true, .person = true}, Outcome::kPersonHungUp},
      {{.answered = true, .silence = true}, Outcome::kSilence},
      {{.answered = true, .fax = true}, Outcome::kFax},
      {{.answered = true, .person = true, .abandoned = true}, Outcome::kAbandoned},
      {{.answered = true, .person = true, .message_started = true, .opted_out = true}, Outcome::kOptedOut},
  };
  for (const auto& each : cases) EXPECT_EQ(classify(each.facts), each.outcome) << text(each.outcome);
}

}  // namespace
}  // namespace carillon::dialer
