#include "media/tone/spectrum.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <complex>
#include <cstring>
#include <numbers>
#include <vector>

#include "media/tone/analysis.h"
#include "tests/media/sound.h"
#include "tests/media/targets.h"

namespace carillon::media {
namespace {

// The definition, in double precision: what `analyse` must come to within float's rounding.
struct Definition {
  std::array<double, 128> power{};
  double band = 0;
  int first = 0, second = 0;

  explicit Definition(std::span<const std::int16_t> samples) {
    std::array<std::complex<double>, 256> turn;
    std::array<double, 256> windowed;
    for (std::size_t i = 0; i < 256; ++i) {
      const double angle = 2 * std::numbers::pi * static_cast<double>(i) / 256;
      turn[i] = {std::cos(angle), -std::sin(angle)};
      windowed[i] = samples[i] * (0.5 - 0.5 * std::cos(angle));
    }
    for (std::size_t k = 0; k < 128; ++k) {
      double re = 0, im = 0;
      for (std::size_t i = 0; i < 256; ++i) {
        re += windowed[i] * turn[k * i % 256].real();
        im += windowed[i] * turn[k * i % 256].imag();
      }
      power[k] = re * re + im * im;
    }
    for (int k = kBandFirst; k <= kBandLast; ++k) {
      band += of(k);
      if (first == 0 || of(k) > of(first)) first = k;
    }
    for (int k = kBandFirst; k <= kBandLast; ++k)
      if (std::abs(k - first) >= 4 && (second == 0 || of(k) > of(second))) second = k;
  }
  double of(int bin) const { return power[static_cast<std::size_t>(bin)]; }
  double power_at(int bin) const { return of(bin - 2) + of(bin - 1) + of(bin) + of(bin + 1) + of(bin + 2); }
  double hz_at(int bin) const {
    double moment = 0;
    for (int k = bin - 2; k <= bin + 2; ++k) moment += k * of(k);
    return moment / power_at(bin) * kBinHz;
  }
};

struct Window {
  std::array<std::int16_t, 256> samples;

