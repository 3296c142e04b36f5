// Calls between two engines in virtual time: placing, answering, failing, ending.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/engine/shard/world.h"

namespace carillon::shard {
namespace {

using call::EndedBy;
using call::PlanEvent;
using testing::HasSubstr;

/// b answers every call with this plan.
void answers(Side& side, call::Plan plan) {
  side.on_incoming = [&side, plan](LegId leg, const LegState&, std::uint32_t shard) {
    side.tell(call::Answer{leg, plan}, shard);
  };
}
void rejects(Side& side, int status, std::uint32_t retry_after = 0) {
  side.on_incoming = [&side, status, retry_after](LegId leg, const LegState&, std::uint32_t shard) {
    side.tell(call::Reject{leg, status, {}, retry_after}, shard);
  };
}

TEST(Call, IsAnsweredPlaysItsMessageInFullAndHangsUp) {
  World world;
  const media::Prompt message = tone(440, 1s);
  answers(world.b, listen_plan());
  const LegId leg = world.a.dial("b", "+4930123", message_plan(message));
  ASSERT_TRUE(world.run_until([&] { return world.a.ended(leg); }));
  world.run(200ms);

  const LegState state = world.a.state(leg);
  EXPECT_EQ(state.ended_by, EndedBy::kPlan);
  EXPECT_EQ(state.cause, 16);
  EXPECT_EQ(state.sip_status, 200);
  EXPECT_EQ(state.trunk.view(), "b");
  EXPECT_EQ(state.last_mark.view(), "message_played");
  EXPECT_EQ(state.codec.view(), "PCMU");
  EXPECT_NE(state.answered, WallTime{});
  EXPECT_NEAR(static_cast<double>((state.ended - state.answered).count()), 1120, 25);
  EXPECT_GE(state.rtp.packets_out, 50u);

  const LegState far = world.b.state(world.b.last_incoming);
  EXPECT_EQ(far.phase, LegPhase::kEnded);
  EXPECT_EQ(far.ended_by, EndedBy::kPeer);
  EXPECT_EQ(far.from.view(), "+4930555");
  EXPECT_EQ(far.to.view(), "+4930123");
  EXPECT_EQ(far.trunk.view(), "a");
  EXPECT_EQ(far.rtp.lost, 0u);

  // every sample of the message arrived, in order
  std::vector<std::int16_t> sent;
  for (std::size_t i = 0; i < message.frames(); ++i) {
    std::array<std::int16_t, kFrameSamples> frame;
    media::decode(media::Codec::kPcmu, message.frame(media::Codec::kPcmu, i), frame);
    sent.insert(sent.end(), frame.begin(), frame.end());
  }
  const auto& heard = world.b.recordings.sounds.at(world.b.last_incoming.value);
  EXPECT_FALSE(heard.is_open);
  EXPECT_NE(std::ranges::search(heard.left, sent).begin(), heard.left.end());
  EXPECT_EQ(world.a.legs() + world.b.legs(), 0u);
}

TEST(Call, EveryCommandComesBackOnceNothingNeedsIt) {
  World world;
  const media::Prompt message = tone(440, 100ms);
  answers(world.b, listen_plan());
  world.a.dial("b", "+4930123", message_plan(message));
  world.run(5s);
  EXPECT_EQ(world.a.commands_out(), 0u);
  EXPECT_EQ(world.b.commands_out(), 0u);
}

TEST(Call, BusyIsReportedWithItsCause) {
  World world;
  rejects(world.b, 486);
  const LegId leg = world.a.dial("b", "+4930123");
  ASSERT_TRUE(world.run_until([&] { return world.a.ended(leg); }));
  EXPECT_EQ(world.a.state(leg).sip_status, 486);
  EXPECT_EQ(world.a.state(leg).cause, 17);
  EXPECT_EQ(world.a.state(leg).ended_by, EndedBy::kPeer);
  EXPECT_EQ(world.a.state(leg).answered, WallTime{});
}

TEST(Call, NoAnswerIsCancelledAfterTheRingTime) {
  World world;
  world.b.on_incoming = [&](LegId leg, const LegState&, std::uint32_t) { world.b.tell(call::Progress{leg}); };
  const LegId leg = world.a.dial("b", "+4930123", {}, [](call::Originate& wanted) { wanted.ring_time = 15s; });
  world.run(14s);
  EXPECT_EQ(world.a.state(leg).phase, LegPhase::kRinging);
  ASSERT_TRUE(world.run_until([&] { return world.a.ended(leg); }, 3s));
  EXPECT_EQ(world.a.state(leg).sip_status, 487);
  EXPECT_EQ(world.a.state(leg).cause, 19);
  EXPECT_EQ(world.a.state(leg).ended_by, EndedBy::kEngine);
  EXPECT_EQ(world.b.state(world.b.last_incoming).reason.view(), "caller gave up");
  EXPECT_EQ(world.b.legs(), 0u);
}

// The 200 leaves b while a's CANCEL is on its way: a hangs up what was answered, and both know.
TEST(Call, AnAnswerThatCrossesTheCancelIsHungUp) {
  World world;
  world.network.faults.delay = 50ms;
  const LegId leg = world.a.dial("b", "+4930123");
  ASSERT_TRUE(world.run_until([&] { return world.b.last_incoming.value != 0; }));
  world.run(100ms);
  world.a.tell(call::Hangup{leg, 16, "test"});
  world.b.tell(call::Answer{world.b.last_incoming, {}});
  world.run(2s);
  EXPECT_TRUE(world.a.ended(leg));
  EXPECT_EQ(world.a.state(leg).ended_by, EndedBy::kControl);
  EXPECT_TRUE(world.b.ended(world.b.last_incoming));
  EXPECT_EQ(world.a.legs() + world.b.legs(), 0u);
}

TEST(Call, MovesOnToTheNextTrunkAfter503AndRemembersRetryAfter) {
  World world;
  world.a.trunk("b2", {world.b.address()});
  int asked = 0;
  world.b.on_incoming = [&](LegId leg, const LegState&, std::uint32_t) {
    if (++asked == 1)
      world.b.tell(call::Reject{leg, 503, {}, 30});
    else
      world.b.tell(call::Answer{leg, {}});
  };
  const auto both = [](call::Originate& wanted) { wanted.trunks = {"b", "b2"}; };
  const LegId first = world.a.dial("b", "+4930123", {}, both);
  ASSERT_TRUE(world.run_until([&] { return world.a.state(first).phase == LegPhase::kAnswered; }));
  EXPECT_EQ(world.a.state(first).trunk.view(), "b2");
  EXPECT_EQ(world.a.state(first).trunks_tried_count, 2);

  const LegId second = world.a.dial("b", "+4930124", {}, both);  // "b" is left out for 30 s
  ASSERT_TRUE(world.run_until([&] { return world.a.state(second).phase == LegPhase::kAnswered; }));
  EXPECT_EQ(world.a.state(second).trunks_tried_count, 1);
  EXPECT_EQ(asked, 3);

  // where there is no other, it is asked all the same
  const LegId only = world.a.dial("b", "+4930126");
  ASSERT_TRUE(world.run_until([&] { return world.a.state(only).phase == LegPhase::kAnswered; }));

  world.run(31s);
  const LegId third = world.a.dial("b", "+4930125", {}, both);
  ASSERT_TRUE(world.run_until([&] { return world.a.state(third).phase == LegPhase::kAnswered; }));
  EXPECT_EQ(world.a.state(third).trunk.view(), "b");
}

TEST(Call, ASilentGatewayIsLeftForTheNextOne) {
  World world;
  world.a.trunk("dead", {Endpoint::v4(10, 0, 0, 99, 5060)});
  answers(world.b, {});
  const LegId leg = world.a.dial("dead", "+4930123", {}, [](call::Originate& wanted) {
    wanted.trunks = {"dead", "b"};
  });
  ASSERT_TRUE(world.run_until([&] { return world.a.state(leg).phase == LegPhase::kAnswered; }, 10s));
  EXPECT_EQ(world.a.state(leg).trunk.view(), "b");
}

TEST(Call, NoOtherTrunkIsTriedAfterTheCalledPartysOwnAnswer) {
  World world;
  world.a.trunk("b2", {world.b.address()});
  int asked = 0;
  world.b.on_incoming = [&](LegId leg, const LegState&, std::uint32_t) {
    ++asked;
    world.b.tell(call::Reject{leg, 404, {}, 0});
  };
  const LegId leg = world.a.dial("b", "+1", {}, [](call::Originate& wanted) { wanted.trunks = {"b", "b2"}; });
  ASSERT_TRUE(world.run_until([&] { return world.a.ended(leg); }));
  EXPECT_EQ(asked, 1);
  EXPECT_EQ(world.a.state(leg).cause, 1);
}

TEST(Call, ATrunksChannelsAndCallsPerSecondAreKept) {
  World world;
  answers(world.b, {});
  world.a.trunk("narrow", {world.b.address()}, [](call::Trunk& trunk) { trunk.channels_max = 2; });
  world.a.trunk("slow", {world.b.address()}, [](call::Trunk& trunk) { trunk.calls_per_second_max = 4; });
  std::vector<LegId> narrow, slow;
  for (int i = 0; i < 3; ++i) narrow.push_back(world.a.dial("narrow", "+493012" + std::to_string(i)));
  world.run(500ms);
  EXPECT_EQ(world.a.state(narrow[1]).phase, LegPhase::kAnswered);
  EXPECT_EQ(world.a.state(narrow[2]).phase, LegPhase::kEnded);
  EXPECT_THAT(std::string(world.a.state(narrow[2]).reason.view()), HasSubstr("channels"));
  for (int i = 0; i < 4; ++i) slow.push_back(world.a.dial("slow", "+493013" + std::to_string(i)));
  world.run(300ms);
  EXPECT_EQ(world.a.state(slow[1]).phase, LegPhase::kAnswered);
  EXPECT_EQ(world.a.state(slow[3]).phase, LegPhase::kTrying) << "waits for its turn";
  world.run(1s);
  EXPECT_EQ(world.a.state(slow[3]).phase, LegPhase::kAnswered);
}

TEST(Call, NumbersAreWrittenAsTheTrunkWantsThem) {
  World world;
  answers(world.b, {});
  world.a.trunk("b", {world.b.address()}, [](call::Trunk& trunk) {
    trunk.to_rule = {1, "00", call::NumberRule::Plus::kRemove};
    trunk.from_rule = {0, "", call::NumberRule::Plus::kRemove};
  });
  const LegId leg = world.a.dial("b", "+4930123");
  ASSERT_TRUE(world.run_until([&] { return world.a.state(leg).phase == LegPhase::kAnswered; }));
  EXPECT_EQ(world.b.state(world.b.last_incoming).to.view(), "00930123");
  EXPECT_EQ(world.b.state(world.b.last_incoming).from.view(), "4930555");
  EXPECT_EQ(world.a.state(leg).to.view(), "+4930123") << "the CDR keeps what control said";
}

TEST(Call, WithoutABrainCallsAreTurnedAway) {
  World world;
  world.b.all(call::BrainState{false});
  const LegId leg = world.a.dial("b", "+4930123");
  ASSERT_TRUE(world.run_until([&] { return world.a.ended(leg); }));
  EXPECT_EQ(world.a.state(leg).sip_status, 503);
}

TEST(Call, AnUndecidedIncomingCallIsTurnedAwayAfterTenSeconds) {
  World world;
  const LegId leg = world.a.dial("b", "+4930123");
  world.run(9s);
  EXPECT_FALSE(world.a.ended(leg));
  world.run(2s);
  ASSERT_TRUE(world.a.ended(leg));
  EXPECT_EQ(world.a.state(leg).sip_status, 480);
  EXPECT_EQ(world.b.state(world.b.last_incoming).reason.view(), "control did not decide");
}

TEST(Call, ALostBrainLeavesCallsAloneUnlessTheirPlanSaysOtherwise) {
  World world;
  answers(world.b, {});
  call::Plan fragile;
  fragile.hang_up_without_brain = true;
  call::Plan ivr;
  ivr.states.push_back(plan_state("talk", call::PlanState::Action::kWait, {{PlanEvent::kBrainLost, 0, 1}}));
  ivr.states.push_back(plan_state("alone", call::PlanState::Action::kWait));
  ivr.states.back().mark.assign("alone");
  const LegId tough = world.a.dial("b", "+1"), weak = world.a.dial("b", "+2", fragile),
              clever = world.a.dial("b", "+3", ivr);
  world.run(500ms);
  world.a.all(call::BrainState{false});
  world.run(500ms);
  EXPECT_EQ(world.a.state(tough).phase, LegPhase::kAnswered);
  EXPECT_EQ(world.a.state(weak).phase, LegPhase::kEnded);
  EXPECT_EQ(world.a.state(weak).reason.view(), "control was lost");
  EXPECT_EQ(world.a.news(EventKind::kPlanMark, clever).size(), 1u);
}

TEST(Call, EndsWhenThePeersMediaDies) {
  World world;
  answers(world.b, {});
  call::Plan plan;
  plan.media_timeout = 5s;
  const LegId leg = world.a.dial("b", "+4930123", plan);
  world.run(8s);
  ASSERT_EQ(world.a.state(leg).phase, LegPhase::kAnswered) << "media flows";
  world.network.silence(world.b.address(), true);
  world.run(6s);
  ASSERT_TRUE(world.a.ended(leg));
  EXPECT_EQ(world.a.state(leg).reason.view(), "media timeout");
  EXPECT_EQ(world.a.state(leg).ended_by, EndedBy::kEngine);
}

TEST(Call, EndsWhenItsTimeIsOver) {
  World world;
  answers(world.b, {});
  call::Plan plan;
  plan.call_time_max = 3s;
  const LegId leg = world.a.dial("b", "+4930123", plan);
  world.run(4s);
  ASSERT_TRUE(world.a.ended(leg));
  EXPECT_EQ(world.a.state(leg).reason.view(), "call time is over");
}

TEST(Call, HeldLegsSendAndExpectNothingAndComeBack) {
  World world;
  answers(world.b, listen_plan());
  call::Plan plan;
  plan.media_timeout = 4s;
  const LegId leg = world.a.dial("b", "+4930123", plan);
  world.run(1s);
  world.a.tell(call::Hold{leg, true});
  world.run(8s);  // b sends nothing now, and a does not mind
  ASSERT_EQ(world.a.state(leg).phase, LegPhase::kAnswered);
  const auto before = world.b.cores[0].port->counters().packets_out;
  world.run(1s);
  EXPECT_LT(world.b.cores[0].port->counters().packets_out - before, 5u) << "RTCP only";
  world.a.tell(call::Hold{leg, false});
  world.run(1s);
  const auto held = world.b.cores[0].port->counters().packets_out;
  world.run(1s);
  EXPECT_NEAR(static_cast<double>(world.b.cores[0].port->counters().packets_out - held), 50, 3);
  const auto& sound = world.b.recordings.sounds.at(world.b.last_incoming.value);
  EXPECT_GT(sound.left.size(), 10u * 8000) << "the recording went on";
}

TEST(Call, ASnapshotNamesEveryLivingLeg) {
  World world;
  answers(world.b, {});
  const LegId one = world.a.dial("b", "+1");
  const LegId two = world.a.dial("b", "+2");
  world.run(500ms);
  call::Snapshot snapshot;
  snapshot.legs.reserve(10);
  world.a.tell(std::move(snapshot));
  world.run(50ms);
  ASSERT_EQ(world.a.snapshot_legs.size(), 2u);
  EXPECT_EQ(world.a.snapshot_legs[0].leg.value + world.a.snapshot_legs[1].leg.value, one.value + two.value);
  EXPECT_EQ(world.a.snapshot_legs[0].body.leg.phase, LegPhase::kAnswered);
}

TEST(Call, ATraceShowsTheLadderAndWhyItEnded) {
  World world;
  rejects(world.b, 486);
  const LegId leg = world.a.dial("b", "+4930123");
  world.run(1s);
  call::Trace trace{leg, {}, false};
  trace.text.reserve(8192);
  world.a.tell(std::move(trace));
  world.run(50ms);
  EXPECT_THAT(world.a.traced, HasSubstr("──► 10.0.0.2:5060  INVITE sip:+4930123@"));
  EXPECT_THAT(world.a.traced, HasSubstr("◄── 10.0.0.2:5060  SIP/2.0 486"));
  EXPECT_THAT(world.a.traced, HasSubstr("ended by the peer, SIP 486, cause 17"));
}

TEST(Call, CommandsThatCannotBeSaySo) {
  World world;
  const auto id = world.a.tell(call::Hangup{{77}, 16, {}}).id;
  const auto bad = world.a.tell(call::Originate{}).id;
  world.run(10ms);
  EXPECT_EQ(world.a.errors.at(id), "no such leg");
  EXPECT_THAT(world.a.errors.at(bad), HasSubstr("leg id"));
}

TEST(Call, AFullEngineSaysSo) {
  World world(1, 1, 3);
  answers(world.b, {});
  std::vector<LegId> legs;
  for (int i = 0; i < 3; ++i) legs.push_back(world.a.dial("b", "+493012" + std::to_string(i)));
  const auto id = world.a
                      .tell([&] {
                        call::Originate one_more;
                        one_more.leg = {5};
                        one_more.trunks = {"b"};
                        return one_more;
                      }())
                      .id;
  world.run(1s);
  EXPECT_EQ(world.a.errors.at(id), "engine full");
  world.a.tell(call::Hangup{legs[0], 16, {}});
  world.run(1s);
  const LegId again = world.a.dial("b", "+4930999");
  world.run(1s);
  EXPECT_EQ(world.a.state(again).phase, LegPhase::kAnswered);
}

TEST(Call, StoppingEndsEveryCallWithAReason) {
  World world;
  answers(world.b, {});
  const LegId leg = world.a.dial("b", "+4930123");
  world.run(500ms);
  world.a.cores[0].shard->stop("engine stopped");
  world.run(1s);
  EXPECT_EQ(world.a.state(leg).reason.view(), "engine stopped");
  EXPECT_TRUE(world.a.cores[0].shard->is_silent());
  EXPECT_EQ(world.b.legs(), 0u);
}

// Calls that stand are not to suffer from new ones.
TEST(Call, AnOverloadedShardTurnsNewCallsAway) {
  World world;
  answers(world.b, listen_plan());
  world.b.step_cost = 1s;
  world.run(3s);
  const LegId in = world.a.dial("b", "+49301");
  call::Originate out;
  out.leg = {7};
  out.trunks = {"a"};
  out.to = "+49302";
  const std::uint64_t id = world.b.tell(out).id;
  ASSERT_TRUE(world.run_until([&] { return world.a.ended(in); }));
  EXPECT_EQ(world.a.state(in).sip_status, 503);
  EXPECT_EQ(world.b.errors.at(id), "engine overloaded: processor");
  EXPECT_EQ(world.b.trunks.find("a")->channels(), 0u);

  world.b.step_cost = 0s;
  world.run(10s);
  const LegId again = world.a.dial("b", "+49301");
  EXPECT_TRUE(world.run_until([&] { return world.a.state(again).phase == LegPhase::kAnswered; }));
}

}  // namespace
}  // namespace carillon::shard
