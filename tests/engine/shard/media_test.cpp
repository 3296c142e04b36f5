// What is heard, pressed, joined and written down, between two engines in virtual time.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "media/codec/g711.h"
#include "tests/engine/shard/sound.h"
#include "tests/engine/shard/world.h"

namespace carillon::shard {
namespace {

using Action = call::PlanState::Action;
using call::PlanEvent;

call::Plan playing_plan(const media::Prompt& prompt, std::uint32_t loops = 1) {
  call::Plan plan;
  plan.states.push_back(plan_state("play", Action::kPlay));
  plan.states.back().prompts = {&prompt};
  plan.states.back().loops = loops;
  plan.record = true;
  return plan;
}

void answers(Side& side, const call::Plan& plan) {
  side.on_incoming = [&side, plan](LegId leg, const LegState&, std::uint32_t shard) {
    side.tell(call::Answer{leg, plan}, shard);
  };
}

/// Two calls from a to b, both answered; the plans are those of b's legs.
struct Pair {
  explicit Pair(World& world, call::Plan plan_of_a = {}, std::function<void(call::Originate&)> change = {}) {
    one = world.a.dial("b", "+1", plan_of_a, change);
    world.run(300ms);
    far_one = world.b.last_incoming;
    two = world.a.dial("b", "+2", plan_of_a, change);
    world.run(300ms);
    far_two = world.b.last_incoming;
  }
  LegId one, two, far_one, far_two;
};

TEST(Media, ABridgeCarriesSpeechBothWays) {
  World world;
  const media::Prompt low = tone(400, 20s), high = tone(1000, 20s);
  world.b.on_incoming = [&](LegId leg, const LegState& state, std::uint32_t) {
    world.b.tell(call::Answer{leg, playing_plan(state.to.view() == "+1" ? low : high)});
  };
  call::Plan recorded;
  recorded.record = true;
  const Pair pair(world, recorded);
  world.a.tell(call::Bridge{pair.one, pair.two});
  world.run(5s);
  EXPECT_EQ(world.a.news(EventKind::kBridgeState, pair.one).size(), 1u);
  EXPECT_EQ(world.a.cores[0].shard->calls().bridges(), 1u);
  const auto& far_one = world.b.recordings.sounds.at(pair.far_one.value);
  const auto& far_two = world.b.recordings.sounds.at(pair.far_two.value);
  EXPECT_GT(share_of(far_one.left, 1000), 0.8) << "one hears two";
  EXPECT_GT(share_of(far_two.left, 400), 0.9) << "two hears one";
  const auto& customer = world.a.recordings.sounds.at(pair.one.value);
  EXPECT_GT(share_of(customer.left, 400), 0.9) << "left: what the customer said";
  EXPECT_GT(share_of(customer.right, 1000), 0.8) << "right: what the customer was sent";

  world.a.tell(call::Unbridge{pair.one});
  world.run(200ms);
  EXPECT_EQ(world.a.cores[0].shard->calls().bridges(), 0u);
  EXPECT_EQ(world.a.state(pair.two).phase, LegPhase::kAnswered);
}

TEST(Media, ABridgeTranscodesBetweenTheLaws) {
  World world;
  const media::Prompt low = tone(400, 20s), high = tone(1000, 20s);
  world.a.trunk("b", {world.b.address()}, [](call::Trunk& trunk) { trunk.codecs = {"PCMA"}; });
  world.a.trunk("u", {world.b.address()}, [](call::Trunk& trunk) { trunk.codecs = {"PCMU"}; });
  world.b.on_incoming = [&](LegId leg, const LegState& state, std::uint32_t) {
    world.b.tell(call::Answer{leg, playing_plan(state.to.view() == "+1" ? low : high)});
  };
  const LegId one = world.a.dial("b", "+1");
  world.run(300ms);
  const LegId far_one = world.b.last_incoming;
  const LegId two = world.a.dial("u", "+2", {}, [&](call::Originate& wanted) { wanted.bridge_to = one; });
  world.run(5s);
  EXPECT_EQ(world.a.state(one).codec.view(), "PCMA");
  EXPECT_EQ(world.a.state(two).codec.view(), "PCMU");
  EXPECT_GT(share_of(world.b.recordings.sounds.at(far_one.value).left, 1000), 0.8);
  EXPECT_GT(share_of(world.b.recordings.sounds.at(world.b.last_incoming.value).left, 400), 0.9);
}

TEST(Media, WhenOnePartyHangsUpTheOtherFollowsUnlessItsPlanSaysOtherwise) {
  World world;
  answers(world.b, {});
  {
    const Pair pair(world);
    world.a.tell(call::Bridge{pair.one, pair.two});
    world.run(200ms);
    world.b.tell(call::Hangup{pair.far_two, 16, {}});
    world.run(500ms);
    EXPECT_EQ(world.a.state(pair.two).ended_by, call::EndedBy::kPeer);
    EXPECT_EQ(world.a.state(pair.one).phase, LegPhase::kEnded);
    EXPECT_EQ(world.a.state(pair.one).reason.view(), "the bridged party hung up");
  }
  call::Plan survivor;
  survivor.states.push_back(plan_state("talk", Action::kWait, {{PlanEvent::kBridgeLost, 0, 1}}));
  survivor.states.push_back(plan_state("alone", Action::kWait));
  survivor.states.back().mark.assign("lost_agent");
  const Pair pair(world, survivor);
  world.a.tell(call::Bridge{pair.one, pair.two});
  world.run(200ms);
  world.b.tell(call::Hangup{pair.far_two, 16, {}});
  world.run(500ms);
  EXPECT_EQ(world.a.state(pair.one).phase, LegPhase::kAnswered);
  EXPECT_EQ(world.a.news(EventKind::kPlanMark, pair.one).size(), 1u);
}

TEST(Media, ABridgeEndsWhatBothWerePlaying) {
  World world;
  answers(world.b, {});
  const media::Prompt music = tone(300, 1s);
  call::Plan waiting;
  waiting.states.push_back(plan_state("music", Action::kWait, {{PlanEvent::kBridged, 0, 1}}));
  waiting.states.back().prompts = {&music};
  waiting.states.push_back(plan_state("talk", Action::kWait));
  waiting.states.back().mark.assign("talking");
  const Pair pair(world, waiting);
  world.a.tell(call::Bridge{pair.one, pair.two});
  world.run(200ms);
  ASSERT_EQ(world.a.news(EventKind::kPlayDone, pair.one).size(), 1u);
  EXPECT_FALSE(world.a.news(EventKind::kPlayDone, pair.one)[0].body.play_done.complete);
  EXPECT_EQ(world.a.news(EventKind::kPlanMark, pair.one).size(), 1u);
  EXPECT_EQ(world.a.news(EventKind::kPlanMark, pair.two).size(), 1u);
}

TEST(Media, BridgingWhatCannotBeBridgedSaysWhy) {
  World world;
  answers(world.b, {});
  const Pair pair(world);
  const auto gone = world.a.tell(call::Bridge{pair.one, {99}}).id;
  const auto self = world.a.tell(call::Bridge{pair.one, pair.one}).id;
  const auto none = world.a.tell(call::Unbridge{pair.one}).id;
  world.run(10ms);
  EXPECT_THAT(world.a.errors.at(gone), testing::HasSubstr("does not exist"));
  EXPECT_THAT(world.a.errors.at(self), testing::HasSubstr("itself"));
  EXPECT_THAT(world.a.errors.at(none), testing::HasSubstr("not bridged"));
}

// 9 opts out: the mark is set and the call ends, in the middle of the message, without asking anyone.
TEST(Media, AnOptOutDigitIsObeyedByThePlan) {
  World world;
  const media::Prompt message = tone(440, 10s);
  answers(world.b, {});
  call::Plan plan = message_plan(message);
  plan.states[0].on.push_back({PlanEvent::kDigit, '9', 2});
  plan.states.push_back(plan_state("opted out", Action::kHangup));
  plan.states.back().mark.assign("opt_out");
  const LegId leg = world.a.dial("b", "+1", plan);
  world.run(1s);
  world.a.all(call::BrainState{false});
  world.b.tell(call::SendDtmf{world.b.last_incoming, "9", 100ms});
  world.run(1s);
  ASSERT_TRUE(world.a.ended(leg));
  EXPECT_EQ(world.a.state(leg).last_mark.view(), "opt_out");
  EXPECT_EQ(world.a.news(EventKind::kDtmf, leg).size(), 1u) << "reported though the call ended with the key down";
  EXPECT_LT(world.a.state(leg).ended - world.a.state(leg).answered, 2s);
}

TEST(Media, DigitsAreReportedOnceWithTheirLengthAndCrossABridge) {
  World world;
  answers(world.b, {});
  const Pair pair(world);
  world.a.tell(call::Bridge{pair.one, pair.two});
  world.run(200ms);
  world.b.tell(call::SendDtmf{pair.far_one, "5#", 120ms});
  world.run(2s);
  const auto heard = world.a.news(EventKind::kDtmf, pair.one);
  ASSERT_EQ(heard.size(), 2u);
  EXPECT_EQ(heard[0].body.dtmf.digit, '5');
  EXPECT_EQ(heard[1].body.dtmf.digit, '#');
  EXPECT_NEAR(static_cast<double>(heard[0].body.dtmf.duration / 1ms), 120, 20);
  EXPECT_EQ(heard[0].body.dtmf.source.view(), "rfc4733");
  const auto across = world.b.news(EventKind::kDtmf, pair.far_two);
  ASSERT_EQ(across.size(), 2u);
  EXPECT_EQ(across[0].body.dtmf.digit, '5');
}

TEST(Media, GatherCollectsForControl) {
  World world;
  answers(world.b, {});
  const LegId leg = world.a.dial("b", "+1");
  world.run(300ms);
  world.a.tell(call::Gather{leg, 4, 5s, '#'});
  world.b.tell(call::SendDtmf{world.b.last_incoming, "12#", 80ms});
  world.run(2s);
  auto gathered = world.a.news(EventKind::kGathered, leg);
  ASSERT_EQ(gathered.size(), 1u);
  EXPECT_EQ(gathered[0].body.gathered.digits.view(), "12");
  world.a.tell(call::Gather{leg, 4, 3s, '#'});
  world.run(4s);
  gathered = world.a.news(EventKind::kGathered, leg);
  ASSERT_EQ(gathered.size(), 2u);
  EXPECT_TRUE(gathered[1].body.gathered.timed_out);
}

TEST(Media, AMessagePlaysForAsManyLoopsAsAsked) {
  World world;
  answers(world.b, listen_plan());
  const media::Prompt word = tone(700, 500ms);
  const LegId leg = world.a.dial("b", "+1");
  world.run(300ms);
  world.a.tell(call::Play{leg, {&word}, 3});
  world.run(3s);
  ASSERT_EQ(world.a.news(EventKind::kPlayDone, leg).size(), 1u);
  EXPECT_TRUE(world.a.news(EventKind::kPlayDone, leg)[0].body.play_done.complete);
  EXPECT_EQ(world.a.news(EventKind::kPlayDone, leg)[0].body.play_done.prompt.view(), "tone700");
  const auto& heard = world.b.recordings.sounds.at(world.b.last_incoming.value).left;
  EXPECT_NEAR(share_of(heard, 700) * static_cast<double>(heard.size()) / 8000, 1.5, 0.06);

  world.a.tell(call::Play{leg, {&word}, 0});
  world.run(5s);
  world.a.tell(call::StopPlay{leg});
  world.run(100ms);
  ASSERT_EQ(world.a.news(EventKind::kPlayDone, leg).size(), 2u);
  EXPECT_FALSE(world.a.news(EventKind::kPlayDone, leg)[1].body.play_done.complete);
  EXPECT_EQ(world.a.commands_out(), 1u) << "only the Originate is still held";
}

TEST(Media, MusicGoesOnAfterAnAnnouncement) {
  World world;
  answers(world.b, listen_plan());
  const media::Prompt music = tone(300, 1s), word = tone(700, 500ms);
  call::Plan waiting;
  waiting.states.push_back(plan_state("music", Action::kWait));
  waiting.states.back().prompts = {&music};
  const LegId leg = world.a.dial("b", "+1", waiting);
  world.run(2300ms);
  world.a.tell(call::Play{leg, {&word}, 1});
  world.run(3s);
  const auto& heard = world.b.recordings.sounds.at(world.b.last_incoming.value).left;
  const double seconds = static_cast<double>(heard.size()) / 8000;
  EXPECT_NEAR(share_of(heard, 700) * seconds, 0.5, 0.06);
  EXPECT_GT(share_of(heard, 300) * seconds, 4.0);
  EXPECT_GT(share_of(std::vector(heard.end() - 8000, heard.end()), 300), 0.9) << "again, behind the word";
}

TEST(Media, ABusyToneInTheEarOfTheDetectorDrivesThePlan) {
  World world;
  const media::Prompt busy = media::tone_prompt(media::tone_spec(media::Tone::kBusy, media::national_plan("US")));
  answers(world.b, playing_plan(busy, 100));
  call::Plan plan;
  plan.detects = true;
  plan.states.push_back(plan_state("listen", Action::kWait, {{PlanEvent::kTone, 0, 1}, {PlanEvent::kHuman, 0, 2}}));
  plan.states.push_back(plan_state("tone", Action::kHangup));
  plan.states.back().mark.assign("tone");
  plan.states.push_back(plan_state("human", Action::kHangup));
  const LegId leg = world.a.dial("b", "+1", plan);
  ASSERT_TRUE(world.run_until([&] { return world.a.ended(leg); }, 10s));
  EXPECT_EQ(world.a.state(leg).last_mark.view(), "tone");
  EXPECT_EQ(world.a.state(leg).verdict.view(), "busy");
  ASSERT_FALSE(world.a.news(EventKind::kDetection, leg).empty());
  EXPECT_TRUE(world.a.news(EventKind::kDetection, leg).back().body.detection.is_final);
}

TEST(Media, EarlyMediaReachesTheCallerAndTheAnswerFollows) {
  World world;
  const media::Prompt music = tone(600, 1s);
  world.b.on_incoming = [&](LegId leg, const LegState&, std::uint32_t) {
    world.b.tell(call::Progress{leg, true, &music});
  };
  const LegId leg = world.a.dial("b", "+1");
  world.run(2s);
  EXPECT_EQ(world.a.state(leg).phase, LegPhase::kEarly);
  world.b.tell(call::Answer{world.b.last_incoming, {}});
  world.run(300ms);
  EXPECT_EQ(world.a.state(leg).phase, LegPhase::kAnswered);
  world.a.tell(call::Hangup{leg, 16, {}});
  world.run(300ms);
  EXPECT_GT(world.a.state(leg).rtp.packets_in, 90u) << "two seconds of early media and more";
}

TEST(Media, NobodyElseIsHeard) {
  World world;
  answers(world.b, listen_plan());
  const LegId leg = world.a.dial("b", "+1");
  world.run(500ms);
  auto intruder = world.network.make_port();
  const auto socket = intruder->open(Endpoint::v4(10, 0, 0, 66, 4000), false);
  ASSERT_TRUE(socket);
  std::array<std::byte, 172> packet{};
  packet[0] = std::byte{0x80};
  for (std::uint16_t port = 20000; port < 20010; ++port) {
    const io::Outgoing out{*socket, Endpoint::v4(10, 0, 0, 1, port), packet, {}};
    intruder->transmit({&out, 1});
  }
  world.run(500ms);
  world.a.tell(call::Hangup{leg, 16, {}});
  world.run(200ms);
  EXPECT_EQ(world.a.state(leg).rtp.foreign, 2u) << "one at the RTP port, one at the RTCP port";
}

}  // namespace
}  // namespace carillon::shard
