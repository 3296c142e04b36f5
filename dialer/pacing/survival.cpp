#include "dialer/pacing/survival.h"

#include <algorithm>
#include <cmath>

namespace carillon::dialer {
namespace {

double lognormal_survival(double t, double mean, double cv) {
  if (t <= 0) return 1;
  const double sigma2 = std::log(1 + cv * cv);
  const double mu = std::log(mean) - sigma2 / 2;
  return 0.5 * std::erfc((std::log(t) - mu) / std::sqrt(2 * sigma2));
}

}  // namespace

// ---------------------------------------------------------------- HandleTimes

std::size_t HandleTimes::bin(double seconds) {
  if (seconds < 0) return 0;
  if (seconds < kLinear) return static_cast<std::size_t>(seconds);
  const auto beyond = static_cast<std::size_t>(16 * std::log2(seconds / kLinear));
  return std::min(kLinear + beyond, kBins - 1);
}

double HandleTimes::edge(std::size_t bin) {
  if (bin <= kLinear) return static_cast<double>(bin);
  return kLinear * std::exp2(static_cast<double>(bin - kLinear) / 16);
}

HandleTimes::HandleTimes(Prior prior, double half_life) : keep_(std::exp2(-1 / half_life)) {
  for (std::size_t i = 0; i < kBins; ++i) {
    const double upper = i + 1 < kBins ? lognormal_survival(edge(i + 1), prior.mean_s, prior.cv) : 0;
    weight_[i] = prior.weight * (lognormal_survival(edge(i), prior.mean_s, prior.cv) - upper);
  }
  sum();
}

void HandleTimes::learn(Seconds handled) {
  for (double& weight : weight_) weight *= keep_;
  weight_[bin(handled.count())] += 1;
  sum();
}

void HandleTimes::sum() {
  double total = 0;
  for (const double weight : weight_) total += weight;
  double beyond = 0;
  survival_[kBins] = 0;
  for (std::size_t i = kBins; i > 0; --i) {
    beyond += weight_[i - 1];
    survival_[i - 1] = beyond / total;
  }
}

double HandleTimes::survival(Seconds t) const {
  const std::size_t at = bin(t.count());
  const double lower = edge(at), upper = edge(at + 1);
  const double part = std::clamp((t.count() - lower) / (upper - lower), 0.0, 1.0);
  return survival_[at] + (survival_[at + 1] - survival_[at]) * part;
}

double HandleTimes::done_within(Seconds elapsed, Seconds more) const {
  const double now = survival(elapsed);
  return now <= 1e-9 ? 1.0 : std::clamp(1 - survival(elapsed + more) / now, 0.0, 1.0);
}

double HandleTimes::mean_s() const {
  double mean = 0;
  for (std::size_t i = 0; i < kBins; ++i)
    mean += (survival_[i] - survival_[i + 1]) * (edge(i) + (i + 1 < kBins ? edge(i + 1) : edge(i))) / 2;
  return mean;
}

// ---------------------------------------------------------------- DialOutcomes

std::size_t DialOutcomes::bin(double seconds) {
  return seconds < 0 ? 0 : std::min(static_cast<std::size_t>(seconds / kWidth), kBins - 1);
}

DialOutcomes::DialOutcomes(double prior_weight, double half_life) : keep_(std::exp2(-1 / half_life)) {
  constexpr std::size_t kPriorBins = 40;  // live answers anywhere in the first 20 s
  for (std::size_t i = 0; i < kPriorBins; ++i) live_[i] = prior_weight / kPriorBins;
  sum();
}

void DialOutcomes::learn(Seconds age, bool is_live) {
  for (std::size_t i = 0; i < kBins; ++i) {
    live_[i] *= keep_;
    other_[i] *= keep_;
  }
  (is_live ? live_ : other_)[bin(age.count())] += 1;
  observations_ += 1;
  sum();
}

void DialOutcomes::sum() {
  live_after_[kBins] = progress_after_[kBins] = 0;
  for (std::size_t i = kBins; i > 0; --i) {
    live_after_[i - 1] = live_after_[i] + live_[i - 1];
    progress_after_[i - 1] = progress_after_[i] + live_[i - 1] + other_[i - 1];
  }
}

double DialOutcomes::live_within(Seconds age, Seconds more) const {
  const auto interpolate = [](const std::array<double, kBins + 1>& after, double t) {
    const double place = std::clamp(t / kWidth, 0.0, static_cast<double>(kBins));
    const auto at = std::min(static_cast<std::size_t>(place), kBins - 1);
    return after[at] + (after[at + 1] - after[at]) * (place - static_cast<double>(at));
  };
  const double in_progress = interpolate(progress_after_, age.count());
  if (in_progress <= 1e-9) return 0;
  const double live = interpolate(live_after_, age.count()) - interpolate(live_after_, (age + more).count());
  return std::clamp(live / in_progress, 0.0, 1.0);
}

double DialOutcomes::live_rate() const { return progress_after_[0] > 0 ? live_after_[0] / progress_after_[0] : 0; }

Seconds DialOutcomes::live_quantile(double q) const {
  const double wanted = (1 - q) * live_after_[0];
  for (std::size_t i = 1; i <= kBins; ++i)
    if (live_after_[i] <= wanted) return Seconds(static_cast<double>(i) * kWidth);
  return Seconds(kBins * kWidth);
}

}  // namespace carillon::dialer
