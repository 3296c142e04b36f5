#include "media/tone/spectrum.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <numbers>

#include "media/tone/transform.h"

namespace carillon::media {
namespace {

constexpr int kFirstBin = 6, kLastBin = 109;  // 200..3,400 Hz
constexpr float kWindowPower = 256 * 0.375F;  // sum of the squared Hann window

struct Window {
  alignas(16) std::array<float, 256> weight;
  Window() {
    for (std::size_t i = 0; i < weight.size(); ++i)
      weight[i] = static_cast<float>(0.5 - 0.5 * std::cos(2 * std::numbers::pi * static_cast<double>(i) / 256));
  }
};
const Window kWindow;  // written once before main, read only

struct Peak {
  float hz = 0, power = 0;
  int bin = 0;
};

// Power and centre of gravity of the five bins around `bin`.
Peak peak_at(const std::array<float, Spectrum::kBins>& power, int bin) {
  float sum = 0, moment = 0;
  for (int i = bin - 2; i <= bin + 2; ++i) {
    const float p = power[static_cast<std::size_t>(i)];
    sum += p;
    moment += p * static_cast<float>(i);
  }
  return {.hz = sum > 0 ? moment / sum * Spectrum::kBinHz : 0, .power = sum, .bin = bin};
}

}  // namespace

float dbm0_of(float mean_square) {
  // log2 to 0.01: exponent and a polynomial over the mantissa (minimax over 1..2)
  if (mean_square < 0.25F) return -90;
  const auto bits = std::bit_cast<std::uint32_t>(mean_square);
  const auto exponent = static_cast<float>(static_cast<int>(bits >> 23) - 127);
  const float m = std::bit_cast<float>((bits & 0x7FFFFF) | 0x3F800000);
  const float log2 = exponent + ((0.15824F * m - 1.05187F) * m + 3.04788F) * m - 2.15362F;
  return std::max(-90.0F, 3.0103F * log2 - 84.16F);  // 84.16: mean square of a full-scale sine, less 3.14
}

const Spectrum& SpectrumMeter::feed(FrameView frame) {
  std::memmove(history_.data(), history_.data() + kFrameSamples, (256 - kFrameSamples) * sizeof(float));
  std::int32_t sum = 0;
  std::int64_t squares = 0;
  for (std::size_t i = 0; i < frame.size(); ++i) {
    history_[256 - kFrameSamples + i] = frame[i];
    sum += frame[i];
    squares += frame[i] * frame[i];
  }
  const float mean = static_cast<float>(sum) / kFrameSamples;
  spectrum_.level_dbm0 = dbm0_of(static_cast<float>(squares) / kFrameSamples - mean * mean);

  alignas(16) std::array<float, 256> windowed;
  for (std::size_t i = 0; i < windowed.size(); ++i) windowed[i] = history_[i] * kWindow.weight[i];
  power_of_256(windowed, spectrum_.power);
  find_peaks();
  return spectrum_;
}

void SpectrumMeter::find_peaks() {
  const auto& power = spectrum_.power;
  float total = 0;
  int first = kFirstBin;
  for (int bin = kFirstBin; bin <= kLastBin; ++bin) {
    const float p = power[static_cast<std::size_t>(bin)];
    total += p;
    if (p > power[static_cast<std::size_t>(first)]) first = bin;
  }
  spectrum_.band_dbm0 = dbm0_of(2 * total / (256 * kWindowPower));
  if (total <= 0) {
    spectrum_.peak_hz = spectrum_.second_hz = spectrum_.peak_share = spectrum_.second_share = 0;
    return;
  }
  int second = -1;
  float strongest = 0;
  for (int bin = kFirstBin; bin <= kLastBin; ++bin)
    if (power[static_cast<std::size_t>(bin)] > strongest && std::abs(bin - first) >= 4) {
      strongest = power[static_cast<std::size_t>(bin)];
      second = bin;
    }
  const Peak peak = peak_at(power, first);
  const Peak other = second < 0 ? Peak{} : peak_at(power, second);
  // bins between two close peaks belong to both: no share above what is there
  spectrum_.peak_hz = peak.hz;
  spectrum_.second_hz = other.hz;
  spectrum_.peak_share = std::min(1.0F, peak.power / total);
  spectrum_.second_share = std::min(1 - spectrum_.peak_share, other.power / total);
}

}  // namespace carillon::media
