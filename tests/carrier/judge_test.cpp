#include "tests/carrier/judge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

namespace carillon::carrier {
namespace {

// Something like speech: syllables of a gliding buzz with pauses, different for every seed.
Samples babble(std::uint64_t seed, int seconds) {
  Random random(seed);
  Samples out;
  double phase = 0;
  while (out.size() < static_cast<std::size_t>(seconds) * 8000) {
    const auto length = 800 + random.below(1600);
    const double from = 90 + 160 * random.unit(), to = 90 + 160 * random.unit();
    const double tilt = 0.3 + 0.5 * random.unit();
    for (std::size_t i = 0; i < length; ++i) {
      const double at = static_cast<double>(i) / static_cast<double>(length);
      phase += 2 * std::numbers::pi * (from + (to - from) * at) / 8000;
      double value = 0;
      for (int k = 1; k < 16; ++k) value += std::pow(tilt, k * 0.5) * std::sin(k * phase + k * k * tilt);
      out.push_back(static_cast<std::int16_t>(3000 * std::sin(std::numbers::pi * at) * value));
    }
    out.resize(out.size() + random.below(1200), 0);
  }
  out.resize(static_cast<std::size_t>(seconds) * 8000);
  return out;
}

Samples silence(int milliseconds) { return Samples(static_cast<std::size_t>(milliseconds) * 8, 0); }
Samples joined(std::initializer_list<Samples> parts) {
  Samples out;
  for (const auto& part : parts) out.insert(out.end(), part.begin(), part.end());
  return out;
}
Samples through_ulaw(Samples samples) {
  for (auto& sample : samples) sample = from_ulaw(to_ulaw(sample));
  return samples;
}
Samples part(const Samples& all, int from_ms, int to_ms) {
  return {all.begin() + from_ms * 8, all.begin() + to_ms * 8};
}

const std::vector<Expectation> kExpected = {{"first", babble(1, 6)}, {"second", babble(2, 5)}};

TEST(Judge, FindsAMessageInFullAndSaysWhenItBegan) {
  const auto heard = through_ulaw(joined({silence(1234), kExpected[0].samples, silence(500)}));
  const auto found = judge(heard, kExpected);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].name, "first");
  EXPECT_TRUE(found[0].is_complete());
  EXPECT_NEAR(static_cast<double>(found[0].began), 1234 * 8, 4);
  EXPECT_GT(found[0].share, 0.99);
}

TEST(Judge, HearsBothOfTwoMessagesInTheirOrder) {
  const auto found = judge(joined({kExpected[1].samples, silence(300), kExpected[0].samples}), kExpected);
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].name, "second");
  EXPECT_EQ(found[1].name, "first");
  EXPECT_TRUE(found[0].is_complete() && found[1].is_complete());
}

TEST(Judge, AMessageCutAtItsEndIsNotComplete) {
  const auto found = judge(joined({silence(700), part(kExpected[0].samples, 0, 4500), silence(3000)}), kExpected);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_FALSE(found[0].is_complete());
  EXPECT_TRUE(found[0].has_first_second);
  EXPECT_FALSE(found[0].has_last_second);
  EXPECT_NEAR(found[0].share, 0.75, 0.1);
}

TEST(Judge, AMessageThatLostItsBeginningIsNotComplete) {
  const auto found = judge(joined({silence(5000), part(kExpected[0].samples, 1500, 6000)}), kExpected);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_FALSE(found[0].has_first_second);
  EXPECT_TRUE(found[0].has_last_second);
  EXPECT_NEAR(static_cast<double>(found[0].began), 3500 * 8, 4);
}

TEST(Judge, AHoleOfASecondIsSeen) {
  auto heard = kExpected[0].samples;
  std::fill(heard.begin() + 20000, heard.begin() + 30000, 0);
  const auto found = judge(heard, kExpected);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_FALSE(found[0].is_complete());
  EXPECT_GE(found[0].gap_max_ms, 1000);
}

TEST(Judge, ABreakThatShiftsTheRestIsNotInItsPlace) {
  const auto& message = kExpected[0].samples;
  const auto heard = joined({part(message, 0, 3000), silence(500), part(message, 3000, 6000)});
  for (const auto& occurrence : judge(heard, kExpected)) EXPECT_FALSE(occurrence.is_complete());
}

TEST(Judge, NoiseSixDecibelsBelowDoesNotHideAMessage) {
  auto heard = joined({silence(800), kExpected[0].samples});
  Random random(3);
  double energy = 0;
  for (const auto sample : kExpected[0].samples) energy += static_cast<double>(sample) * sample;
  const double rms = std::sqrt(energy / static_cast<double>(kExpected[0].samples.size()));
  for (auto& sample : heard)
    sample = static_cast<std::int16_t>(sample + rms / 2 * std::numbers::sqrt3 * (2 * random.unit() - 1));
  const auto found = judge(heard, kExpected);
  ASSERT_FALSE(found.empty());
  EXPECT_EQ(found[0].name, "first");
  EXPECT_GT(found[0].share, 0.8);
}

TEST(Judge, HearsNothingInSilenceNoiseOrOtherSpeech) {
  Random random(9);
  EXPECT_TRUE(judge(silence(8000), kExpected).empty());
  EXPECT_TRUE(judge({}, kExpected).empty());
  EXPECT_TRUE(judge(noise(8s, -20, random), kExpected).empty());
  for (const auto& occurrence : judge(babble(77, 10), kExpected)) EXPECT_LT(occurrence.share, 0.3);
}

TEST(Ringback, CountsOnlyTheSteadyTone) {
  const auto heard = joined({tone(440, 480, 2s, -16), silence(4000), tone(425, 0, 1s, -16), babble(4, 3)});
  const auto time = ringback_time(heard);
  EXPECT_GE(time, 2600ms);
  EXPECT_LE(time, 3400ms);
}

}  // namespace
}  // namespace carillon::carrier
