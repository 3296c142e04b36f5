#include "dialer/pacing/pacer.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace carillon::dialer {
namespace {

constexpr std::array<double, 5> kHorizonQuantiles = {0.1, 0.3, 0.5, 0.7, 0.9};
constexpr double kThetaMin = 0.002, kThetaMax = 0.5;
constexpr double kThetaStep = 0.5;  // η of PACING.md: a day's thousand answers move θ within its first hundred

/// Mean and variance of the agents free at one horizon.
struct Balance {
  double mean = 0, variance = 0;
  double chance_short() const {
    if (variance < 1e-9) return mean < 0.5 ? 1 : 0;
    return 0.5 * std::erfc(-(0.5 - mean) / std::sqrt(2 * variance));
  }
};

Balance balance_at(const PacingView& view, Seconds horizon, Seconds patience) {
  Balance balance{static_cast<double>(view.idle - view.waiting), 0};
  for (const Seconds elapsed : view.busy_elapsed) {
    const double freed = view.handle->done_within(elapsed, horizon + patience);
    balance.mean += freed;
    balance.variance += freed * (1 - freed);
  }
  for (const Seconds age : view.dial_ages) {
    const double answered = view.dials->live_within(age, horizon);
    balance.mean -= answered;
    balance.variance += answered * (1 - answered);
  }
  return balance;
}

}  // namespace

std::string PacingConfig::fault() const {
  if (!(abandon_cap >= 0 && abandon_cap <= 0.05)) return "abandon_cap: 0 to 0.05";
  if (ring_time < std::chrono::seconds(15)) return "ring_time: at least 15 s before an unanswered call is given up";
  if (ring_time > std::chrono::seconds(120)) return "ring_time: at most 120 s";
  if (connect_time_max > std::chrono::milliseconds(2000)) return "connect_time_max: at most 2 s";
  if (connect_time_max < std::chrono::milliseconds(0)) return "connect_time_max: not negative";
  if (calls_per_agent_max < 1 || calls_per_agent_max > 50) return "calls_per_agent_max: 1 to 50";
  if (!(target_rate >= 0 && target_rate <= abandon_cap)) return "target_rate: 0 to abandon_cap";
  return {};
}

PacingDecision Pacer::decide(const PacingView& view) const {
  PacingDecision decision;
  decision.theta = view.budget_has_room ? theta_ : 0;
  decision.live_rate = view.dials->live_rate();
  const int in_flight = static_cast<int>(view.dial_ages.size());
  const int agents = view.idle + static_cast<int>(view.busy_elapsed.size());
  const int lines_max = agents * config_.calls_per_agent_max - in_flight;
  const int progressive = std::max(0, view.idle - view.waiting - in_flight);

  std::array<Balance, kHorizonQuantiles.size()> balances;
  std::array<double, kHorizonQuantiles.size()> live_by;  // a new dial's chance to be live by each horizon
  const Seconds patience = config_.connect_time_max;
  for (std::size_t j = 0; j < balances.size(); ++j) {
    const Seconds horizon = view.dials->live_quantile(kHorizonQuantiles[j]);
    balances[j] = balance_at(view, horizon, patience);
    live_by[j] = view.dials->live_within(Seconds(0), horizon);
  }
  decision.free_expected = balances[balances.size() / 2].mean;

  for (;; ++decision.calls) {
    double chance = 0;
    for (const Balance& balance : balances) chance += balance.chance_short();
    decision.chance_first = chance / static_cast<double>(balances.size());
    if (decision.calls >= lines_max) {
      decision.reason = agents == 0 ? "no agents" : "calls_per_agent_max";
      break;
    }
    const bool keeps_progressive = decision.calls < progressive;
    if (!keeps_progressive && !view.budget_has_room) {
      decision.reason = "abandonment at its cap: one line per free agent";
      break;
    }
    if (!keeps_progressive && decision.chance_first > decision.theta) {
      decision.reason = "next call would risk abandonment";
      break;
    }
    for (std::size_t j = 0; j < balances.size(); ++j) {
      balances[j].mean -= live_by[j];
      balances[j].variance += live_by[j] * (1 - live_by[j]);
    }
  }
  return decision;
}

void Pacer::learn(bool was_abandoned) {
  theta_ *= std::exp(kThetaStep * (config_.target_rate - (was_abandoned ? 1.0 : 0.0)));
  theta_ = std::clamp(theta_, kThetaMin, kThetaMax);
}

}  // namespace carillon::dialer
