#include "control/link/plan.h"

#include <gtest/gtest.h>

#include "engine/link/translate.h"
#include "media/prompt/prompt.h"

namespace carillon::control {
namespace {

// What the dialer decides arrives at the shard field by field.
TEST(PlanToWire, TheShardGetsWhatTheDialerMeant) {
  const std::string sha(64, 'c');
  const auto prompt = std::make_shared<const media::Prompt>(media::Prompt::from_samples({}, sha));
  dialer::CallPlan plan;
  plan.record = true;
  plan.hang_up_without_brain = true;
  plan.detect = dialer::DetectConfig{.decide_by = 3500ms, .wait_for_beep = false, .beep_wait_max = 20s};
  plan.states = {{.name = "wait",
                  .action = dialer::PlanWait{2s, {sha}},
                  .on = {{dialer::PlanEvent::kMachine, "", 1}},
                  .timeout = 9s,
                  .mark = "m"},
                 {.name = "play",
                  .action = dialer::PlanPlay{{sha, sha}, 3},
                  .on = {{dialer::PlanEvent::kDigit, "9", 2}},
                  .timeout = 0ms,
                  .mark = ""},
                 {.name = "bye", .action = dialer::PlanHangup{17, "busy"}, .on = {}, .timeout = 0ms, .mark = ""},
                 {.name = "tone",
                  .action = dialer::PlanTone{dialer::PlanTone::Tone::kCongestion},
                  .on = {},
                  .timeout = 0ms,
                  .mark = ""},
                 {.name = "ask",
                  .action = dialer::PlanGather{{sha}, 4, 7s, "*"},
                  .on = {{dialer::PlanEvent::kBrainLost, "", 2}},
                  .timeout = 0ms,
                  .mark = ""}};
  call::Plan made;
  std::vector<std::shared_ptr<const void>> keeps;
  ASSERT_EQ(link::to_plan(
                plan_to_wire(plan), [&](std::string_view) { return prompt; }, made, keeps),
            "");
  EXPECT_TRUE(made.record && made.hang_up_without_brain && made.detects);
  EXPECT_EQ(made.detect.decide_by, 3500ms);
  EXPECT_FALSE(made.detect.wait_for_beep);
  EXPECT_EQ(made.detect.beep_wait_max, 20s);
  ASSERT_EQ(made.states.size(), 5u);
  EXPECT_EQ(made.states[0].wait, 2s);
  EXPECT_EQ(made.states[0].timeout, 9s);
  EXPECT_EQ(made.states[0].mark.view(), "m");
  EXPECT_EQ(made.states[0].on[0].event, call::PlanEvent::kMachine);
  EXPECT_EQ(made.states[0].on[0].next, 1);
  EXPECT_EQ(made.states[1].prompts.size(), 2u);
  EXPECT_EQ(made.states[1].loops, 3u);
  EXPECT_EQ(made.states[1].on[0].digit, '9');
  EXPECT_EQ(made.states[2].cause, 17);
  EXPECT_EQ(made.states[3].tone, call::PlanState::Tone::kCongestion);
  EXPECT_EQ(made.states[4].digits_max, 4);
  EXPECT_EQ(made.states[4].wait, 7s);
  EXPECT_EQ(made.states[4].terminator, '*');
  EXPECT_EQ(made.states[4].on[0].event, call::PlanEvent::kBrainLost);
}

}  // namespace
}  // namespace carillon::control
