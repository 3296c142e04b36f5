#pragma once
// Whether one core may take one more call. In: what each step cost, how late its beats ran, how full the buffers and
// how many the legs are. Out: yes or no, and when to ask again. Pure: time and chance are handed in.
// (`Admission` itself is the answer of a trunk's limits; this is the gate of the core.)

#include <algorithm>
#include <cstdint>
#include <string>

#include "engine/base/random.h"
#include "engine/base/time.h"

namespace carillon::call {

/// Share of a core that is left when steps that found something to do took `busy` of `elapsed`, 0..1; 1 when no time
/// has passed. On a back end that polls, steps that found nothing count as time that is left.
constexpr double headroom_rate(Duration busy, Duration elapsed) {
  if (elapsed <= Duration{0}) return 1;
  return std::clamp(1 - static_cast<double>(busy.count()) / static_cast<double>(elapsed.count()), 0.0, 1.0);
}

/// When a core refuses new calls, and how it comes back. Rates are shares 0..1 of the core.
struct AdmissionConfig {
  double headroom_min = 0.15;     // refuse below: what is left takes the hang-ups, retransmissions and re-INVITEs
  double headroom_back = 0.25;    // take calls again above; further off than one second of new calls moves the load
  Duration calm = 2s;             // ... when it held for so long: longer than any burst that a step spreads out
  Duration beat_late_max = 2ms;   // later beats are seen in the peer's jitter, though its buffer still hides them
  int late_windows = 20;          // so many more windows with late beats than without: 200 ms, no scheduler's hiccup
  double pool_max = 0.90;         // buffers in use: the rest is what one burst of a busy port takes
  double pool_back = 0.80;        // in use again below this before calls are taken
  Duration window = 10ms;         // half a beat: each leg works in every second one, so that windows are alike
  Duration fast = 200ms;          // time constant of the average that closes the gate; beats of all legs, ten times
  Duration slow = 1s;             // ... of the one that opens it
  Duration settle = 5s;           // ... of the legs that will bring no more load: whoever rings longer may never talk
  Duration stall = 25ms;          // a step this long, or a beat this late at once: the clock stood, load does not jump
  Duration stall_grace = 500ms;   // what a stall of 50 ms takes to work off at 90 % of load
  Duration stall_apart = 10s;     // a second stall within this is not forgiven: then the core is not ours
  double leg_cost_first = 30e-6;  // share of the core per leg until it is learned: 30 µs per second
  double set_up_cost = 150e-6;    // seconds of work per call set up and ended, at most: is no cost of a leg that talks
  double leg_cost_max = 2.5e-3;   // dearer than any leg: what was measured was something else
  std::uint32_t learn_legs_min = 50;  // with fewer, what is not a leg's work would be taken for it
  Duration learn_rise = 1s;           // a leg that costs more than thought is believed at once
  Duration learn_fall = 30s;          // ... one that costs less only when no ringing leg can hide its media
  double ramp_first = 10;             // calls per second after a refusal; doubled each second
  double ramp_growth = 1.06;        // ... from half of the rate that closed the gate on, so as not to run into it again
  Duration ramp_quiet = 3s;         // the ramp ends when nobody wanted more than it gave for so long
  Duration retry_after_min = 2s;    // spread by ±50 %
  Duration retry_after_max = 64s;   // a carrier that stays away longer has forgotten us
  std::uint32_t legs_promised = 0;  // what this box holds by --self-test, per core; 0: no limit but the measured one

