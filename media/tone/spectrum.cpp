#include "media/tone/spectrum.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace carillon::media {
namespace {

constexpr float kWindowPower = 256 * 0.375F;  // sum of the squared Hann window

Spectrum spectrum_of(const Analysis& analysis) {
  const float mean = static_cast<float>(analysis.energy.sum) / kFrameSamples;
  const float mean_square = static_cast<float>(analysis.energy.squares) / kFrameSamples - mean * mean;
  Spectrum spectrum{.level_dbm0 = dbm0_of(mean_square),
                    .mean_square = std::max(mean_square, 0.25F),
                    .band_dbm0 = dbm0_of(2 * analysis.band / (256 * kWindowPower)),
                    .peak_hz = analysis.first.hz,
                    .second_hz = analysis.second.hz};
  if (analysis.band <= 0) return spectrum;
  // bins between two close peaks belong to both: no share above what is there
  spectrum.peak_share = std::min(1.0F, analysis.first.power / analysis.band);
  spectrum.second_share = std::min(1 - spectrum.peak_share, analysis.second.power / analysis.band);
  return spectrum;
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

Spectrum SpectrumMeter::feed(FrameView frame) {
  const Analysis analysis = analyse(before_, frame);
  std::memcpy(before_.data(), frame.last<kSamplesBefore>().data(), sizeof before_);
  return spectrum_of(analysis);
}

}  // namespace carillon::media
