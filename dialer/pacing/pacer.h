#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string>

#include "dialer/pacing/budget.h"
#include "dialer/pacing/survival.h"
#include "engine/base/time.h"

namespace carillon::dialer {

/// How boldly one campaign dials. Defaults keep the US safe harbour (16 CFR 310.4(b)(4)): 3 % abandoned, 15 s of
/// ringing, agent within 2 s.
struct PacingConfig {
  double abandon_cap = 0.03;                         ///< abandoned / answered by a person, 0..1
  std::chrono::seconds ring_time{20};                ///< ≥ 15 s
  std::chrono::milliseconds connect_time_max{2000};  ///< a person waits this long for an agent
  int calls_per_agent_max = 8;                       ///< lines in flight per logged-in agent
  double target_rate = 0.026;                        ///< what θ is steered to: below the cap, for the day's end

  /// The first fault as "field: reason", or empty.
  std::string fault() const;
};

/// What the pacer sees: counts and ages, nothing of who they are.
struct PacingView {
  int idle = 0;                           ///< agents ready for a call now
  int waiting = 0;                        ///< people on the line without an agent
  std::span<const Seconds> busy_elapsed;  ///< of each busy agent, wrap-up included
  std::span<const Seconds> dial_ages;     ///< of each dial in flight
  const HandleTimes* handle = nullptr;
  const DialOutcomes* dials = nullptr;
  bool budget_has_room = false;  ///< AbandonBudget::has_room
};

/// Why so many: shown in the API as it stands.
struct PacingDecision {
  int calls = 0;
  double theta = 0;          ///< accepted chance that the next dial is abandoned
  double chance_first = 0;   ///< that chance for the first call not placed
  double free_expected = 0;  ///< free agents expected at the middle horizon, before the new calls
  double live_rate = 0;
  std::string_view reason;  ///< which rule ended the count
};

/// Predictive pacing by look-ahead (PACING.md): places calls while the chance that the next one would be abandoned,
/// averaged over the horizons at which it may be answered, stays below θ; θ follows what was really abandoned. Never
/// below progressive: an agent who is free and has no dial in flight gets one.
///
/// Pure: same calls in the same order, same answers. cost: O(horizons × (busy + dials)) per decide
class Pacer {
 public:
  explicit Pacer(PacingConfig config) : config_(config) {}

  PacingDecision decide(const PacingView& view) const;
  /// After each live answer's fate is known.
  void learn(bool was_abandoned);
  const PacingConfig& config() const { return config_; }
  double theta() const { return theta_; }

 private:
  PacingConfig config_;
  double theta_ = 0.03;
};

}  // namespace carillon::dialer