  /// The first fault as "field: reason", or empty.
  std::string fault() const;
};

/// One step, or what has gathered since the last one told.
struct StepLoad {
  Duration busy{0};       ///< taken by steps that found something to do
  Duration beat_late{0};  ///< of the latest beat; 0: none ran, or all in time
  std::uint32_t legs = 0;
  std::uint32_t legs_speaking = 0;             ///< of these, whose media flows: they are in the load
  std::uint32_t pool_used = 0, pool_room = 0;  ///< buffers; room 0: no such pool
};

/// Why a call was refused.
enum class Refusal : std::uint8_t { kNone, kHeadroom, kBeatsLate, kPool, kPromise, kRamp };
/// For control and its operator; empty for kNone.
const char* text_of(Refusal refusal);

/// The gate of one core for new calls.
///
///   open ──headroom (measured or predicted) < min · beats late · pool > max──► closed
///    ▲                                                                          │ headroom > back, pool and
///    └──◄─ ramp: n calls per second, doubling; ends when unwanted ─◄────────────┘ beats well, all for `calm`
///
/// Prediction  a burst comes between two measurements, and a leg costs most only when its media runs. So calls admitted
///             since, and legs that are not yet in the average, are taken off at the cost that was learned per leg.
/// Stalls      when the clock stood (a virtual machine that was not run), one backlog is worked off unjudged.
/// Legs        beyond `legs_promised` a call is refused without closing the gate.
/// Cost        2 ns a step, 40 ns a window, 10 ns a call (admission_bench.cpp); no allocation.
class AdmissionGate {
 public:
  /// `config` has no fault().
  AdmissionGate(const AdmissionConfig& config, TimePoint now);

  /// After each step, or as seldom as about every 10 ms while busy. On a back end that sleeps, after each waking.
  void note(const StepLoad& step, TimePoint now) {
    busy_ += step.busy;
    busy_longest_ = std::max(busy_longest_, step.busy);
    beat_late_ = std::max(beat_late_, step.beat_late);
    legs_ = step.legs;
    legs_speaking_ = step.legs_speaking;
    admitted_ = 0;
    if (now - window_began_ >= config_.window) close_window(step, now);
  }

  /// May one more call be taken, in or out? Yes counts it.
  bool takes_call(TimePoint now);
  /// Why the last takes_call() said no.
  Refusal refusal() const { return refusal_; }
  /// For the 503 that answers the call just refused. Grows with the time that the overload has lasted, spread by
  /// `random` so that those who were refused together do not come back together. At least 1 s.
  std::chrono::seconds retry_after(TimePoint now, Random& random) const;

  bool refuses() const { return is_closed_; }
  double headroom() const { return 1 - busy_fast_; }                        ///< 0..1, average of `fast`
  double headroom_predicted() const { return headroom() - coming_rate(); }  ///< may be below 0
  double leg_cost() const { return leg_cost_; }                             ///< learned: share of the core per leg
  std::uint64_t refused() const { return refused_; }                        ///< calls since start
  std::uint64_t closings() const { return closings_; }                      ///< how often the gate closed since start

 private:
  double coming_rate() const;
  Refusal judge() const;
  bool is_well() const;
  bool is_forgiven(TimePoint now);
  void close_window(const StepLoad& step, TimePoint now);
  void average(Duration elapsed);
  void learn_cost(Duration elapsed);
  void close(Refusal why, TimePoint now);
  void open(TimePoint now);
  void climb(TimePoint now);
  bool ramp_gives(TimePoint now);
  bool refuse(Refusal why);

  AdmissionConfig config_;
  // the window that runs
  TimePoint window_began_;
  Duration busy_{0}, busy_longest_{0}, beat_late_{0};
  std::uint32_t legs_ = 0, legs_speaking_ = 0, admitted_ = 0;  // at the last note(); since
  std::uint32_t admitted_in_window_ = 0;
  // averages
  double busy_fast_ = 0, busy_slow_ = 0;
  double legs_slow_ = 0, legs_settled_ = 0, legs_loading_ = 0;
  double admitted_per_second_ = 0;
  double leg_cost_;
  double pool_rate_ = 0;
  int late_score_ = 0;
  // stalls
  TimePoint stalled_at_, forgiving_until_;
  // gate and ramp
  bool is_closed_ = false, is_ramping_ = false;
  Refusal closed_by_ = Refusal::kNone, refusal_ = Refusal::kNone;
  TimePoint overloaded_since_, unwell_at_;
  double ramp_rate_ = 0, ramp_knee_ = 0, ramp_tokens_ = 0;
  TimePoint ramp_filled_at_, ramp_grown_at_, ramp_wanted_at_;
  std::uint64_t refused_ = 0, closings_ = 0;
};

}  // namespace carillon::call
