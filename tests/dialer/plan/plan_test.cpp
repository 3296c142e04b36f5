#include "dialer/plan/plan.h"

#include <gtest/gtest.h>

namespace carillon::dialer {
namespace {

CallPlan message_plan() {
  CallPlan plan;
  plan.states = {{.name = "message",
                  .action = PlanPlay{{std::string(64, 'a')}, 1},
                  .on = {{PlanEvent::kDone, "", 1}, {PlanEvent::kDigit, "9", 1}},
                  .timeout = {},
                  .mark = "message"},
                 {.name = "end", .action = PlanHangup{}, .on = {}, .timeout = {}, .mark = ""}};
  return plan;
}

TEST(CallPlan, AGoodPlanHasNoFault) {
  EXPECT_EQ(message_plan().fault(), "");
  EXPECT_EQ(CallPlan{}.fault(), "");
}

TEST(CallPlan, FaultNamesTheField) {
  auto plan = message_plan();
  plan.states[0].on[1].next = 2;
  EXPECT_EQ(plan.fault(), "states/0/on/1/next: state 2 does not exist");
  plan = message_plan();
  plan.states[0].on[1].digit = "12";
  EXPECT_EQ(plan.fault(), "states/0/on/1/digit: one of 0-9 * #");
  plan = message_plan();
  plan.states[0].on[0].digit = "1";
  EXPECT_EQ(plan.fault(), "states/0/on/0/digit: only for the event digit");
  plan = message_plan();
  plan.states[0].action = PlanPlay{};
  EXPECT_EQ(plan.fault(), "states/0/play/prompts: at least one prompt");
  plan.states[0].action = PlanPlay{{"../etc/passwd"}, 1};
  EXPECT_EQ(plan.fault(), "states/0/play/prompts/0: not a SHA-256 in lower-case hex");
  plan.states.assign(65, message_plan().states[1]);
  EXPECT_EQ(plan.fault(), "states: 65 are too many, 64 at most");
}

}  // namespace
}  // namespace carillon::dialer
