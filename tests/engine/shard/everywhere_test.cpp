// What one shard learns and all must act on: phones, trunks that do not answer, limits of a trunk.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/sip/digest.h"
#include "tests/engine/shard/world.h"

namespace carillon::shard {
namespace {

/// Engine a has three shards, b and c one each; both of these register with a as the phone "phone_1".
class Everywhere : public testing::Test {
 protected:
  Everywhere() {
    world.also = [this](TimePoint now) {
      if (!is_c_dead) c.step(now, world.wall());
      return is_c_dead ? TimePoint::max() : c.deadline();
    };
    put_phone();
    world.b.on_incoming = [this](LegId leg, const LegState&, std::uint32_t shard) {
      world.b.tell(call::Answer{leg, {}}, shard);
    };
  }
  static call::PutEndpoint phone() {
    sip::Hasher hasher;
    call::PutEndpoint put;
    put.id = "phone_1";
    put.username = "phone";
    put.ha1_md5 = std::string(sip::ha1(hasher, sip::Algorithm::kMd5, "phone", "carillon", "secret").view());
    put.ha1_sha256 = std::string(sip::ha1(hasher, sip::Algorithm::kSha256, "phone", "carillon", "secret").view());
    return put;
  }
  void put_phone() { world.a.all(phone()); }
  void register_at_a(Side& side) {
    side.trunk("a", {world.a.address()}, [](call::Trunk& trunk) {
      trunk.username = "phone";
      trunk.password = "secret";
      trunk.domain = "carillon";
      trunk.registers = true;
    });
    world.run(1s);
  }
  LegId dial_phone(std::uint32_t shard) {
    return world.a.dial(
        "", "phone", {},
        [](call::Originate& wanted) {
          wanted.trunks.clear();
          wanted.endpoint = "phone_1";
        },
        shard);
  }

