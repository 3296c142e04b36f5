#include "engine/link/translate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "media/prompt/prompt.h"

namespace carillon::link {
namespace {

const std::string kKnown(64, 'a'), kUnknown(64, 'b');

std::shared_ptr<const media::Prompt> find(std::string_view sha256) {
  static const auto prompt = std::make_shared<const media::Prompt>(media::Prompt::from_samples({}, kKnown));
  return sha256 == kKnown ? prompt : nullptr;
}

wire::ToEngine originate() {
  wire::ToEngine message;
  message.set_id(5);
  auto& call = *message.mutable_originate();
  call.set_leg(77);
  call.add_trunks("carrier-a");
  call.set_from("+15550001");
  call.set_to("+15550002");
  auto& state = *call.mutable_plan()->add_states();
  state.set_name("message");
  state.mutable_play()->add_prompts(kKnown);
  auto& transition = *state.add_on();
  transition.set_event(wire::DIGIT);
  transition.set_digit("9");
  transition.set_next(1);
  call.mutable_plan()->add_states()->mutable_hangup()->set_why("opted out");
  call.mutable_plan()->mutable_detect()->set_wait_for_beep(true);
  return message;
}

std::string fault_of(const wire::ToEngine& message) {
  const auto command = to_command(message, find);
  return command ? "" : command.error();
}

TEST(ToCommand, ReadsACallWithItsPlan) {
  const auto command = to_command(originate(), find);
  ASSERT_TRUE(command) << command.error();
  const auto& call = std::get<call::Originate>((*command)->body);
  EXPECT_EQ((*command)->id, 5u);
  EXPECT_EQ(call.leg, LegId{77});
  EXPECT_EQ(call.ring_time, 60s);
  EXPECT_EQ(call.plan.call_time_max, 4h);
  EXPECT_TRUE(call.plan.detects);
  EXPECT_TRUE(call.plan.detect.wait_for_beep);
  EXPECT_EQ(call.plan.detect.decide_by, 4s);
  ASSERT_EQ(call.plan.states.size(), 2u);
  EXPECT_EQ(call.plan.states[0].action, call::PlanState::Action::kPlay);
  EXPECT_EQ(call.plan.states[0].loops, 1u);
  EXPECT_EQ(call.plan.states[0].on[0].digit, '9');
  EXPECT_EQ(call.plan.states[0].prompts[0]->sha256(), kKnown);
  EXPECT_EQ(call.plan.states[1].why.view(), "opted out");
  EXPECT_EQ((*command)->keeps.size(), 1u);
  EXPECT_EQ(leg_of((*command)->body), LegId{77});
}

TEST(ToCommand, NamesTheFieldThatIsWrong) {
  const auto with = [](auto change) {
    auto message = originate();
    change(*message.mutable_originate());
    return fault_of(message);
  };
  using Call = wire::Originate;
  EXPECT_EQ(with([](Call& c) { c.set_leg(0); }), "leg: 0 names no leg");
  EXPECT_THAT(with([](Call& c) { c.set_leg(std::uint64_t{1} << 63); }), testing::StartsWith("leg: "));
  EXPECT_EQ(with([](Call& c) { c.clear_trunks(); }), "trunks: either trunks or an endpoint");
  EXPECT_THAT(with([](Call& c) { c.set_to("+1@evil.example"); }), testing::StartsWith("to: "));
  EXPECT_THAT(with([](Call& c) { c.set_from_name("a\r\nVia: x"); }), testing::StartsWith("from_name: "));
  EXPECT_EQ(with([](Call& c) { c.add_headers()->set_name("X:"); }).substr(0, 15), "headers/0/name:");
  EXPECT_EQ(with([](Call& c) { c.mutable_plan()->mutable_states(0)->mutable_on(0)->set_next(2); }),
            "plan/states/0/on/0/next: state 2 does not exist");
  EXPECT_EQ(with([](Call& c) { c.mutable_plan()->mutable_states(0)->mutable_play()->set_prompts(0, kUnknown); }),
            "plan/states/0/play/prompts/0: unknown prompt " + kUnknown);
  EXPECT_THAT(with([](Call& c) { c.mutable_plan()->mutable_states(0)->set_name(std::string(33, 'n')); }),
              testing::StartsWith("plan/states/0/name: "));
  EXPECT_EQ(with([](Call& c) { c.mutable_plan()->mutable_states(1)->mutable_hangup()->set_cause(128); }),
            "plan/states/1/hangup/cause: Q.850 causes are 0 to 127");
}

TEST(ToCommand, ChecksTrunksAndPhones) {
  wire::ToEngine message;
  auto& trunk = *message.mutable_put_trunk();
  EXPECT_EQ(fault_of(message), "id: empty");
  trunk.set_id("t");
  EXPECT_EQ(fault_of(message), "gateways: 1 to 16");
  trunk.add_gateways()->set_address("sip.example");
  EXPECT_EQ(fault_of(message), "gateways/0/address: not an IP address");
  trunk.mutable_gateways(0)->set_address("127.0.0.1");
  EXPECT_EQ(fault_of(message), "");
  trunk.add_codecs("G729");
  EXPECT_EQ(fault_of(message), "codecs/0: PCMU or PCMA");
  auto& phone = *message.mutable_put_endpoint();
  phone.set_id("p");
  phone.set_username("agent1");
  EXPECT_THAT(fault_of(message), testing::StartsWith("ha1_sha256"));
  phone.set_ha1_md5(std::string(32, '0'));
  EXPECT_EQ(fault_of(message), "");
}

TEST(ToCommand, AnEmptyMessageIsNoCommand) { EXPECT_NE(fault_of({}), ""); }

TEST(ToWire, BytesThatAreNoTextDoNotSpoilTheFrame) {
  call::Event event;
  event.kind = call::EventKind::kLegState;
  event.leg = LegId{3};
  new (&event.body.leg) call::LegState{};
  event.body.leg.from.assign("M\xFCller");
  event.body.leg.reason.assign("caf\xC3\xA9");
  const wire::FromEngine message = to_wire(event);
  EXPECT_EQ(message.leg().from(), "M?ller");
  EXPECT_EQ(message.leg().reason(), "caf\xC3\xA9");
  wire::FromEngine back;
  EXPECT_TRUE(back.ParseFromString(message.SerializeAsString()));
}

}  // namespace
}  // namespace carillon::link
