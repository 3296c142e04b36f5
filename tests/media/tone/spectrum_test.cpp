#include "media/tone/spectrum.h"

#include <gtest/gtest.h>

#include <cmath>
#include <complex>
#include <numbers>

#include "media/tone/transform.h"
#include "tests/media/sound.h"

namespace carillon::media {
namespace {

TEST(Transform, EqualsTheDefinition) {
  Random random(7);
  std::array<float, 256> samples;
  for (auto& sample : samples) sample = static_cast<float>(test::gaussian(random));
  std::array<float, 128> power;
  power_of_256(samples, power);
  for (int k = 0; k < 128; ++k) {
    std::complex<double> sum = 0;
    for (int i = 0; i < 256; ++i)
      sum += static_cast<double>(samples[static_cast<std::size_t>(i)]) *
             std::polar(1.0, -2 * std::numbers::pi * k * i / 256);
    EXPECT_NEAR(power[static_cast<std::size_t>(k)], std::norm(sum), 1e-3 * (1 + std::norm(sum))) << k;
  }
}

TEST(Spectrum, MeasuresLevelAndPitchOfATone) {
  for (const double hz : {440.0, 613.0, 1100.0, 2100.0, 3000.0})
    for (const double level : {-3.0, -13.0, -30.0}) {
      SpectrumMeter meter;
      test::each_frame(test::sine(hz, 0.2, level), [&](FrameView frame) { meter.feed(frame); });
      EXPECT_NEAR(meter.last().level_dbm0, level, 0.3) << hz;
      EXPECT_NEAR(meter.last().band_dbm0, level, 0.5) << hz;
      EXPECT_NEAR(meter.last().peak_hz, hz, 2) << level;
      EXPECT_GT(meter.last().peak_share, 0.99) << hz;
    }
}

TEST(Spectrum, SeesBothTonesOfADigit) {
  SpectrumMeter meter;
  test::each_frame(test::tone(digit_spec('5', 300), 0.2, -13), [&](FrameView frame) { meter.feed(frame); });
  const auto& last = meter.last();
  EXPECT_NEAR(std::min(last.peak_hz, last.second_hz), 770, 4);
  EXPECT_NEAR(std::max(last.peak_hz, last.second_hz), 1336, 4);
  EXPECT_GT(last.peak_share + last.second_share, 0.98);
}

TEST(Spectrum, DirectCurrentIsNoSound) {
  SpectrumMeter meter;
  test::each_frame(test::Sound(1600, 5000), [&](FrameView frame) { meter.feed(frame); });
  EXPECT_LE(meter.last().level_dbm0, -80);
  EXPECT_LE(meter.last().band_dbm0, -60);
}

TEST(Spectrum, NoiseHasNoPeak) {
  Random random(3);
  SpectrumMeter meter;
  int peaked = 0;
  test::each_frame(test::with_noise(test::silence(10), -30, random), [&](FrameView frame) {
    const auto& now = meter.feed(frame);
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
