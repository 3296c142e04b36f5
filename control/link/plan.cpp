#include "control/link/plan.h"

#include "engine/base/check.h"

namespace carillon::control {
namespace {

std::uint32_t ms(std::chrono::milliseconds duration) { return static_cast<std::uint32_t>(duration.count()); }

struct PutAction {
  wire::PlanState& state;

  void operator()(const dialer::PlanWait& wait) const {
    state.mutable_wait()->set_for_ms(ms(wait.duration));
    state.mutable_wait()->mutable_music()->Add(wait.music.begin(), wait.music.end());
  }
  void operator()(const dialer::PlanPlay& play) const {
    state.mutable_play()->set_loops(play.loops);
    state.mutable_play()->mutable_prompts()->Add(play.prompts.begin(), play.prompts.end());
  }
  void operator()(const dialer::PlanHangup& hangup) const {
    state.mutable_hangup()->set_cause(hangup.cause);
    state.mutable_hangup()->set_why(hangup.why);
  }
  void operator()(const dialer::PlanTone& tone) const {
    state.mutable_tone()->set_tone(static_cast<wire::PlanTone::Tone>(tone.tone));
  }
  void operator()(const dialer::PlanGather& gather) const {
    wire::PlanGather& made = *state.mutable_gather();
    made.mutable_prompts()->Add(gather.prompts.begin(), gather.prompts.end());
    made.set_digits_max(gather.digits_max);
    made.set_timeout_ms(ms(gather.timeout));
    made.set_terminator(gather.terminator);
  }
};

void put(const dialer::PlanState& from, wire::PlanState& to) {
  to.set_name(from.name);
  std::visit(PutAction{to}, from.action);
  for (const dialer::PlanTransition& transition : from.on) {
    wire::PlanTransition& made = *to.add_on();
    made.set_event(static_cast<wire::PlanEvent>(transition.event));
    made.set_digit(transition.digit);
    made.set_next(transition.next);
  }
  to.set_timeout_ms(ms(from.timeout));
  to.set_mark(from.mark);
}

static_assert(static_cast<int>(dialer::PlanEvent::kBrainLost) == static_cast<int>(wire::BRAIN_LOST));
static_assert(static_cast<int>(dialer::PlanTone::Tone::kSilence) == static_cast<int>(wire::PlanTone::SILENCE));

}  // namespace

wire::CallPlan plan_to_wire(const dialer::CallPlan& plan) {
  CHECK(plan.fault().empty());
  wire::CallPlan made;
  for (const dialer::PlanState& state : plan.states) put(state, *made.add_states());
  if (plan.detect) {
    made.mutable_detect()->set_decide_by_ms(ms(plan.detect->decide_by));
    made.mutable_detect()->set_wait_for_beep(plan.detect->wait_for_beep);
    made.mutable_detect()->set_beep_wait_max_ms(ms(plan.detect->beep_wait_max));
  }
  made.set_record(plan.record);
  made.set_call_time_max_ms(ms(plan.call_time_max));
  made.set_hang_up_without_brain(plan.hang_up_without_brain);
  made.set_media_timeout_ms(ms(plan.media_timeout));
  return made;
}

}  // namespace carillon::control
