#include "dialer/sim/callers.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

namespace carillon::dialer::sim {
namespace {

double normal(Random& random) {  // Box, Muller 1958
  const double radius = std::sqrt(-2 * std::log(1 - random.unit()));
  return radius * std::cos(2 * std::numbers::pi * random.unit());
}

double lognormal(Random& random, double mean, double cv) {
  const double sigma2 = std::log(1 + cv * cv);
  return std::exp(std::log(mean) - sigma2 / 2 + std::sqrt(sigma2) * normal(random));
}

}  // namespace

std::string Model::fault() const {
  if (live < 0 || machine < 0 || fail < 0 || live + machine + fail > 1)
    return "live, machine, fail: shares that sum to 1 at most";
  if (ring_mean <= 0 || ring_cv <= 0 || ring_cut <= 0) return "ring: above 0";
  if (handle_mean <= 0 || handle_cv <= 0) return "handle: above 0";
  if (patience < 0 || verdict_delay < 0) return "patience, verdict_delay: not negative";
  return {};
}

Fate draw(const Model& model, std::uint64_t seed, std::uint64_t dial, double live_factor) {
  Random random(seed * 0x9E3779B97F4A7C15u + dial);
  const double live = std::min(1.0, model.live * live_factor);
  const double who = random.unit();
  const double ringing = std::min(lognormal(random, model.ring_mean, model.ring_cv), model.ring_cut);
  const double handle = lognormal(random, model.handle_mean, model.handle_cv);
  Fate fate;
  fate.talk = Seconds(handle * model.talk_share);
  fate.wrap = Seconds(handle * (1 - model.talk_share));
  fate.is_false_machine = random.unit() < model.false_machine;
  fate.opts_out = random.unit() < model.opt_out;
  fate.hears_out = random.unit() < 0.7;
  if (who < live) {
    fate.kind = Fate::Kind::kLive;
    fate.until = Seconds(ringing);
  } else if (who >= live && who < live + model.machine) {
    fate.kind = Fate::Kind::kMachine;
    fate.until = Seconds(ringing + model.machine_delay);
  } else if (who >= live + model.machine && who < live + model.machine + model.fail) {
    fate.kind = Fate::Kind::kFail;
    fate.until = Seconds(model.fail_after);
  } else {
    fate.until = Seconds(model.ring_cut);
  }
  return fate;
}

double live_factor(const Model& model, double hour) {
  constexpr std::array<double, 8> kFactors = {1, .7, 1.3, .8, 1.2, .6, 1.4, 1};
  return model.drift ? kFactors[static_cast<std::size_t>(hour) % kFactors.size()] : 1;
}

}  // namespace carillon::dialer::sim
