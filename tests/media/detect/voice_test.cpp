#include "media/detect/voice.h"

#include <gtest/gtest.h>

#include "tests/media/sound.h"

namespace carillon::media {
namespace {

using test::Sound;

// A vowel: harmonics of 130 Hz under two formants.
Sound vowel(double seconds, double level) {
  Sound sum = test::silence(seconds);
  for (int harmonic = 1; harmonic <= 20; ++harmonic) {
    const double hz = 130.0 * harmonic;
    const double gain = 1 / (1 + std::pow((hz - 600) / 250, 2)) + 0.5 / (1 + std::pow((hz - 1300) / 250, 2)) + 0.02;
    const Sound part = test::sine(hz, seconds, level - 3 + 20 * std::log10(gain), hz * 1.08);
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] = test::clipped(sum[i] + part[i]);
  }
  return sum;
}

VoiceMeter heard(const Sound& sound) {
  SpectrumMeter spectrum;
  ToneDetector tones;
  VoiceMeter voice;
  test::each_frame(sound, [&](FrameView frame) {
    const Spectrum now = spectrum.feed(frame);
    tones.feed(now);
    voice.feed(now, tones.track());
  });
  return voice;
}

TEST(VoiceMeter, CountsVoiceAndSilenceInFrames) {
  const auto voice = heard(test::silence(0.5) + vowel(0.6, -20) + test::silence(0.8));
  EXPECT_NEAR(voice.voiced(), 30, 3);
  EXPECT_NEAR(voice.span(), 30, 3);
  EXPECT_NEAR(voice.quiet(), 40, 3);
  EXPECT_EQ(voice.segments(), 1u);
}

TEST(VoiceMeter, PausesPartUtterancesAndShortOnesDoNot) {
  const Sound word = vowel(0.3, -20);
  EXPECT_EQ(heard(word + test::silence(0.4) + word + test::silence(0.4) + word).segments(), 3u);
  EXPECT_EQ(heard(word + test::silence(0.08) + word).segments(), 1u);
}

TEST(VoiceMeter, FollowsTheNoiseFloor) {
  Random random(4);
  for (const double level : {-60.0, -50.0, -40.0}) {
    const auto voice = heard(test::with_noise(test::silence(3), level, random));
    EXPECT_NEAR(voice.floor_dbm0(), level, 4);
    EXPECT_FALSE(voice.has_spoken());
  }
}

TEST(VoiceMeter, HearsVoiceOverNoise) {
  Random random(5);
  const Sound call = test::silence(0.5) + vowel(0.6, -25) + test::silence(0.6);
  const auto voice = heard(test::with_noise(call, -45, random));
  EXPECT_NEAR(voice.voiced(), 30, 4);
  EXPECT_FALSE(voice.is_speaking());
}

TEST(VoiceMeter, ToneIsNeitherSpeechNorSilence) {
  const auto voice = heard(test::silence(0.3) + test::sine(440, 2, -15));
  EXPECT_EQ(voice.voiced(), 0u);
  EXPECT_EQ(voice.segments(), 0u);
  const auto after = heard(vowel(0.5, -20) + test::silence(0.4) + test::sine(1000, 0.5, -15));
  EXPECT_NEAR(after.voiced(), 25, 3);
  EXPECT_NEAR(after.quiet(), 20, 5);
}

}  // namespace
}  // namespace carillon::media