  World world{3, 3};
  Side c{world.network, 3, 1, 99, 50};
  bool is_c_dead = false;
};

TEST_F(Everywhere, APhoneIsFoundAlsoFromAShardThatMissedTheNews) {
  int found = 0;
  for (std::uint32_t shard = 0; shard < 3; ++shard) {
    register_at_a(world.b);
    world.a.tell(call::RemoveEndpoint{"phone_1"}, shard);  // as if the phone had been quicker than control
    world.a.tell(phone(), shard);
    world.run(3s);
    const LegId leg = dial_phone(shard);
    world.run(500ms);
    if (world.a.state(leg).phase == LegPhase::kAnswered) ++found;
    world.a.tell(call::Hangup{leg, 16, {}}, shard);
    world.run(200ms);
  }
  EXPECT_EQ(found, 2) << "all but the shard that had learned it, which forgot the phone with it";
}

TEST_F(Everywhere, TheNewestDeviceIsCalledAndTheNextWhenItIsAway) {
  register_at_a(world.b);
  register_at_a(c);
  c.on_incoming = [this](LegId leg, const LegState&, std::uint32_t) { c.tell(call::Reject{leg, 480, "", 0}); };
  const LegId leg = dial_phone(1);
  world.run(1s);
  EXPECT_TRUE(c.last_incoming) << "the newest is asked first";
  EXPECT_EQ(world.a.state(leg).phase, LegPhase::kAnswered);
  EXPECT_TRUE(world.b.last_incoming);
}

TEST_F(Everywhere, ABusyDeviceIsAnAnswer) {
  register_at_a(world.b);
  register_at_a(c);
  c.on_incoming = [this](LegId leg, const LegState&, std::uint32_t) { c.tell(call::Reject{leg, 486, "", 0}); };
  const LegId leg = dial_phone(2);
  world.run(1s);
  EXPECT_EQ(world.a.state(leg).phase, LegPhase::kEnded);
  EXPECT_EQ(world.a.state(leg).sip_status, 486);
  EXPECT_FALSE(world.b.last_incoming);
}

TEST_F(Everywhere, ADeviceThatSaysNothingIsNotWaitedForLong) {
  register_at_a(world.b);
  register_at_a(c);
  is_c_dead = true;
  const LegId leg = dial_phone(0);
  world.run(5s);
  EXPECT_EQ(world.a.state(leg).phase, LegPhase::kTrying);
  world.run(3s);
  EXPECT_EQ(world.a.state(leg).phase, LegPhase::kAnswered);
}

TEST_F(Everywhere, WhenNoDeviceIsThereTheLastOneSaysWhy) {
  register_at_a(world.b);
  world.b.on_incoming = [this](LegId leg, const LegState&, std::uint32_t shard) {
    world.b.tell(call::Reject{leg, 404, "", 0}, shard);
  };
  const LegId leg = dial_phone(1);
  world.run(1s);
  EXPECT_EQ(world.a.state(leg).phase, LegPhase::kEnded);
  EXPECT_EQ(world.a.state(leg).sip_status, 404) << world.a.state(leg).reason.view();
}

TEST_F(Everywhere, ChannelsOfATrunkAreCountedOverAllShards) {
  world.a.trunk("b", {world.b.address()}, [](call::Trunk& trunk) { trunk.channels_max = 4; });
  std::vector<LegId> legs;
  for (std::uint32_t i = 0; i < 9; ++i) legs.push_back(world.a.dial("b", "+1", {}, {}, i % 3));
  world.run(1s);
  const auto answered = [&] {
    return std::ranges::count_if(legs, [&](LegId leg) { return world.a.state(leg).phase == LegPhase::kAnswered; });
  };
  EXPECT_EQ(answered(), 4);
  for (const LegId leg : legs) {
    if (!world.a.ended(leg)) continue;
    EXPECT_EQ(world.a.state(leg).reason.view(), "trunk: all channels are in use");
  }
  for (std::uint32_t i = 0; i < 9; ++i) world.a.tell(call::Hangup{legs[i], 16, {}}, i % 3);
  world.run(1s);
  legs.clear();
  for (std::uint32_t i = 0; i < 9; ++i) legs.push_back(world.a.dial("b", "+1", {}, {}, i % 3));
  world.run(1s);
  EXPECT_EQ(answered(), 4) << "what has ended was given back";
}

TEST_F(Everywhere, CallsPerSecondOfATrunkHoldOverAllShards) {
  constexpr std::uint32_t kRate = 10;
  world.a.trunk("b", {world.b.address()}, [](call::Trunk& trunk) { trunk.calls_per_second_max = kRate; });
  for (std::uint32_t i = 0; i < 45; ++i) world.a.dial("b", "+1", {}, {}, i % 3);
  world.run(6s);
  std::vector<WallTime> came;
  for (const auto& event : world.b.events)
    if (event.kind == EventKind::kLegState && event.body.leg.phase == LegPhase::kIncoming) came.push_back(event.at);
  EXPECT_EQ(came.size(), 45u);
  std::ranges::sort(came);
  for (std::size_t i = kRate + 2; i < came.size(); ++i)
    EXPECT_GE(came[i] - came[i - kRate - 2], 1s) << "no more than 1.1 times the rate and one in any second";
}

TEST_F(Everywhere, ATrunkThatDoesNotAnswerOneShardIsLeftOutByAll) {
  world.a.trunk("dead", {Endpoint::v4(10, 0, 0, 99, 5060)}, [](call::Trunk& trunk) { trunk.options_interval = 60s; });
  world.run(40s);  // one shard's OPTIONS has timed out
  for (std::uint32_t shard = 0; shard < 3; ++shard) {
    const LegId leg = world.a.dial(
        "", "+1", {},
        [](call::Originate& wanted) {
          wanted.trunks = {"dead", "b"};
        },
        shard);
    world.run(500ms);
    EXPECT_EQ(world.a.state(leg).phase, LegPhase::kAnswered);
    EXPECT_EQ(world.a.state(leg).trunks_tried_count, 1) << "nobody was waited for";
  }
}

}  // namespace
}  // namespace carillon::shard
