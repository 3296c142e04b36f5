#pragma once
// Sounds for the tests of this room: level, noise and codec damage from a seed.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <span>
#include <vector>

#include "engine/base/random.h"
#include "media/codec/g711.h"
#include "media/frame.h"
#include "media/tone/generator.h"

namespace carillon::media::test {

/// Samples at 8 kHz; `+` plays one after the other.
struct Sound : std::vector<std::int16_t> {
  using vector::vector;
};

inline constexpr double kFullScaleMeanSquare = 32767.0 * 32767.0 / 2;  // a sine of +3.14 dBm0

inline double level_dbm0(std::span<const std::int16_t> sound) {
  double sum = 0;
  for (const std::int16_t sample : sound) sum += 1.0 * sample * sample;
  return 10 * std::log10(sum / static_cast<double>(sound.size()) / kFullScaleMeanSquare + 1e-12) + 3.14;
}

inline std::int16_t clipped(double sample) {
  return static_cast<std::int16_t>(std::lrint(std::clamp(sample, -32768.0, 32767.0)));
}

inline Sound silence(double seconds) { return Sound(static_cast<std::size_t>(seconds * kSampleRate)); }

inline Sound operator+(Sound a, const Sound& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

/// `seconds` of a spec, each frequency at `level`.
inline Sound tone(ToneSpec spec, double seconds, double level = -13) {
  spec.level_dbm0 = static_cast<float>(level);
  const auto samples = static_cast<std::size_t>(seconds * kSampleRate);
  Sound sound((samples + kFrameSamples - 1) / kFrameSamples * kFrameSamples);
  ToneGenerator generator(spec);
  for (std::size_t at = 0; at < sound.size(); at += kFrameSamples)
    generator.fill(std::span(sound).subspan(at).first<kFrameSamples>());
  sound.resize(samples);
  return sound;
}

/// One sine (or a sweep from `hz` to `to_hz`).
inline Sound sine(double hz, double seconds, double level, double to_hz = 0) {
  Sound sound(static_cast<std::size_t>(seconds * kSampleRate));
  const double amplitude = 32767 * std::pow(10, (level - 3.14) / 20);
  double turn = 0;
  for (std::size_t i = 0; i < sound.size(); ++i) {
    sound[i] = clipped(amplitude * std::sin(2 * std::numbers::pi * turn));
    const double at = static_cast<double>(i) / static_cast<double>(sound.size());
    turn += (to_hz == 0 ? hz : hz + (to_hz - hz) * at) / kSampleRate;
  }
  return sound;
}

inline double gaussian(Random& random) {
  return std::sqrt(-2 * std::log(1 - random.unit())) * std::cos(2 * std::numbers::pi * random.unit());
}

/// White noise of that level laid under the sound.
inline Sound with_noise(Sound sound, double noise_dbm0, Random& random) {
  const double deviation = std::sqrt(kFullScaleMeanSquare * std::pow(10, (noise_dbm0 - 3.14) / 10));
  for (auto& sample : sound) sample = clipped(sample + deviation * gaussian(random));
  return sound;
}

inline Sound scaled_to(Sound sound, double level) {
  const double gain = std::pow(10, (level - level_dbm0(sound)) / 20);
  for (auto& sample : sound) sample = clipped(sample * gain);
  return sound;
}

inline Sound through(Codec codec, Sound sound) {
  std::vector<std::byte> bytes(sound.size());
  encode(codec, sound, bytes);
  decode(codec, bytes, sound);
  return sound;
}

/// Calls `take(FrameView)` for each whole frame.
template <class Take>
void each_frame(const Sound& sound, Take take) {
  for (std::size_t at = 0; at + kFrameSamples <= sound.size(); at += kFrameSamples)
    take(FrameView(sound.data() + at, kFrameSamples));
}

}  // namespace carillon::media::test
