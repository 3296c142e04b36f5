#include "tests/carrier/badge.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "tests/carrier/behaviour.h"

namespace carillon::carrier {
namespace {

constexpr Duration kGapMax = 500ms;
constexpr float kAboveOthers = 8;  // 9 dB
// Mean square of a sine of -34 dBm0: 37.14 dB below a full-scale one.
constexpr float kLevelMin = 32124.0F * 32124.0F / 2 / 5176.0F;
constexpr std::size_t kSeam = 800;  // whole periods of every badge

std::array<float, kBadges> coefficients(int set) {
  std::array<float, kBadges> out{};
  for (int i = 0; i < kBadges; ++i)
    out[static_cast<std::size_t>(i)] =
        static_cast<float>(2 * std::cos(2 * std::numbers::pi * (set + kBadgeStep * i) / 8000.0));
  return out;
}

}  // namespace

int person_badge(std::string_view number) { return badge_of(kPersonBadges, random_for(0, number).next()); }

SoundPtr with_badge(const Sound& voice, Duration pause, int hz) {
  Samples samples(voice.samples, 0);
  std::transform(voice.ulaw.begin(), voice.ulaw.begin() + static_cast<std::ptrdiff_t>(voice.samples), samples.begin(),
                 from_ulaw);
  const auto length = samples.size() + static_cast<std::size_t>(pause / 125us);
  samples.resize((length + kSeam - 1) / kSeam * kSeam, 0);
  const double amplitude = 32124 * std::pow(10, (kBadgeDbm0 - 3.14) / 20);
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const double badge = amplitude * std::sin(2 * std::numbers::pi * hz * static_cast<double>(i % kSeam) / 8000);
    samples[i] = static_cast<std::int16_t>(std::clamp(samples[i] + badge, -32000.0, 32000.0));
  }
  return encode(samples);
}

void BadgeReader::feed(std::span<const float> samples, TimePoint arrival) {
  for (const float sample : samples) {
    if (filled_ == 0) window_began_ = arrival;
    window_[filled_++] = sample;
    if (filled_ < kWindow) continue;
    filled_ = 0;
    settle(arrival);
  }
}

// Goertzel at every badge of the set, side by side.
BadgeReader::Tone BadgeReader::strongest() const {
  const auto k = coefficients(set_);
  std::array<float, kBadges> s1{}, s2{};
  for (const float sample : window_)
    for (std::size_t i = 0; i < kBadges; ++i) {
      const float s = sample + k[i] * s1[i] - s2[i];
      s2[i] = s1[i];
      s1[i] = s;
    }
  float best = 0, second = 0;
  std::size_t at = 0;
  for (std::size_t i = 0; i < kBadges; ++i) {
    const float squared = s1[i] * s1[i] + s2[i] * s2[i] - k[i] * s1[i] * s2[i];
    const float power = 2 * squared / (static_cast<float>(kWindow) * static_cast<float>(kWindow));
    if (power > best) {
      second = best;
      best = power;
      at = i;
    } else {
      second = std::max(second, power);
    }
  }
  if (best < kLevelMin || best < kAboveOthers * second) return {};
  return {badge_of(set_, at), best, window_began_};
}

void BadgeReader::settle(TimePoint until) {
  const Tone tone = strongest();
  const Tone before = std::exchange(last_, tone);
  if (tone.hz == 0) return;
  if (!heard_.empty() && heard_.back().hz == tone.hz && tone.began - heard_.back().until <= kGapMax) {
    heard_.back().until = until;
    return;
  }
  if (tone.hz != before.hz) return;
  const float share = std::min(1.0F, std::sqrt(before.power / tone.power));
  const auto missing = std::chrono::duration_cast<Duration>((1 - share) * std::chrono::duration<float>(0.1F));
  heard_.push_back({tone.hz, before.began + missing, until});
}

}  // namespace carillon::carrier
