// Plans whose first state ends the call: the command that carried them is given back in the middle of the answer.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/engine/shard/world.h"

namespace carillon::shard {
namespace {

call::Plan hang_up_at_once() {
  call::Plan plan;
  plan.states.resize(1);
  plan.states[0].name = FixedText<32>("end");
  plan.states[0].action = call::PlanState::Action::kHangup;
  return plan;
}

TEST(PlanEdges, APlanMayHangUpInTheMomentOfTheAnswer) {
  World world;
  world.b.on_incoming = [&](LegId leg, const LegState&, std::uint32_t shard) {
    world.b.tell(call::Answer{leg, {}}, shard);
  };
  const LegId leg = world.a.dial("b", "+4930123", hang_up_at_once());
  ASSERT_TRUE(world.run_until([&] { return world.a.ended(leg); }));
  world.run(1s);
  EXPECT_EQ(world.a.state(leg).ended_by, call::EndedBy::kPlan);
  EXPECT_EQ(world.a.state(leg).sip_status, 200);
  EXPECT_EQ(world.a.legs() + world.b.legs(), 0u);
  EXPECT_EQ(world.a.commands_out() + world.b.commands_out(), 0u);
}

TEST(PlanEdges, AnIncomingCallToo) {
  World world;
  world.b.on_incoming = [&](LegId leg, const LegState&, std::uint32_t shard) {
    world.b.tell(call::Answer{leg, hang_up_at_once()}, shard);
  };
  const LegId leg = world.a.dial("b", "+4930123");
  ASSERT_TRUE(world.run_until([&] { return world.a.ended(leg); }));
  world.run(1s);
  EXPECT_EQ(world.b.state(world.b.last_incoming).ended_by, call::EndedBy::kPlan);
  EXPECT_EQ(world.a.legs() + world.b.legs(), 0u);
  EXPECT_EQ(world.a.commands_out() + world.b.commands_out(), 0u);
}

}  // namespace
}  // namespace carillon::shard
