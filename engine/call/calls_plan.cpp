// Plan steps, playing, recording and verdicts of one leg.

#include <algorithm>

#include "engine/call/calls.h"
#include "engine/call/cause.h"

namespace carillon::call {

using Action = PlanState::Action;

void Calls::plan_event(Leg& leg, PlanEvent event, TimePoint now) {
  if (!leg.is_ended) perform(leg, leg.machine.on(event, now), now);
}

void Calls::perform(Leg& leg, const PlanStep& step, TimePoint now) {
  if (leg.is_ended) return;
  if (step.stop_play && leg.play_owner == PlayOwner::kPlan) play_over(leg, false, now);
  if (step.has_gathered) {
    Event event = news(EventKind::kGathered, leg, now);
    event.body.gathered = {step.digits, step.timed_out};
    events_.push(event);
  }
  if (step.entered) enter(leg, *step.entered, now);
  arm(leg);
}

void Calls::enter(Leg& leg, const PlanState& state, TimePoint now) {
  if (!state.mark.empty()) {
    leg.cdr.last_mark = state.mark;
    Event event = news(EventKind::kPlanMark, leg, now);
    event.body.mark = {state.mark, state.name};
    events_.push(event);
  }
  if (leg.play_owner == PlayOwner::kPlan) play_over(leg, false, now);  // the state before
  switch (state.action) {
    case Action::kPlay:
      return start_play(leg, state.prompts, std::max(1u, state.loops), PlayOwner::kPlan, now);
    case Action::kGather:
      return start_play(leg, state.prompts, 1, PlayOwner::kPlan, now);
    case Action::kWait:
      if (!leg.is_bridged() && !state.prompts.empty()) start_play(leg, state.prompts, 0, PlayOwner::kPlan, now);
      return;
    case Action::kTone:
      return play_tone(leg, state.tone, PlayOwner::kPlan, now);
    case Action::kHangup:
      return plan_hangup(leg, state, now);
  }
}

/// A phone plays our last frame some tens of milliseconds after we sent it; a BYE right behind it would cut it off.
void Calls::plan_hangup(Leg& leg, const PlanState& state, TimePoint now) {
  constexpr Duration kPlayoutMax = 100ms;
  const Ending ending{EndedBy::kPlan, state.cause, 0, state.why};
  if (leg.played_out == TimePoint{} || now - leg.played_out >= kPlayoutMax) return hang_up(leg, ending, now);
  leg.ending = ending;
  leg.at.linger = leg.played_out + kPlayoutMax;
}

// ---- playing

void Calls::start_play(Leg& leg, std::span<const media::Prompt* const> prompts, std::uint32_t loops, PlayOwner owner,
                       TimePoint now) {
  if (leg.play_owner != PlayOwner::kNobody) play_over(leg, false, now);
  if (leg.is_ended || prompts.empty()) return;
  leg.player.start(prompts, loops);
  leg.play_owner = owner;
}

void Calls::play_tone(Leg& leg, PlanState::Tone tone, PlayOwner owner, TimePoint now) {
  if (tone == PlanState::Tone::kSilence) return;
  const auto index = static_cast<std::size_t>(tone);  // ringback, busy, congestion
  start_play(leg, std::span(tone_list_).subspan(index, 1), 0, owner, now);
}

/// Tells that a play ended and, when it ran to its end, the plan that asked for it.
void Calls::play_over(Leg& leg, bool is_complete, TimePoint now) {
  const PlayOwner owner = leg.play_owner;
  if (owner == PlayOwner::kNobody) return;
  leg.player.stop();
  leg.play_owner = PlayOwner::kNobody;
  if (is_complete) leg.played_out = now;
  if (owner != PlayOwner::kEarly) {
    Event event = news(EventKind::kPlayDone, leg, now);
    const media::Prompt* prompt = leg.player.prompt();
    event.body.play_done = {is_complete, prompt ? FixedText<64>(prompt->sha256()) : FixedText<64>()};
    events_.push(event);
  }
  if (owner == PlayOwner::kCommand) give_back(leg.play);
  const PlanState* state = leg.machine.state();
  const bool waits = state && state->action == Action::kWait && !leg.is_bridged();
  if (owner == PlayOwner::kCommand && is_complete && waits)  // after an announcement music goes on
    start_play(leg, state->prompts, 0, PlayOwner::kPlan, now);
  if (owner == PlayOwner::kPlan && is_complete) perform(leg, leg.machine.on_play_over(now), now);
}

const char* Calls::play(Leg& leg, Command& command, TimePoint now) {
  const Play& wanted = std::get<Play>(command.body);
  start_play(leg, wanted.prompts, wanted.loops, PlayOwner::kCommand, now);
  if (leg.play_owner != PlayOwner::kCommand) return "nothing to play";
  leg.play = &command;
  return nullptr;
}

const char* Calls::record(Leg& leg, bool on, TimePoint now) {
  if (on == static_cast<bool>(leg.recording)) return nullptr;
  if (!on) {
    ports_.recordings.stop(leg.recording);
    leg.recording = {};
    --recordings_;
    return nullptr;
  }
  leg.recording = ports_.recordings.start(leg.id, wall(now));
  if (!leg.recording) {
    ++counters_.recordings_refused;
    return "no room for another recording";
  }
  ++recordings_;
  return nullptr;
}

// ---- who answered

void Calls::start_detector(Leg& leg, const DetectConfig& config, bool early) {
  leg.start_detecting(media::DetectConfig{.decide_by = config.decide_by,
                                          .greeting_max = config.greeting_max,
                                          .wait_for_beep = config.wait_for_beep,
                                          .beep_wait_max = config.beep_wait_max,
                                          .early_media = early});
}

namespace {

PlanEvent event_of(media::Heard heard) {
  switch (heard) {
    case media::Heard::kHuman:
      return PlanEvent::kHuman;
    case media::Heard::kMachine:
      return PlanEvent::kMachine;
    case media::Heard::kBeep:
      return PlanEvent::kBeep;
    case media::Heard::kFax:
      return PlanEvent::kFax;
    case media::Heard::kBusy:
    case media::Heard::kCongestion:
    case media::Heard::kSit:
    case media::Heard::kRingback:
      return PlanEvent::kTone;
    case media::Heard::kSilence:
      return PlanEvent::kSilenceHeard;
    case media::Heard::kNotSure:
      return PlanEvent::kNotSure;
  }
  return PlanEvent::kNotSure;
}

}  // namespace

/// Early verdicts are reported only; the plan acts on what is final (a beep: when it is over and the machine records).
void Calls::on_verdict(Leg& leg, const media::Verdict& verdict, TimePoint now) {
  Event event = news(EventKind::kDetection, leg, now);
  event.body.detection = {.verdict = std::string_view(media::name(verdict.heard)),
                          .confidence = verdict.confidence,
                          .since_answer = verdict.since_answer,
                          .since_speech_end = verdict.since_speech_end,
                          .is_final = verdict.is_final,
                          .why = verdict.why};
  events_.push(event);
  if (!verdict.is_final) return;
  if (verdict.heard != media::Heard::kBeep)
    leg.cdr.verdict.assign(media::name(verdict.heard));  // the machine stays one after its beep
  plan_event(leg, event_of(verdict.heard), now);
}

}  // namespace carillon::call