  BeforeView before() const { return std::span(samples).first<kSamplesBefore>(); }
  FrameView frame() const { return std::span(samples).last<kFrameSamples>(); }
};

// Windows of noise of several levels, of tones on and between bins, of a digit, of the loudest there can be.
std::vector<Window> windows() {
  Random random(7);
  test::Sound all;
  for (const double level : {-75.0, -40.0, -10.0}) all = all + test::with_noise(test::silence(0.32), level, random);
  for (const double hz : {250.0, 440.0, 1015.6, 3390.0}) all = all + test::sine(hz, 0.128, -13);
  all = all + test::with_noise(test::tone(digit_spec('5', 300), 0.32, -13), -50, random);
  all = all + test::Sound(512, -32768);
  for (int i = 0; i < 512; ++i) all.push_back(i % 2 == 0 ? 32767 : -32768);
  for (int i = 0; i < 512; ++i) all.push_back(i % 16 < 8 ? 32767 : -32768);
  std::vector<Window> windows;
  for (std::size_t at = 0; at + 256 <= all.size(); at += 128) {
    windows.emplace_back();
    std::copy_n(all.begin() + static_cast<std::ptrdiff_t>(at), 256, windows.back().samples.begin());
  }
  return windows;
}

// Bounds: a float transform of 256 points errs by some 1e-7 of the whole energy in each bin.
TEST(Analysis, EqualsTheDefinitionOnEveryInstructionSet) {
  const auto all = windows();
  ASSERT_GT(all.size(), 90u);
  std::vector<Definition> wanted;
  for (const auto& window : all) wanted.emplace_back(window.samples);
  test::on_each_target([&] {
    for (std::size_t i = 0; i < all.size(); ++i) {
      const Definition& right = wanted[i];
      double energy = 1;
      for (const double power : right.power) energy += power;
      std::array<float, 128> power;
      power_of_256(all[i].before(), all[i].frame(), power);
      for (int k = 0; k < 128; ++k)
        ASSERT_NEAR(power[static_cast<std::size_t>(k)], right.of(k),
                    1e-6 * std::sqrt(right.of(k) * energy) + 1e-12 * energy)
            << "bin " << k << " of window " << i;

      const Analysis analysis = analyse(all[i].before(), all[i].frame());
      const double rounding = 1e-10 * energy;  // where there is nothing but rounding, there is nothing to compare
      ASSERT_NEAR(analysis.band, right.band, 1e-6 * right.band + rounding) << i;
      if (right.band < 1e3 * rounding) continue;
      ASSERT_NEAR(analysis.first.power, right.power_at(right.first), 3e-6 * right.band) << i;
      ASSERT_NEAR(analysis.first.hz, right.hz_at(right.first), 0.01) << i;
      if (right.of(right.second) < 1e-6 * right.band) continue;
      ASSERT_NEAR(analysis.second.power, right.power_at(right.second), 3e-6 * right.band) << i;
      ASSERT_NEAR(analysis.second.hz, right.hz_at(right.second), 0.01) << i;
    }
  });
}

TEST(Analysis, EnergyIsExactAtFullScaleToo) {
  const auto all = windows();
  test::on_each_target([&] {
    for (const auto& window : all) {
      Energy right;
      for (const std::int64_t sample : window.frame()) {
        right.sum += static_cast<std::int32_t>(sample);
        right.squares += sample * sample;
      }
      const Energy energy = energy_of(window.frame());
      ASSERT_EQ(energy.sum, right.sum);
      ASSERT_EQ(energy.squares, right.squares);
      const Energy again = analyse(window.before(), window.frame()).energy;
      ASSERT_EQ(again.sum, right.sum);
      ASSERT_EQ(again.squares, right.squares);
    }
  });
}

// A verdict must not depend on the processor it is taken on: not close, the same.
TEST(Analysis, IsTheSameBitsOnEveryInstructionSet) {
  const auto all = windows();
  std::vector<std::array<float, 5>> first;
  test::on_each_target([&] {
    std::vector<std::array<float, 5>> now;
    for (const auto& window : all) {
      const Analysis a = analyse(window.before(), window.frame());
      now.push_back({a.band, a.first.hz, a.first.power, a.second.hz, a.second.power});
    }
    if (first.empty()) first = now;
    for (std::size_t i = 0; i < all.size(); ++i)
      ASSERT_EQ(std::memcmp(now[i].data(), first[i].data(), sizeof now[i]), 0) << "window " << i;
  });
}

Spectrum last_of(const test::Sound& sound) {
  SpectrumMeter meter;
  Spectrum last;
  test::each_frame(sound, [&](FrameView frame) { last = meter.feed(frame); });
  return last;
}

TEST(Spectrum, MeasuresLevelAndPitchOfATone) {
  for (const double hz : {440.0, 613.0, 1100.0, 2100.0, 3000.0})
    for (const double level : {-3.0, -13.0, -30.0}) {
      const Spectrum last = last_of(test::sine(hz, 0.2, level));
      EXPECT_NEAR(last.level_dbm0, level, 0.3) << hz;
      EXPECT_NEAR(last.band_dbm0, level, 0.5) << hz;
      EXPECT_NEAR(last.peak_hz, hz, 2) << level;
      EXPECT_GT(last.peak_share, 0.99) << hz;
    }
}

TEST(Spectrum, SeesBothTonesOfADigit) {
  const Spectrum last = last_of(test::tone(digit_spec('5', 300), 0.2, -13));
  EXPECT_NEAR(std::min(last.peak_hz, last.second_hz), 770, 4);
  EXPECT_NEAR(std::max(last.peak_hz, last.second_hz), 1336, 4);
  EXPECT_GT(last.peak_share + last.second_share, 0.98);
}

TEST(Spectrum, DirectCurrentIsNoSound) {
  const Spectrum last = last_of(test::Sound(1600, 5000));
  EXPECT_LE(last.level_dbm0, -80);
  EXPECT_LE(last.band_dbm0, -60);
}

TEST(Spectrum, NoiseHasNoPeak) {
  Random random(3);
  SpectrumMeter meter;
  int peaked = 0;
  test::each_frame(test::with_noise(test::silence(10), -30, random), [&](FrameView frame) {
    const Spectrum now = meter.feed(frame);
    peaked += now.peak_share + now.second_share > 0.33F;
  });
  EXPECT_LE(peaked, 25) << "of 500 frames";
}

TEST(Spectrum, LevelIsRightToATenthOfADecibel) {
  for (double mean_square = 0.3; mean_square < 1e9; mean_square *= 1.07)
    EXPECT_NEAR(dbm0_of(static_cast<float>(mean_square)),
                10 * std::log10(mean_square / test::kFullScaleMeanSquare) + 3.14, 0.05);
}

}  // namespace
}  // namespace carillon::media
