// Bridges whose legs live on different shards, stepped by hand in virtual time.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/engine/shard/sound.h"
#include "tests/engine/shard/world.h"

namespace carillon::shard {
namespace {

using Action = call::PlanState::Action;
using call::PlanEvent;
using testing::ElementsAre;

/// Engine a has two shards: leg `one` lives on the first, leg `two` on the second. Engine b has their peers.
struct Apart {
  explicit Apart(World& world, call::Plan plan = {}) {
    one = world.a.dial("b", "+1", plan, {}, 0);
    world.run(300ms);
    far_one = world.b.last_incoming;
    two = world.a.dial("b", "+2", plan, {}, 1);
    world.run(300ms);
    far_two = world.b.last_incoming;
  }
  call::Bridge bridge() const { return {one, two, 1}; }
  call::Bridge bridge_back() const { return {two, one, 0}; }
  LegId one, two, far_one, far_two;
};

std::uint32_t bridges(const Side& side) {
  std::uint32_t sum = 0;
  for (const auto& core : side.cores) sum += core.shard->calls().bridges();
  return sum;
}

std::vector<bool> bridge_states(const Side& side, LegId leg) {
  std::vector<bool> states;
  for (const auto& event : side.news(EventKind::kBridgeState, leg)) states.push_back(event.body.bridge.bridged);
  return states;
}

void answers(Side& side, const std::function<call::Plan(const LegState&)>& plan) {
  side.on_incoming = [&side, plan](LegId leg, const LegState& state, std::uint32_t shard) {
    side.tell(call::Answer{leg, plan(state)}, shard);
  };
}

class Across : public testing::Test {
 protected:
  Across() {
    answers(world.b, [this](const LegState& state) {
      call::Plan plan = loop_plan(state.to.view() == "+1" ? low : high);
      plan.record = true;
      return plan;
    });
  }
  const media::Prompt low = tone(400, 1s), high = tone(1000, 1s);
  World world{1, 2};
};

TEST_F(Across, SpeechCrossesBothWaysAndIsRecorded) {
  call::Plan recorded;
  recorded.record = true;
  const Apart legs(world, recorded);
  const auto id = world.a.tell(legs.bridge(), 0).id;
  world.run(5s);
  EXPECT_EQ(world.a.errors.at(id), "");
  EXPECT_THAT(bridge_states(world.a, legs.one), ElementsAre(true));
  EXPECT_THAT(bridge_states(world.a, legs.two), ElementsAre(true));
  EXPECT_EQ(world.a.cores[0].shard->calls().bridges(), 1u) << "counted once, where it was asked for";
  EXPECT_EQ(world.a.cores[1].shard->calls().bridges(), 0u);
  const auto& far_one = world.b.recordings.sounds.at(legs.far_one.value);
  const auto& far_two = world.b.recordings.sounds.at(legs.far_two.value);
  EXPECT_GT(share_of(far_one.left, 1000), 0.8) << "one hears two";
  EXPECT_GT(share_of(far_two.left, 400), 0.9) << "two hears one";
  const auto& customer = world.a.recordings.sounds.at(legs.one.value);
  EXPECT_GT(share_of(customer.left, 400), 0.9) << "left: what the customer said";
  EXPECT_GT(share_of(customer.right, 1000), 0.8) << "right: what the customer was sent";

  world.a.tell(call::Unbridge{legs.one}, 0);
  world.run(200ms);
  EXPECT_EQ(bridges(world.a), 0u);
  EXPECT_THAT(bridge_states(world.a, legs.two), ElementsAre(true, false));
  EXPECT_EQ(world.a.state(legs.two).phase, LegPhase::kAnswered);
  for (const auto& core : world.a.cores) {
    EXPECT_LE(core.shard->calls().counters().partner_missed, 1u) << "the beats lie half a beat apart";
    EXPECT_EQ(core.shard->calls().counters().partner_dropped, 0u);
  }
}

TEST_F(Across, EitherSideMayEndTheBridgeAndMakeANewOne) {
  const Apart legs(world);
  for (int round = 0; round < 3; ++round) {
    const bool is_first = round % 2 == 0;
    const auto id = is_first ? world.a.tell(legs.bridge(), 0).id : world.a.tell(legs.bridge_back(), 1).id;
    world.run(100ms);
    EXPECT_EQ(world.a.errors.at(id), "");
    EXPECT_EQ(bridges(world.a), 1u);
    world.a.tell(call::Unbridge{is_first ? legs.two : legs.one}, is_first ? 1 : 0);
    world.run(100ms);
    EXPECT_EQ(bridges(world.a), 0u);
  }
  EXPECT_THAT(bridge_states(world.a, legs.one), ElementsAre(true, false, true, false, true, false));
}

TEST_F(Across, ADigitReachesThePartner) {
  answers(world.b, [](const LegState&) { return call::Plan{}; });
  const Apart legs(world);
  world.a.tell(legs.bridge(), 0);
  world.run(100ms);
  world.b.tell(call::SendDtmf{legs.far_one, "7", 100ms}, world.b.home.at(legs.far_one.value));
  world.run(1s);
  ASSERT_EQ(world.a.news(EventKind::kDtmf, legs.one).size(), 1u);
  const auto heard = world.b.news(EventKind::kDtmf, legs.far_two);
  ASSERT_EQ(heard.size(), 1u);
  EXPECT_EQ(heard[0].body.dtmf.digit, '7');
}

TEST_F(Across, WhenOnePartyHangsUpTheOtherFollowsUnlessItsPlanSaysOtherwise) {
  {
    const Apart legs(world);
    world.a.tell(legs.bridge(), 0);
    world.run(200ms);
    world.b.tell(call::Hangup{legs.far_two, 16, {}}, world.b.home.at(legs.far_two.value));
    world.run(500ms);
    EXPECT_EQ(world.a.state(legs.two).ended_by, call::EndedBy::kPeer);
    EXPECT_EQ(world.a.state(legs.one).phase, LegPhase::kEnded);
    EXPECT_EQ(world.a.state(legs.one).reason.view(), "the bridged party hung up");
    EXPECT_THAT(bridge_states(world.a, legs.two), ElementsAre(true, false));
  }
  call::Plan survivor;
  survivor.states.push_back(plan_state("talk", Action::kWait, {{PlanEvent::kBridgeLost, 0, 1}}));
  survivor.states.push_back(plan_state("alone", Action::kWait));
  survivor.states.back().mark.assign("lost_agent");
  const Apart legs(world, survivor);
  world.a.tell(legs.bridge_back(), 1);
  world.run(200ms);
  world.a.tell(call::Hangup{legs.two, 16, {}}, 1);
  world.run(500ms);
  EXPECT_EQ(world.a.state(legs.one).phase, LegPhase::kAnswered);
  EXPECT_EQ(world.a.news(EventKind::kPlanMark, legs.one).size(), 1u);
  EXPECT_EQ(bridges(world.a), 0u);
}

TEST_F(Across, ABridgeEndsWhatBothWerePlayingAndTellsBothPlans) {
  const media::Prompt music = tone(300, 1s);
  call::Plan waiting;
  waiting.states.push_back(plan_state("music", Action::kWait, {{PlanEvent::kBridged, 0, 1}}));
  waiting.states.back().prompts = {&music};
  waiting.states.push_back(plan_state("talk", Action::kWait));
  waiting.states.back().mark.assign("talking");
  const Apart legs(world, waiting);
  world.a.tell(legs.bridge(), 0);
  world.run(100ms);
  for (const LegId leg : {legs.one, legs.two}) {
    EXPECT_EQ(world.a.news(EventKind::kPlayDone, leg).size(), 1u);
    EXPECT_EQ(world.a.news(EventKind::kPlanMark, leg).size(), 1u);
  }
}

TEST_F(Across, AHeldPartySaysNothing) {
  const Apart legs(world);
  world.a.tell(legs.bridge(), 0);
  world.run(500ms);
  world.a.tell(call::Hold{legs.one, true}, 0);
  world.run(300ms);
  auto& heard = world.b.recordings.sounds.at(legs.far_two.value).left;
  heard.clear();
  world.run(1s);
  EXPECT_EQ(share_of(heard, 400), 0) << "one is on hold, so two hears silence";
  world.a.tell(call::Hold{legs.one, false}, 0);
  world.run(300ms);
  heard.clear();
  world.run(1s);
  EXPECT_GT(share_of(heard, 400), 0.9);
}

TEST_F(Across, WhatCannotBeBridgedIsRefusedWithAReason) {
  const Apart legs(world);
  const auto gone = world.a.tell(call::Bridge{legs.one, LegId{77}, 1}, 0).id;
  world.run(100ms);
  EXPECT_EQ(world.a.errors.at(gone), "bridge: the other leg does not exist");
  const auto beyond = world.a.tell(call::Bridge{legs.one, LegId{77}, 9}, 0).id;
  world.run(100ms);
  EXPECT_EQ(world.a.errors.at(beyond), "bridge: the other leg does not exist");

  world.b.on_incoming = {};  // rings for ever
  const LegId ringing = world.a.dial("b", "+3", {}, {}, 1);
  world.run(300ms);
  const auto early = world.a.tell(call::Bridge{legs.one, ringing, 1}, 0).id;
  world.run(100ms);
  EXPECT_EQ(world.a.errors.at(early), "bridge: both legs must be answered");

  EXPECT_EQ(world.a.tell(legs.bridge(), 0).id, early + 1);
  world.run(100ms);
  const auto again = world.a.tell(legs.bridge_back(), 1).id;
  world.run(100ms);
  EXPECT_EQ(world.a.errors.at(again), "") << "they are bridged, as wanted";
  EXPECT_EQ(bridges(world.a), 1u);
  answers(world.b, [](const LegState&) { return call::Plan{}; });
  const LegId third = world.a.dial("b", "+4", {}, {}, 1);
  world.run(300ms);
  const auto near = world.a.tell(call::Bridge{third, legs.two, 1}, 1).id;
  const auto far = world.a.tell(call::Bridge{third, legs.one, 0}, 1).id;
  world.run(100ms);
  EXPECT_EQ(world.a.errors.at(near), "bridge: a leg is bridged already");
  EXPECT_EQ(world.a.errors.at(far), "bridge: a leg is bridged already");
}

TEST_F(Across, ALegThatIsPlacedForABridgeEndsWithoutIt) {
  const Apart legs(world);
  const auto beside = [](LegId leg) {
    return [leg](call::Originate& wanted) { wanted.bridge_to = leg, wanted.bridge_shard = 0; };
  };
  const LegId joined = world.a.dial("b", "+5", {}, beside(legs.one), 1);
  world.run(500ms);
  EXPECT_THAT(bridge_states(world.a, joined), ElementsAre(true));
  const LegId alone = world.a.dial("b", "+6", {}, beside(LegId{77}), 1);
  world.run(500ms);
  EXPECT_EQ(world.a.state(alone).phase, LegPhase::kEnded);
  EXPECT_EQ(world.a.state(alone).reason.view(), "the leg to bridge with is gone");
}

TEST_F(Across, BothMayAskAtOnce) {
  const Apart legs(world);
  const auto first = world.a.tell(legs.bridge(), 0).id, second = world.a.tell(legs.bridge_back(), 1).id;
  world.run(1s);
  EXPECT_EQ(world.a.errors.at(first), "");
  EXPECT_EQ(world.a.errors.at(second), "");
  EXPECT_EQ(bridges(world.a), 1u);
  EXPECT_THAT(bridge_states(world.a, legs.one), ElementsAre(true));
  EXPECT_THAT(bridge_states(world.a, legs.two), ElementsAre(true));
  world.a.tell(call::Unbridge{legs.two}, 1);
  world.run(100ms);
  EXPECT_EQ(bridges(world.a), 0u);
  EXPECT_THAT(bridge_states(world.a, legs.one), ElementsAre(true, false));
}

TEST_F(Across, AnAskerThatEndsOrThinksBetterOfItLeavesNothingBehind) {
  const Apart legs(world);
  world.a.stalled = 1;  // so that the answer takes its time
  const auto asked = world.a.tell(legs.bridge(), 0).id;
  world.run(50ms);
  world.a.tell(call::Unbridge{legs.one}, 0);
  world.run(50ms);
  EXPECT_EQ(world.a.errors.at(asked), "bridge: given up before the other leg had answered");
  const auto again = world.a.tell(legs.bridge(), 0).id;
  world.run(50ms);
  world.a.tell(call::Hangup{legs.one, 16, {}}, 0);
  world.run(50ms);
  EXPECT_NE(world.a.errors.at(again), "");
  world.a.stalled = Side::kNobody;
  world.run(500ms);
  EXPECT_EQ(bridges(world.a), 0u);
  EXPECT_EQ(world.a.state(legs.two).reason.view(), "the bridged party hung up") << "it was bridged, for a moment";
}

TEST_F(Across, AnAnswerThatDoesNotComeIsNotWaitedFor) {
  const Apart legs(world);
  world.a.stalled = 1;
  const auto asked = world.a.tell(legs.bridge(), 0).id;
  world.run(6s);
  EXPECT_EQ(world.a.errors.at(asked), "bridge: the other shard does not answer");
  world.a.stalled = Side::kNobody;
  world.run(500ms);
  EXPECT_EQ(bridges(world.a), 0u);
  EXPECT_EQ(world.a.state(legs.two).phase, LegPhase::kAnswered);
  EXPECT_EQ(world.a.commands_out(), 2u) << "those that carry the two plans";
}

TEST(AcrossFull, AStalledShardLosesFramesButNoEnd) {
  World world(1, 2, 200, 16);
  answers(world.b, [](const LegState&) { return call::Plan{}; });
  std::vector<Apart> pairs;
  for (int i = 0; i < 6; ++i) {
    pairs.emplace_back(world);
    world.a.tell(pairs.back().bridge(), 0);
    world.run(50ms);
  }
  EXPECT_EQ(bridges(world.a), 6u);
  world.a.stalled = 1;
  world.run(1s);
  for (const auto& pair : pairs) world.a.tell(call::Hangup{pair.one, 16, {}}, 0);
  world.run(1s);
  world.a.stalled = Side::kNobody;
  world.run(1s);
  EXPECT_EQ(bridges(world.a), 0u);
  EXPECT_EQ(world.a.legs(), 0u) << "each partner has heard of the end";
  bool is_counted = false;
  for (std::size_t i = 0; i < world.a.stats.drops_count; ++i)
    is_counted = is_counted || world.a.stats.drops[i].reason.view() == "bridge_full";
  EXPECT_TRUE(is_counted || world.a.cores[0].shard->frames_full() > 0);
}

// Whatever is asked for at whatever moment: in the end both sides of every bridge believe in it, or none does.
TEST(AcrossSoak, RandomWishesLeaveBothSidesOfOneMind) {
  World world(7, 3, 200, 32);
  answers(world.b, [](const LegState&) { return call::Plan{}; });
  call::Plan stays;  // a lost partner ends nothing
  stays.states.push_back(plan_state("talk", Action::kWait, {{PlanEvent::kBridgeLost, 0, 0}}));
  std::vector<std::pair<LegId, std::uint32_t>> legs;
  const auto dial = [&](std::uint32_t shard) { legs.emplace_back(world.a.dial("b", "+1", stays, {}, shard), shard); };
  for (std::uint32_t i = 0; i < 9; ++i) dial(i % 3);
  world.run(500ms);
  Random random(7);
  std::vector<std::uint64_t> asked;
  for (int action = 0; action < 1500; ++action) {
    const auto [leg, shard] = legs[random.below(static_cast<std::uint32_t>(legs.size()))];
    const auto [other, home] = legs[random.below(static_cast<std::uint32_t>(legs.size()))];
    const auto dice = random.below(100);
    if (dice < 60)
      asked.push_back(world.a.tell(call::Bridge{leg, other, home}, shard).id);
    else if (dice < 90)
      asked.push_back(world.a.tell(call::Unbridge{leg}, shard).id);
    else if (dice < 93)
      world.a.stalled = world.a.stalled == Side::kNobody ? random.below(3) : Side::kNobody;
    else if (dice < 96)
      world.a.tell(call::Hangup{leg, 16, {}}, shard);
    if (random.below(3) == 0) world.run(std::chrono::milliseconds(random.below(40)));
    std::erase_if(legs, [&](const auto& one) { return world.a.ended(one.first); });
    while (legs.size() < 9) {
      world.a.stalled = Side::kNobody;
      dial(random.below(3));
      world.run(200ms);
    }
  }
  world.a.stalled = Side::kNobody;
  world.run(6s);
  for (const auto id : asked) EXPECT_TRUE(world.a.errors.contains(id)) << "command " << id << " was never answered";
  std::uint32_t joined = 0;
  std::map<std::uint64_t, LegId> partner;
  for (const auto& event : world.a.events)
    if (event.kind == EventKind::kBridgeState)
      partner[event.leg.value] = event.body.bridge.bridged ? event.body.bridge.other : LegId{};
  for (const auto& [leg, other] : partner) {
    if (!other) continue;
    ++joined;
    EXPECT_EQ(partner[other.value].value, leg);
  }
  EXPECT_EQ(bridges(world.a) * 2, joined);
  for (const auto& [leg, shard] : legs) world.a.tell(call::Hangup{leg, 16, {}}, shard);
  world.run(1s);
  EXPECT_EQ(bridges(world.a), 0u);
  EXPECT_EQ(world.a.commands_out(), 0u);
}

// ---- frames between two beats

call::Crossing frame_at(TimePoint at, std::uint8_t value) {
  call::Crossing frame;
  frame.has_audio = true;
  frame.at = at;
  frame.frame.fill(std::byte{value});
  return frame;
}

int heard(const call::PartnerFrames& frames) {
  return frames.current() ? std::to_integer<int>(frames.current()->bytes[0]) : -1;
}

TEST(PartnerFrames, EachIsHeardOnceInOrder) {
  call::PartnerFrames frames;
  TimePoint now{};
  EXPECT_EQ(heard(frames), -1);
  for (std::uint8_t i = 1; i < 50; ++i, now += 20ms) {
    frames.put(frame_at(now, i));
    frames.beat(now + 10ms);
    EXPECT_EQ(heard(frames), i);
  }
  EXPECT_EQ(frames.missed() + frames.dropped(), 0u);
}

TEST(PartnerFrames, AMissingOneIsRepeatedTwiceThenSilence) {
  call::PartnerFrames frames;
  frames.put(frame_at(TimePoint{}, 5));
  std::vector<int> said;
  for (int beat = 0; beat < 5; ++beat) {
    frames.beat(TimePoint{} + beat * 20ms);
    said.push_back(heard(frames));
  }
  EXPECT_THAT(said, ElementsAre(5, 5, 5, -1, -1));
}

TEST(PartnerFrames, ABurstKeepsTheNewestAndItsDelayGoesAwayAgain) {
  call::PartnerFrames frames;
  TimePoint now{};
  for (std::uint8_t i = 1; i <= 6; ++i) frames.put(frame_at(now, i));
  frames.beat(now);
  EXPECT_EQ(heard(frames), 4) << "the three newest are kept";
  EXPECT_EQ(frames.waiting(), 2u);
  for (int beat = 0; beat < 250; ++beat) {
    now += 20ms;
    frames.put(frame_at(now, 9));
    frames.beat(now);
  }
  EXPECT_EQ(frames.waiting(), 0u);
  EXPECT_EQ(frames.dropped(), 5u);
}

TEST(PartnerFrames, WhatIsTooOldIsNotPlayed) {
  call::PartnerFrames frames;
  frames.put(frame_at(TimePoint{}, 1));
  frames.beat(TimePoint{} + 1s);
  EXPECT_EQ(heard(frames), -1);
  EXPECT_EQ(frames.dropped(), 1u);
}

}  // namespace
}  // namespace carillon::shard
