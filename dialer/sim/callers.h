#pragma once

#include <cstdint>
#include <string>

#include "dialer/pacing/survival.h"
#include "engine/base/random.h"

namespace carillon::dialer::sim {

/// The modelled world of PACING.md: how dials and conversations go. Durations in seconds.
struct Model {
  double live = 0.25;  ///< share of dials that a person answers
  double machine = 0.25, fail = 0.08;
  double ring_mean = 10, ring_cv = 0.5, ring_cut = 20;  ///< lognormal, cut
  double machine_delay = 2;                             ///< a machine answers this much later than a person would
  double fail_after = 3;
  double handle_mean = 150, handle_cv = 1, talk_share = 0.8;
  double patience = 2;       ///< an answered person waits this long: then the safe-harbour message
  double verdict_delay = 0;  ///< from answer to the detector's word
  double false_machine = 0;  ///< people taken for machines: hung up on, abandoned by law
  bool drift = false;        ///< hourly factors on `live` of PACING.md
  double opt_out = 0;        ///< share of people in a broadcast who press the opt-out digit
  double message = 20;       ///< length of a broadcast's message

  std::string fault() const;
};

/// What will happen to one dial; depends on (seed, number of the dial) only.
struct Fate {
  enum class Kind : std::uint8_t { kLive, kMachine, kFail, kRingOut } kind = Kind::kRingOut;
  Seconds until{0};  ///< from the dial to the answer, the failure or the end of ringing
  Seconds talk{0}, wrap{0};
  bool is_false_machine = false, opts_out = false, hears_out = false;
};
Fate draw(const Model& model, std::uint64_t seed, std::uint64_t dial, double live_factor);

/// The share of dials answered by a person, by hour of the day's run.
double live_factor(const Model& model, double hour);

}  // namespace carillon::dialer::sim
