#include "engine/call/admission.h"

#include <cmath>

#include "engine/base/check.h"

namespace carillon::call {
namespace {

double seconds(Duration time) { return std::chrono::duration<double>(time).count(); }

// A first-order average over uneven gaps, without exp(): equal for gaps that are short against the time constant, and
// a gap that is long against it says nearly all.
void approach(double& average, double value, Duration elapsed, Duration constant) {
  const auto gap = static_cast<double>(elapsed.count());
  average += (value - average) * gap / (gap + static_cast<double>(constant.count()));
}

}  // namespace

std::string AdmissionConfig::fault() const {
  const auto is_rate = [](double rate) { return rate > 0 && rate < 1; };
  if (!is_rate(headroom_min)) return "headroom_min: between 0 and 1";
  if (!is_rate(headroom_back)) return "headroom_back: between 0 and 1";
  if (headroom_back <= headroom_min) return "headroom_back: more than headroom_min, or the gate flaps";
  if (!is_rate(pool_max)) return "pool_max: between 0 and 1";
  if (!is_rate(pool_back)) return "pool_back: between 0 and 1";
  if (pool_back >= pool_max) return "pool_back: less than pool_max, or the gate flaps";
  if (beat_late_max <= Duration{0}) return "beat_late_max: more than 0";
  if (late_windows < 1) return "late_windows: at least 1";
  if (window < 1ms || window > 100ms) return "window: 1 ms to 100 ms";
  if (fast < window) return "fast: at least a window";
  if (slow < fast) return "slow: at least fast";
  if (settle < fast) return "settle: at least fast";
  if (calm < window) return "calm: at least a window";
  if (stall <= beat_late_max) return "stall: more than beat_late_max, or lateness is never seen";
  if (stall_grace < Duration{0}) return "stall_grace: not negative";
  if (stall_apart < stall_grace) return "stall_apart: at least stall_grace, or no load is ever judged";
  if (!(set_up_cost >= 0)) return "set_up_cost: not negative";
  if (!(leg_cost_max > 0)) return "leg_cost_max: more than 0";
  if (!(leg_cost_first > 0) || leg_cost_first > leg_cost_max) return "leg_cost_first: between 0 and leg_cost_max";
  if (learn_legs_min == 0) return "learn_legs_min: at least 1";
  if (learn_rise <= Duration{0} || learn_fall < learn_rise) return "learn_fall: at least learn_rise, both more than 0";
  if (!(ramp_first >= 1)) return "ramp_first: at least 1 call per second";
  if (!(ramp_growth > 1) || ramp_growth > 2) return "ramp_growth: more than 1, at most 2";
  if (ramp_quiet <= Duration{0}) return "ramp_quiet: more than 0";
  if (retry_after_min < 1s) return "retry_after_min: at least 1 s";
  if (retry_after_max < retry_after_min) return "retry_after_max: at least retry_after_min";
  return {};
}

const char* text_of(Refusal refusal) {
  switch (refusal) {
    case Refusal::kNone:
      return "";
    case Refusal::kHeadroom:
      return "engine overloaded: processor";
    case Refusal::kBeatsLate:
      return "engine overloaded: speech runs late";
    case Refusal::kPool:
      return "engine overloaded: packet buffers";
    case Refusal::kPromise:
      return "engine overloaded: more calls than promised";
    case Refusal::kRamp:
      return "engine overloaded: recovering";
  }
  return "";
}

AdmissionGate::AdmissionGate(const AdmissionConfig& config, TimePoint now)
    : config_(config),
      window_began_(now),
      leg_cost_(config.legs_promised != 0
                    ? std::min((1 - config.headroom_min) / config.legs_promised, config.leg_cost_max)
                    : config.leg_cost_first),
      stalled_at_(now - config.stall_apart),
      forgiving_until_(now),
      overloaded_since_(now),
      unwell_at_(now),
      ramp_filled_at_(now),
      ramp_grown_at_(now),
      ramp_wanted_at_(now) {
  CHECK(config.fault().empty());
}

// ---- measuring

// What legs will cost that are here but not in the average of the load: those that speak are, those that have rung for
// long may never be. Where calls come and go at a steady rate, as many go as come, and nothing is taken off twice.
double AdmissionGate::coming_rate() const {
  const double known = std::max(legs_settled_, legs_loading_);
  return std::max(0.0, static_cast<double>(legs_) + admitted_ - known) * leg_cost_;
}

void AdmissionGate::close_window(const StepLoad& step, TimePoint now) {
  const Duration elapsed = now - window_began_;
  pool_rate_ = step.pool_room == 0 ? 0 : static_cast<double>(step.pool_used) / step.pool_room;
  if (!is_forgiven(now)) {
    average(elapsed);
    learn_cost(elapsed);
    const bool is_late = beat_late_ > config_.beat_late_max;
    late_score_ = std::clamp(late_score_ + (is_late ? 1 : -1), 0, config_.late_windows);
  }
  approach(admitted_per_second_, admitted_in_window_ / seconds(elapsed), elapsed, config_.slow);
  window_began_ = now;
  busy_ = busy_longest_ = beat_late_ = Duration{0};
  admitted_in_window_ = 0;

  if (is_closed_) {
    if (!is_well()) unwell_at_ = now;
    if (now - unwell_at_ >= config_.calm) open(now);
    return;
  }
  if (const Refusal why = judge(); why != Refusal::kNone) return close(why, now);
  if (is_ramping_) climb(now);
}

// A backlog after the clock stood is no load. Only where all was well before, and seldom: load that makes steps long is
// seen by the second one.
bool AdmissionGate::is_forgiven(TimePoint now) {
  if (now < forgiving_until_) return true;
  const bool is_stall = busy_longest_ >= config_.stall || beat_late_ >= config_.stall;
  if (!is_stall) return false;
  const bool is_first = now - stalled_at_ >= config_.stall_apart && late_score_ == 0;
  stalled_at_ = now;
  if (is_first) forgiving_until_ = now + config_.stall_grace;
  return is_first;
}

void AdmissionGate::average(Duration elapsed) {
  const double busy = 1 - headroom_rate(busy_, elapsed);
  approach(busy_fast_, busy, elapsed, config_.fast);
  approach(busy_slow_, busy, elapsed, config_.slow);
  approach(legs_loading_, legs_speaking_, elapsed, config_.fast);
  approach(legs_slow_, legs_, elapsed, config_.slow);
  approach(legs_settled_, legs_, elapsed, config_.settle);
}

// Load and legs by the same average, so that their ratio holds while both change. Where calls are short, most of the
// work is setting them up; what is there of it is in the measurement and comes with no leg that is taken later.
void AdmissionGate::learn_cost(Duration elapsed) {
  if (legs_slow_ < config_.learn_legs_min) return;
  const double talking = std::max(0.0, busy_slow_ - admitted_per_second_ * config_.set_up_cost);
  const double cost = std::min(talking / legs_slow_, config_.leg_cost_max);
  approach(leg_cost_, cost, elapsed, cost > leg_cost_ ? config_.learn_rise : config_.learn_fall);
}

// ---- the gate

Refusal AdmissionGate::judge() const {
  if (headroom() < config_.headroom_min) return Refusal::kHeadroom;
  if (late_score_ >= config_.late_windows) return Refusal::kBeatsLate;
  if (pool_rate_ > config_.pool_max) return Refusal::kPool;
  return Refusal::kNone;
}

bool AdmissionGate::is_well() const {
  return 1 - busy_slow_ > config_.headroom_back && headroom_predicted() > config_.headroom_back &&
         late_score_ <= config_.late_windows / 2 && pool_rate_ < config_.pool_back;
}

void AdmissionGate::close(Refusal why, TimePoint now) {
  if (!is_ramping_) overloaded_since_ = now;  // else the same overload goes on
  is_closed_ = true;
  is_ramping_ = false;
  closed_by_ = why;
  unwell_at_ = now;
  const double doubled_four_times = 16 * config_.ramp_first;  // at least: it may not have been the calls
  ramp_knee_ = std::max(admitted_per_second_ / 2, doubled_four_times);
  ++closings_;
}

void AdmissionGate::open(TimePoint now) {
  is_closed_ = false;
  is_ramping_ = true;
  ramp_rate_ = config_.ramp_first;
  ramp_tokens_ = 1;
  ramp_filled_at_ = ramp_grown_at_ = ramp_wanted_at_ = now;
}

// As TCP comes back to a path that lost a packet (RFC 5681 §3.1): double up to half of what was too much, then slowly.
void AdmissionGate::climb(TimePoint now) {
  if (now - ramp_wanted_at_ >= config_.ramp_quiet) {
    is_ramping_ = false;
    return;
  }
  if (now - ramp_grown_at_ < 1s) return;
  ramp_grown_at_ = now;
  const bool is_steep = ramp_rate_ < ramp_knee_;
  ramp_rate_ = is_steep ? std::min(2 * ramp_rate_, ramp_knee_) : config_.ramp_growth * ramp_rate_;
}

// A bucket of 100 ms of calls, one at least.
bool AdmissionGate::ramp_gives(TimePoint now) {
  const double full = std::max(1.0, ramp_rate_ / 10);
  ramp_tokens_ = std::min(full, ramp_tokens_ + ramp_rate_ * seconds(now - ramp_filled_at_));
  ramp_filled_at_ = now;
  if (ramp_tokens_ < 1) {
    ramp_wanted_at_ = now;
    return false;
  }
  ramp_tokens_ -= 1;
  return true;
}

bool AdmissionGate::refuse(Refusal why) {
  refusal_ = why;
  ++refused_;
  return false;
}

bool AdmissionGate::takes_call(TimePoint now) {
  if (is_closed_) return refuse(closed_by_);
  if (config_.legs_promised != 0 && legs_ + admitted_ >= config_.legs_promised) return refuse(Refusal::kPromise);
  if (headroom_predicted() - leg_cost_ < config_.headroom_min) {
    close(Refusal::kHeadroom, now);
    return refuse(Refusal::kHeadroom);
  }
  if (is_ramping_ && !ramp_gives(now)) return refuse(Refusal::kRamp);
  ++admitted_;
  ++admitted_in_window_;
  return true;
}

std::chrono::seconds AdmissionGate::retry_after(TimePoint now, Random& random) const {
  const bool lasts = is_closed_ || is_ramping_;
  const Duration lasted = lasts ? now - overloaded_since_ : Duration{0};
  const double middle = seconds(std::clamp(lasted, config_.retry_after_min, config_.retry_after_max));
  const double spread = middle * (0.5 + random.unit());
  return std::chrono::seconds(std::max<std::int64_t>(1, std::llround(spread)));
}

}  // namespace carillon::call
