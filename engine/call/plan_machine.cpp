#include "engine/call/plan_machine.h"

#include <algorithm>

namespace carillon::call {

using Action = PlanState::Action;

PlanStep PlanMachine::start(const Plan& plan, TimePoint now) {
  plan_ = &plan;
  state_ = nullptr;
  return plan.states.empty() ? PlanStep{} : enter(0, now);
}

PlanStep PlanMachine::enter(std::uint8_t index, TimePoint now) {
  if (index >= plan_->states.size()) return {};  // the link refuses such plans; never leave the table all the same
  const PlanState& state = plan_->states[index];
  state_ = &state;
  gatherer_.stop();
  empty_play_at_ = timeout_at_ = TimePoint::max();
  if (state.timeout > Duration::zero()) timeout_at_ = now + state.timeout;
  if (state.action == Action::kWait && state.wait > Duration::zero())
    timeout_at_ = std::min(timeout_at_, now + state.wait);
  if (state.action == Action::kPlay && state.prompts.empty()) empty_play_at_ = now + 20ms;
  if (state.action == Action::kGather)
    gatherer_.start(state.digits_max, state.terminator, state.wait, !state.prompts.empty(), now);
  return {.entered = &state};
}

const PlanTransition* PlanMachine::find(PlanEvent event, char digit) const {
  if (!state_) return nullptr;
  for (const PlanTransition& on : state_->on) {
    if (on.event != event) continue;
    if (event == PlanEvent::kDigit && on.digit != 0 && on.digit != digit) continue;
    return &on;
  }
  return nullptr;
}

PlanStep PlanMachine::take(PlanEvent event, char digit, TimePoint now) {
  const PlanTransition* on = find(event, digit);
  return on ? enter(on->next, now) : PlanStep{};
}

PlanStep PlanMachine::on_digit(char digit, TimePoint now) {
  if (find(PlanEvent::kDigit, digit)) return take(PlanEvent::kDigit, digit, now);
  if (!state_ || state_->action != Action::kGather || !gatherer_.is_running()) return {};
  if (gatherer_.on_digit(digit, now) == Gatherer::Outcome::kDone) return end_gather(false, now);
  return {.stop_play = true};
}

PlanStep PlanMachine::end_gather(bool timed_out, TimePoint now) {
  const FixedText<32> digits{gatherer_.digits()};
  PlanStep step = take(timed_out ? PlanEvent::kTimeout : PlanEvent::kDone, 0, now);
  step.stop_play = true;
  step.has_gathered = true;
  step.timed_out = timed_out;
  step.digits = digits;
  return step;
}

PlanStep PlanMachine::on_play_over(TimePoint now) {
  if (!state_) return {};
  if (state_->action == Action::kGather) gatherer_.prompt_over(now);
  return state_->action == Action::kPlay ? take(PlanEvent::kDone, 0, now) : PlanStep{};
}

PlanStep PlanMachine::on_deadline(TimePoint now) {
  if (!state_) return {};
  if (now >= empty_play_at_) {
    empty_play_at_ = TimePoint::max();
    return take(PlanEvent::kDone, 0, now);
  }
  if (gatherer_.on_deadline(now) == Gatherer::Outcome::kTimeout) return end_gather(true, now);
  if (now < timeout_at_) return {};
  timeout_at_ = TimePoint::max();
  return take(PlanEvent::kTimeout, 0, now);
}

TimePoint PlanMachine::deadline() const {
  if (!state_) return TimePoint::max();
  return std::min({timeout_at_, empty_play_at_, gatherer_.deadline()});
}

}  // namespace carillon::call
