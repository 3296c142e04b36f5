#pragma once
// What the engine does on its own with one answered call: DESIGN §4 "call plan". Pure: events in, steps out.

#include <cstdint>

#include "engine/base/fixed_text.h"
#include "engine/base/time.h"
#include "engine/call/gatherer.h"
#include "engine/call/plan.h"

namespace carillon::call {

/// What follows from one event. The leg performs it: reports the gathered digits, then the mark of `entered`, then
/// begins its action (kPlay: the prompts, kWait: music or silence, kTone, kGather: the prompts, kHangup).
struct PlanStep {
  const PlanState* entered = nullptr;
  bool stop_play = false;     ///< a digit fell into the prompt of a gather
  bool has_gathered = false;  ///< a gather of the plan ended
  bool timed_out = false;     ///< … by its pause
  FixedText<32> digits{};
};

/// Runs one Plan. An event takes the first transition of the present state that matches it; without one nothing
/// happens (the leg reports every event anyhow). At most one transition per event, so no plan can spin here.
///
/// In a kGather state a digit without a transition of its own is collected.
class PlanMachine {
 public:
  /// Enters states[0]. `plan` must outlive the machine or the next start(). An empty plan enters nothing.
  PlanStep start(const Plan& plan, TimePoint now);
  void stop() { state_ = nullptr; }

  PlanStep on(PlanEvent event, TimePoint now) { return take(event, 0, now); }
  PlanStep on_digit(char digit, TimePoint now);
  /// What the state was playing is over: kDone for kPlay, the pause begins for kGather, nothing for the music of kWait.
  PlanStep on_play_over(TimePoint now);
  PlanStep on_deadline(TimePoint now);
  TimePoint deadline() const;

  const PlanState* state() const { return state_; }
  /// Is there a transition for this event in the present state?
  bool handles(PlanEvent event) const { return find(event, 0) != nullptr; }

 private:
  const PlanTransition* find(PlanEvent event, char digit) const;
  PlanStep take(PlanEvent event, char digit, TimePoint now);
  PlanStep enter(std::uint8_t index, TimePoint now);
  PlanStep end_gather(bool timed_out, TimePoint now);

  const Plan* plan_ = nullptr;
  const PlanState* state_ = nullptr;
  Gatherer gatherer_;
  TimePoint timeout_at_ = TimePoint::max();     ///< kTimeout of the state or of its wait
  TimePoint empty_play_at_ = TimePoint::max();  ///< a kPlay without prompts is over a frame later
};

}  // namespace carillon::call
