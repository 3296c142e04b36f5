#include "engine/call/plan_machine.h"

#include <gtest/gtest.h>

namespace carillon::call {
namespace {

using Action = PlanState::Action;

const media::Prompt* prompt(int number) {  // never looked into
  return reinterpret_cast<const media::Prompt*>(static_cast<std::uintptr_t>(0x1000 + number));
}

PlanState state(const char* name, Action action, std::vector<PlanTransition> on) {
  PlanState made;
  made.name.assign(name);
  made.action = action;
  made.on = std::move(on);
  return made;
}

// Listen; a person hears the message, a machine too, after its beep; 9 opts out.
Plan broadcast() {
  Plan plan;
  plan.states.push_back(state("listen", Action::kWait,
                              {{PlanEvent::kHuman, 0, 1}, {PlanEvent::kMachine, 0, 2}, {PlanEvent::kTimeout, 0, 1}}));
  plan.states.back().wait = 4s;
  plan.states.push_back(state("message", Action::kPlay, {{PlanEvent::kDigit, '9', 3}, {PlanEvent::kDone, 0, 4}}));
  plan.states.back().prompts = {prompt(1)};
  plan.states.back().mark.assign("message_started");
  plan.states.push_back(state("machine", Action::kWait, {{PlanEvent::kBeep, 0, 1}, {PlanEvent::kTimeout, 0, 4}}));
  plan.states.back().timeout = 30s;
  plan.states.push_back(state("opted out", Action::kHangup, {}));
  plan.states.back().mark.assign("opt_out");
  plan.states.push_back(state("over", Action::kHangup, {}));
  return plan;
}

// A letter per event: h human, m machine, b beep, d done (play over), t the next deadline, a digit itself, . nothing.
std::string run(const Plan& plan, std::string_view script) {
  PlanMachine machine;
  TimePoint now{};
  std::string names(machine.start(plan, now).entered->name.view());
  for (const char letter : script) {
    PlanStep step;
    now += 10ms;
    switch (letter) {
      case 'h':
        step = machine.on(PlanEvent::kHuman, now);
        break;
      case 'm':
        step = machine.on(PlanEvent::kMachine, now);
        break;
      case 'b':
        step = machine.on(PlanEvent::kBeep, now);
        break;
      case 'd':
        step = machine.on_play_over(now);
        break;
      case 't':
        EXPECT_NE(machine.deadline(), TimePoint::max());
        now = std::max(now, machine.deadline());
        step = machine.on_deadline(now);
        break;
      default:
        step = machine.on_digit(letter, now);
    }
    if (step.entered) names += ">" + std::string(step.entered->name.view());
  }
  return names;
}

TEST(PlanMachine, ABroadcastPlanFollowsWhatIsHeard) {
  const Plan plan = broadcast();
  EXPECT_EQ(run(plan, "hd"), "listen>message>over");
  EXPECT_EQ(run(plan, "h9"), "listen>message>opted out");
  EXPECT_EQ(run(plan, "h5d"), "listen>message>over");
  EXPECT_EQ(run(plan, "mbd"), "listen>machine>message>over");
  EXPECT_EQ(run(plan, "mt"), "listen>machine>over");
  EXPECT_EQ(run(plan, "t"), "listen>message");
  EXPECT_EQ(run(plan, "b9"), "listen") << "no transition: ignored";
}

TEST(PlanMachine, AnEmptyPlanEntersNothingAndStaysQuiet) {
  const Plan plan;
  PlanMachine machine;
  EXPECT_EQ(machine.start(plan, TimePoint{}).entered, nullptr);
  EXPECT_EQ(machine.on(PlanEvent::kHuman, TimePoint{}).entered, nullptr);
  EXPECT_EQ(machine.on_digit('1', TimePoint{}).entered, nullptr);
  EXPECT_EQ(machine.deadline(), TimePoint::max());
}

TEST(PlanMachine, TheWaitOrTheTimeoutEndsAStateWhicheverIsFirst) {
  Plan plan = broadcast();
  plan.states[0].timeout = 2s;
  PlanMachine machine;
  machine.start(plan, TimePoint{});
  EXPECT_EQ(machine.deadline(), TimePoint{} + 2s);
  EXPECT_EQ(machine.on_deadline(TimePoint{} + 1999ms).entered, nullptr);
  ASSERT_NE(machine.on_deadline(TimePoint{} + 2s).entered, nullptr);
  EXPECT_EQ(machine.state()->name.view(), "message");
  EXPECT_EQ(machine.deadline(), TimePoint::max()) << "the message ends when it ends";
}

TEST(PlanMachine, APlayWithoutPromptsIsDoneAFrameLater) {
  Plan plan = broadcast();
  plan.states[1].prompts.clear();
  EXPECT_EQ(run(plan, "ht"), "listen>message>over");
}

TEST(PlanMachine, AnUnknownNextStateIsIgnored) {
  Plan plan = broadcast();
  plan.states[0].on[0].next = 77;
  EXPECT_EQ(run(plan, "hm"), "listen>machine");
}

Plan menu(std::uint8_t digits_max, char terminator) {
  Plan plan;
  plan.states.push_back(state("ask", Action::kGather,
                              {{PlanEvent::kDigit, '9', 1}, {PlanEvent::kDone, 0, 2}, {PlanEvent::kTimeout, 0, 3}}));
  plan.states.back().prompts = {prompt(1)};
  plan.states.back().wait = 5s;
  plan.states.back().digits_max = digits_max;
  plan.states.back().terminator = terminator;
  for (const char* name : {"nine", "done", "late"}) plan.states.push_back(state(name, Action::kHangup, {}));
  return plan;
}

TEST(PlanMachine, GatherEndsAtItsLengthItsTerminatorOrItsPause) {
  EXPECT_EQ(run(menu(3, '#'), "123"), "ask>done");
  EXPECT_EQ(run(menu(3, '#'), "12#"), "ask>done");
  EXPECT_EQ(run(menu(3, '#'), "12"), "ask");
  EXPECT_EQ(run(menu(3, '#'), "12t"), "ask>late");
  EXPECT_EQ(run(menu(3, '#'), "dt"), "ask>late") << "the pause begins when the prompt is over";
  EXPECT_EQ(run(menu(3, '#'), "19"), "ask>nine") << "a digit with a transition of its own comes first";
  EXPECT_EQ(run(menu(3, 0), "1##"), "ask>done") << "no terminator: # is a digit";
}

TEST(PlanMachine, ADigitStopsThePromptAndTheDigitsAreHandedOver) {
  const Plan plan = menu(2, '#');
  PlanMachine machine;
  machine.start(plan, TimePoint{});
  EXPECT_EQ(machine.deadline(), TimePoint::max()) << "still speaking";
  PlanStep step = machine.on_digit('4', TimePoint{} + 1s);
  EXPECT_TRUE(step.stop_play);
  EXPECT_FALSE(step.has_gathered);
  EXPECT_EQ(machine.deadline(), TimePoint{} + 6s);
  step = machine.on_digit('2', TimePoint{} + 2s);
  EXPECT_TRUE(step.has_gathered);
  EXPECT_FALSE(step.timed_out);
  EXPECT_EQ(step.digits.view(), "42");
  EXPECT_EQ(step.entered->name.view(), "done");
}

TEST(PlanMachine, AGatherThatTimesOutHandsOverWhatItHas) {
  const Plan plan = menu(4, '#');
  PlanMachine machine;
  machine.start(plan, TimePoint{});
  machine.on_digit('7', TimePoint{} + 1s);
  const PlanStep step = machine.on_deadline(TimePoint{} + 6s);
  EXPECT_TRUE(step.has_gathered);
  EXPECT_TRUE(step.timed_out);
  EXPECT_EQ(step.digits.view(), "7");
}

TEST(PlanMachine, ALostBrainAndALostBridgeAreEventsLikeOthers) {
  Plan plan = broadcast();
  plan.states[0].on.push_back({PlanEvent::kBrainLost, 0, 4});
  PlanMachine machine;
  machine.start(plan, TimePoint{});
  EXPECT_TRUE(machine.handles(PlanEvent::kBrainLost));
  EXPECT_FALSE(machine.handles(PlanEvent::kBridgeLost));
  EXPECT_EQ(machine.on(PlanEvent::kBrainLost, TimePoint{}).entered->name.view(), "over");
}

}  // namespace
}  // namespace carillon::call
