#include "media/tone/generator.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>

#include "tests/media/sound.h"

namespace carillon::media {
namespace {

using test::Sound;

// "###..." one letter per 100 ms: # sound, . pause.
std::string cadence(const Sound& sound) {
  std::string letters;
  for (std::size_t at = 0; at + 800 <= sound.size(); at += 800) {
    const auto part = std::span(sound).subspan(at, 800);
    letters += std::any_of(part.begin(), part.end(), [](int s) { return s != 0; }) ? '#' : '.';
  }
  return letters;
}

TEST(Generator, FollowsTheNationalCadence) {
  EXPECT_EQ(cadence(test::tone(tone_spec(Tone::kBusy, national_plan("EU")), 2)), "#####.....#####.....");
  EXPECT_EQ(cadence(test::tone(tone_spec(Tone::kRingback, national_plan("GB")), 3.4)),
            "####..####....................####");
  EXPECT_EQ(cadence(test::tone(tone_spec(Tone::kRingback, national_plan("US")), 6.2)),
            "####################........................................##");
}

TEST(Generator, EachFrequencyHasTheLevelAskedFor) {
  EXPECT_NEAR(test::level_dbm0(test::sine(1000, 1, -10)), -10, 0.05);
  ToneSpec steady = tone_spec(Tone::kBusy, national_plan("EU"));
  EXPECT_NEAR(test::level_dbm0(test::tone(steady, 0.5, -10)), -10, 0.05);
  EXPECT_NEAR(test::level_dbm0(test::tone(digit_spec('1', 500), 0.5, -13)), -10, 0.1);  // two of them: 3 dB more
}

TEST(Generator, PhaseRunsOnOverFrames) {
  const Sound sound = test::tone(tone_spec(Tone::kCed, national_plan("US")), 1, -10);
  for (std::size_t i = 1700; i + 2 < sound.size(); ++i)  // x[n+1] + x[n-1] = 2 cos(w) x[n] holds for one sine only
    ASSERT_NEAR(sound[i + 1] + sound[i - 1], 2 * std::cos(2 * std::numbers::pi * 2100 / 8000) * sound[i], 2) << i;
}

TEST(Generator, EndsAndSaysSo) {
  ToneGenerator generator(digit_spec('7', 40, 0));
  std::array<std::int16_t, kFrameSamples> frame;
  EXPECT_TRUE(generator.fill(frame));
  EXPECT_TRUE(generator.fill(frame));
  (void)generator.fill(frame);
  EXPECT_FALSE(generator.fill(frame));
  EXPECT_EQ(test::level_dbm0(frame), test::level_dbm0(test::silence(0.02)));
}

TEST(Generator, UnknownCountryIsServedTheAmericanTones) {
  EXPECT_EQ(national_plan("XX").name, "US");
  EXPECT_EQ(national_plan("EU").busy.steps[0].hz[0], 425);
}

TEST(Generator, EveryPlanIsComplete) {
  std::set<std::string_view> names;
  for (const NationalPlan& plan : national_plans()) {
    EXPECT_TRUE(names.insert(plan.name).second) << plan.name;
    for (const ToneSpec* spec : {&plan.ringback, &plan.busy, &plan.congestion}) {
      EXPECT_TRUE(spec->repeats) << plan.name;
      EXPECT_NE(spec->steps[0].hz[0], 0) << plan.name;
      EXPECT_NE(spec->steps[1].ms, 0) << plan.name;
    }
  }
}

TEST(TonePrompt, LoopsWithoutAClick) {
  for (const NationalPlan& plan : national_plans())
    for (const Tone tone : {Tone::kRingback, Tone::kBusy, Tone::kCongestion, Tone::kCng}) {
      const ToneSpec spec = tone_spec(tone, plan);
      const Prompt prompt = tone_prompt(spec);
      ASSERT_GT(prompt.frames(), 0u) << plan.name;
      EXPECT_EQ(prompt.duration(), prompt.frames() * 20ms) << "no padding: it would lengthen a pause";
      Sound twice;
      for (std::size_t i = 0; i < 2 * prompt.frames(); ++i) {
        Sound frame(kFrameSamples);
        decode(Codec::kPcmu, prompt.frame(Codec::kPcmu, i % prompt.frames()), frame);
        twice = std::move(twice) + frame;
      }
      const Sound wanted =
          test::through(Codec::kPcmu, test::tone(spec, static_cast<double>(prompt.frames()) * 0.02, spec.level_dbm0));
      EXPECT_TRUE(std::equal(wanted.begin(), wanted.end(), twice.begin())) << plan.name;
    }
}

TEST(TonePrompt, SteadyToneLoopsAtWholePeriods) {
  ToneSpec dial{.steps = {{{{350, 440}, 1000}}}, .repeats = true};
  const Prompt prompt = tone_prompt(dial);
  EXPECT_EQ(prompt.frames(), 50u);
}

}  // namespace
}  // namespace carillon::media
