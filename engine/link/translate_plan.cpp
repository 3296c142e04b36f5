#include "engine/link/fields.h"
#include "engine/link/translate.h"

namespace carillon::link {
namespace {

constexpr int kStatesMax = 64;
constexpr int kTransitionsMax = 16;

std::string put_action(const wire::PlanState& message, const PromptUse& use, call::PlanState& state) {
  using Action = call::PlanState::Action;
  switch (message.action_case()) {
    case wire::PlanState::kPlay:
      state.action = Action::kPlay;
      state.loops = message.play().loops() == 0 ? 1 : message.play().loops();
      if (message.play().prompts().empty()) return "play/prompts: at least one prompt";
      return put_prompts("play/prompts", message.play().prompts(), use, state.prompts);
    case wire::PlanState::kHangup:
      state.action = Action::kHangup;
      if (message.hangup().cause() > 127) return "hangup/cause: Q.850 causes are 0 to 127";
      state.cause = message.hangup().cause() == 0 ? 16 : static_cast<std::uint8_t>(message.hangup().cause());
      return put_text("hangup/why", message.hangup().why(), state.why);
    case wire::PlanState::kTone:
      state.action = Action::kTone;
      if (!wire::PlanTone::Tone_IsValid(message.tone().tone())) return "tone/tone: unknown";
      state.tone = static_cast<call::PlanState::Tone>(message.tone().tone());
      return {};
    case wire::PlanState::kGather:
      state.action = Action::kGather;
      if (message.gather().digits_max() == 0 || message.gather().digits_max() > 32) return "gather/digits_max: 1 to 32";
      state.digits_max = static_cast<std::uint8_t>(message.gather().digits_max());
      state.wait = ms(message.gather().timeout_ms());
      if (auto fault = put_terminator("gather/terminator", message.gather().terminator(), state.terminator);
          !fault.empty())
        return fault;
      return put_prompts("gather/prompts", message.gather().prompts(), use, state.prompts);
    case wire::PlanState::kWait:
    case wire::PlanState::ACTION_NOT_SET:
      break;
  }
  state.action = Action::kWait;
  state.wait = ms(message.wait().for_ms());
  return put_prompts("wait/music", message.wait().music(), use, state.prompts);
}

std::string put_transition(const wire::PlanTransition& message, int states, call::PlanTransition& transition) {
  if (!wire::PlanEvent_IsValid(message.event())) return "event: unknown";
  if (message.next() >= static_cast<std::uint32_t>(states))
    return fmt::format("next: state {} does not exist", message.next());
  transition.event = static_cast<call::PlanEvent>(message.event());
  transition.next = static_cast<std::uint8_t>(message.next());
  if (message.digit().empty()) return {};
  if (message.event() != wire::DIGIT) return "digit: only for the event digit";
  if (message.digit().size() != 1 || !is_digit(message.digit()[0])) return "digit: one of 0-9 * #";
  transition.digit = message.digit()[0];
  return {};
}

std::string put_state(const wire::PlanState& message, int states, const PromptUse& use, call::PlanState& state) {
  if (auto fault = put_text("name", message.name(), state.name); !fault.empty()) return fault;
  if (auto fault = put_text("mark", message.mark(), state.mark); !fault.empty()) return fault;
  if (auto fault = put_action(message, use, state); !fault.empty()) return fault;
  state.timeout = ms(message.timeout_ms());
  if (message.on_size() > kTransitionsMax) return fmt::format("on: {} at most", kTransitionsMax);
  for (int i = 0; i < message.on_size(); ++i) {
    call::PlanTransition transition;
    if (auto fault = put_transition(message.on(i), states, transition); !fault.empty())
      return fmt::format("on/{}/{}", i, fault);
    state.on.push_back(transition);
  }
  return {};
}

}  // namespace

std::string to_plan(const wire::CallPlan& message, const FindPrompt& find, call::Plan& plan,
                    std::vector<std::shared_ptr<const void>>& keeps) {
  if (message.states_size() > kStatesMax)
    return fmt::format("states: {} are too many, {} at most", message.states_size(), kStatesMax);
  const PromptUse use{find, keeps};
  for (int i = 0; i < message.states_size(); ++i) {
    call::PlanState state;
    if (auto fault = put_state(message.states(i), message.states_size(), use, state); !fault.empty())
      return fmt::format("states/{}/{}", i, fault);
    plan.states.push_back(std::move(state));
  }
  plan.detects = message.has_detect();
  if (plan.detects) {
    plan.detect.decide_by = ms_or(message.detect().decide_by_ms(), 4s);
    plan.detect.greeting_max = ms(message.detect().greeting_max_ms());
    plan.detect.wait_for_beep = message.detect().wait_for_beep();
    plan.detect.beep_wait_max = ms_or(message.detect().beep_wait_max_ms(), 30s);
  }
  plan.record = message.record();
  plan.call_time_max = ms_or(message.call_time_max_ms(), 4h);
  plan.hang_up_without_brain = message.hang_up_without_brain();
  plan.media_timeout = ms_or(message.media_timeout_ms(), 30s);
  return {};
}

}  // namespace carillon::link
