// Thousands of calls with a bad network, several shards and people who do anything at any time. A failure prints its
// seed; afterwards nothing may be left: no leg, no command, no pair of ports, no channel of a trunk.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "tests/engine/shard/world.h"

namespace carillon::shard {
namespace {

using Action = call::PlanState::Action;
using call::PlanEvent;

call::Plan random_plan(Random& random, const media::Prompt& prompt) {
  call::Plan plan;
  plan.record = random.below(2) == 0;
  plan.detects = random.below(3) == 0;
  plan.media_timeout = 5s;
  plan.hang_up_without_brain = random.below(4) == 0;
  if (random.below(3) == 0) return plan;
  plan = message_plan(prompt);
  plan.states[0].on.push_back({PlanEvent::kDigit, 0, 1});
  plan.states[0].loops = static_cast<std::uint32_t>(1 + random.below(3));
  return plan;
}

/// Control on both sides, throwing dice.
struct Mischief {
  World& world;
  Random random;
  const media::Prompt& prompt;
  std::vector<LegId> incoming{};

  void answer(LegId leg, std::uint32_t shard) {
    incoming.push_back(leg);
    switch (random.below(8)) {
      case 0:
        world.b.tell(call::Reject{leg, random.below(2) == 0 ? 486 : 503, {}, 0}, shard);
        break;
      case 1:
        world.b.tell(call::Progress{leg, random.below(2) == 0, nullptr}, shard);
        break;  // … and never more
      case 2:
        break;  // control says nothing
      default:
        world.b.tell(call::Answer{leg, random_plan(random, prompt)}, shard);
    }
  }
  void disturb(Side& side, LegId leg, LegId other, std::uint32_t shard) {
    switch (random.below(10)) {
      case 0:
        side.tell(call::Hangup{leg, 16, "disturbed"}, shard);
        break;
      case 1:
        side.tell(call::Bridge{leg, other}, shard);
        break;
      case 2:
        side.tell(call::Unbridge{leg}, shard);
        break;
      case 3:
        side.tell(call::Play{leg, {&prompt}, 2}, shard);
        break;
      case 4:
        side.tell(call::StopPlay{leg}, shard);
        break;
      case 5:
        side.tell(call::SendDtmf{leg, "19#", 80ms}, shard);
        break;
      case 6:
        side.tell(call::Hold{leg, random.below(2) == 0}, shard);
        break;
      case 7:
        side.tell(call::Record{leg, random.below(2) == 0}, shard);
        break;
      case 8:
        side.tell(call::Gather{leg, 3, 2s, '#'}, shard);
        break;
      default:
        side.tell(call::Detect{leg, {}}, shard);
        break;
    }
  }
};

void soak(std::uint64_t seed, std::uint32_t shards, int calls, Duration apart) {
  SCOPED_TRACE("seed " + std::to_string(seed));
  World world(seed, shards, 300);
  world.a.keeps_events = world.b.keeps_events = false;
  world.network.faults = {.delay = 5ms,
                          .jitter = 30ms,
                          .loss_rate = 0.01,
                          .duplicate_rate = 0.005,
                          .reorder_rate = 0.005,
                          .reorder_delay = 30ms};
  world.a.trunk("dead", {Endpoint::v4(10, 0, 0, 99, 5060)});
  world.a.trunk("few", {world.b.address()}, [](call::Trunk& trunk) { trunk.channels_max = 20; });
  const media::Prompt prompt = tone(440, 900ms);
  Mischief mischief{world, Random(seed), prompt};
  world.b.on_incoming = [&](LegId leg, const LegState&, std::uint32_t shard) { mischief.answer(leg, shard); };

  std::vector<LegId> placed;
  Random& random = mischief.random;
  for (int i = 0; i < calls; ++i) {
    const auto shard = static_cast<std::uint32_t>(random.below(shards));
    placed.push_back(world.a.dial(
        "b", "+49" + std::to_string(i), random_plan(random, prompt),
        [&](call::Originate& wanted) {
          const auto kind = random.below(10);
          if (kind == 0) wanted.trunks = {"dead", "b"};
          if (kind == 1) wanted.trunks = {"few", "b"};
          wanted.ring_time = 8s;
        },
        shard));
    world.run(apart);
    const LegId leg = placed[random.below(placed.size())], other = placed[random.below(placed.size())];
    mischief.disturb(world.a, leg, other, static_cast<std::uint32_t>(random.below(shards)));
    if (!mischief.incoming.empty()) {
      const LegId far = mischief.incoming[random.below(mischief.incoming.size())];
      mischief.disturb(world.b, far, mischief.incoming.back(), call::shard_of(far, shards));
    }
    if (i % 500 == 250) world.a.all(call::BrainState{false});
    if (i % 500 == 255) world.a.all(call::BrainState{true});
  }
  // the rest hang up one after the other
  world.run(15s);
  for (const LegId leg : placed)
    for (std::uint32_t shard = 0; shard < shards; ++shard)
      if (!world.a.ended(leg)) world.a.tell(call::Hangup{leg, 16, "over"}, shard);
  world.run(60s);

  int answered = 0, ended = 0;
  for (const LegId leg : placed) {
    ended += world.a.ended(leg) ? 1 : 0;
    answered += world.a.state(leg).answered != WallTime{} ? 1 : 0;
  }
  EXPECT_EQ(ended, calls) << "each call ends once";
  EXPECT_GT(answered, calls / 3);
  for (const LegId leg : mischief.incoming) EXPECT_TRUE(world.b.ended(leg));
  for (Side* side : {&world.a, &world.b}) {
    EXPECT_EQ(side->legs(), 0u);
    EXPECT_EQ(side->commands_out(), 0u);
    for (const auto& core : side->cores) {
      EXPECT_EQ(core.shard->calls().bridges(), 0u);
      EXPECT_EQ(core.shard->calls().recordings(), 0u);
      EXPECT_EQ(core.shard->calls().events_dropped(), 0u);
      EXPECT_EQ(core.shard->pairs_lent(), 0u);
    }
    for (const auto& [leg, sound] : side->recordings.sounds) EXPECT_FALSE(sound.is_open) << leg;
    for (const char* trunk : {"a", "b", "few", "dead"}) EXPECT_EQ(side->trunks.find(trunk)->channels(), 0u) << trunk;
  }
}

TEST(Soak, AThousandCallsOverABadLineLeaveNothing) { soak(7, 1, 1000, 60ms); }
TEST(Soak, ThreeShardsOverABadLineLeaveNothing) { soak(11, 3, 600, 40ms); }
TEST(Soak, ShortStormsOfManySeeds) {
  for (std::uint64_t seed = 100; seed < 112; ++seed) soak(seed, 1 + seed % 2, 100, 10ms);
}

// Responses come back to any socket of the other engine (SO_REUSEPORT), requests in a dialog too.
TEST(Shards, MessagesFindTheirShard) {
  World world(3, 4);
  world.b.on_incoming = [&](LegId leg, const LegState&, std::uint32_t shard) {
    world.b.tell(call::Answer{leg, {}}, shard);
  };
  std::vector<LegId> legs;
  for (std::uint32_t i = 0; i < 40; ++i) legs.push_back(world.a.dial("b", "+49" + std::to_string(i), {}, {}, i % 4));
  world.run(2s);
  std::set<std::uint32_t> used;
  for (const LegId leg : legs) {
    EXPECT_EQ(world.a.state(leg).phase, LegPhase::kAnswered);
    EXPECT_EQ(world.a.state(leg).sip_status, 200);
  }
  std::uint64_t passed = 0;
  for (const auto& core : world.a.cores) passed += core.shard->counters().passed_on;
  EXPECT_GT(passed, 20u) << "most datagrams came in at another shard";
  for (const auto& core : world.b.cores) EXPECT_GT(core.shard->calls().legs(), 0u) << "calls spread by Call-ID";
  for (std::uint32_t i = 0; i < 40; ++i) world.a.tell(call::Hangup{legs[i], 16, {}}, i % 4);
  world.run(2s);
  EXPECT_EQ(world.a.legs() + world.b.legs(), 0u);
}

// b plays an agent's phone: it registers with a as a trunk would, challenged; then every shard of a can call it.
TEST(Shards, APhoneThatRegisteredAtOneShardIsReachedFromAll) {
  World world(5, 3);
  const call::PutEndpoint phone{.id = "phone_1",
                                .username = "phone",
                                // of "phone:carillon:secret"
                                .ha1_md5 = "8f9e3ba5951b9b07f393e117ecb250d6",
                                .ha1_sha256 = "096401f8f108445ff15d0c1353bd5631807dfb2e83cfaf2aba90979155157843",
                                .behind_nat = false};
  world.a.all(phone);
  world.b.trunk("a", {world.a.address()}, [](call::Trunk& trunk) {
    trunk.username = "phone";
    trunk.password = "secret";
    trunk.domain = "carillon";
    trunk.registers = true;
  });
  world.b.on_incoming = [&](LegId leg, const LegState&, std::uint32_t shard) {
    world.b.tell(call::Answer{leg, {}}, shard);
  };
  world.run(2s);
  const bool is_known = std::ranges::any_of(world.a.events, [](const call::Event& event) {
    return event.kind == EventKind::kEndpointState && event.body.endpoint.registered &&
           event.body.endpoint.id.view() == "phone_1";
  });
  ASSERT_TRUE(is_known);
  for (std::uint32_t shard = 0; shard < 3; ++shard) {
    const LegId leg = world.a.dial(
        "", "phone", {},
        [](call::Originate& wanted) {
          wanted.trunks.clear();
          wanted.endpoint = "phone_1";
        },
        shard);
    world.run(500ms);
    EXPECT_EQ(world.a.state(leg).phase, LegPhase::kAnswered) << shard << ": " << world.a.state(leg).reason.view();
    EXPECT_EQ(world.a.state(leg).endpoint.view(), "phone_1");
  }
  const LegId nobody = world.a.dial("", "phone", {}, [](call::Originate& wanted) {
    wanted.trunks.clear();
    wanted.endpoint = "phone_2";
  });
  world.run(100ms);
  EXPECT_EQ(world.a.state(nobody).cause, 20);
  EXPECT_EQ(world.a.state(nobody).reason.view(), "phone is not registered");
}

}  // namespace
}  // namespace carillon::shard
