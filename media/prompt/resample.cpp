#include "media/prompt/resample.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

#include "engine/base/check.h"
#include "engine/base/units.h"

namespace carillon::media {
namespace {

constexpr double kCutoffHz = 3620;      // middle of the transition from 3.2 to 4 kHz
constexpr double kHalfSeconds = 0.003;  // filter reaches so far to each side
constexpr double kKaiserBeta = 6.0;     // about 63 dB

double bessel_i0(double x) {
  double sum = 1, term = 1;
  for (int k = 1; term > sum * 1e-12; ++k) {
    term *= x / (2 * k) * (x / (2 * k));
    sum += term;
  }
  return sum;
}

double kaiser(double seconds) {
  const double at = seconds / kHalfSeconds;
  return at * at >= 1 ? 0 : bessel_i0(kKaiserBeta * std::sqrt(1 - at * at)) / bessel_i0(kKaiserBeta);
}

// One phase: weights of the inputs around an output that lies `offset` input samples behind the middle one.
std::vector<float> phase(double offset, std::uint32_t rate, int half) {
  std::vector<float> weights(static_cast<std::size_t>(2 * half + 1));
  double sum = 0;
  for (int i = -half; i <= half; ++i) {
    const double seconds = (i - offset) / rate;
    const double turn = 2 * std::numbers::pi * kCutoffHz * seconds;
    const double sinc = std::abs(turn) < 1e-9 ? 1 : std::sin(turn) / turn;
    const double weight = sinc * kaiser(seconds);
    weights[static_cast<std::size_t>(i + half)] = static_cast<float>(weight);
    sum += weight;
  }
  for (float& weight : weights) weight = static_cast<float>(weight / sum);  // every phase passes DC alike
  return weights;
}

std::int16_t clipped(float sample) {
  return static_cast<std::int16_t>(std::lrint(std::clamp(sample, -32768.0F, 32767.0F)));
}

}  // namespace

std::vector<std::int16_t> to_8khz(std::span<const float> samples, std::uint32_t rate) {
  CHECK(rate >= 8000 && rate <= 48000);
  std::vector<std::int16_t> out(samples.size() * kSampleRate / rate);
  if (rate == kSampleRate) {
    std::transform(samples.begin(), samples.end(), out.begin(), clipped);
    return out;
  }
  const std::uint32_t common = std::gcd(rate, std::uint32_t{kSampleRate});
  const std::size_t up = kSampleRate / common, down = rate / common;  // output k lies at input k * down / up
  const int half = static_cast<int>(std::ceil(kHalfSeconds * rate));
  std::vector<std::vector<float>> phases(std::min(up, out.size()));
  for (std::size_t k = 0; k < out.size(); ++k) {
    auto& weights = phases[k % up];
    if (weights.empty()) weights = phase(static_cast<double>(k * down % up) / static_cast<double>(up), rate, half);
    const auto middle = static_cast<std::ptrdiff_t>(k * down / up);
    const std::ptrdiff_t from = std::max<std::ptrdiff_t>(middle - half, 0);
    const std::ptrdiff_t to = std::min(middle + half, static_cast<std::ptrdiff_t>(samples.size()) - 1);
    const float* weight = weights.data() + (from - (middle - half));
    float sum = 0;
    for (std::ptrdiff_t i = from; i <= to; ++i) sum += samples[static_cast<std::size_t>(i)] * *weight++;
    out[k] = clipped(sum);
  }
  return out;
}

}  // namespace carillon::media
