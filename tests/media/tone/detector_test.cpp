#include "media/tone/detector.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "tests/media/sound.h"

namespace carillon::media {
namespace {

using test::Sound;

const char* name(ToneKind kind) {
  static constexpr const char* kNames[] = {"ringback", "busy", "congestion", "sit", "cng", "ced"};
  return kNames[static_cast<int>(kind)];
}

// What is heard first, and when in ms: "busy", 1000.
struct First {
  std::string what = "nothing";
  std::int64_t ms = 0;
};
First first_heard(const Sound& sound) {
  SpectrumMeter meter;
  ToneDetector detector;
  First first;
  test::each_frame(sound, [&](FrameView frame) {
    detector.feed(meter.feed(frame));
    const auto news = detector.news();
    if (news && first.what == "nothing") first = {name(news->kind), news->at / 1ms};
  });
  return first;
}

struct Case {
  Tone tone;
  const char* plan;
  const char* wanted;
  std::int64_t ms_max;  // from the start of the tone
};
const Case kCases[] = {
    {Tone::kRingback, "US", "ringback", 2700},
    {Tone::kRingback, "EU", "ringback", 1700},
    {Tone::kRingback, "GB", "ringback", 1100},
    {Tone::kRingback, "FR", "ringback", 2200},
    {Tone::kRingback, "JP", "ringback", 1700},
    {Tone::kRingback, "CN", "ringback", 1700},
    {Tone::kBusy, "US", "busy", 1600},
    {Tone::kBusy, "EU", "busy", 1600},
    {Tone::kBusy, "GB", "busy", 1250},
    {Tone::kBusy, "FR", "busy", 1600},
    {Tone::kCongestion, "US", "congestion", 900},
    {Tone::kCongestion, "EU", "congestion", 900},
    {Tone::kCongestion, "GB", "congestion", 1100},
    {Tone::kSit, "US", "sit", 850},
    {Tone::kCng, "US", "cng", 600},
    {Tone::kCed, "US", "ced", 800},
};

// Levels -35..-3 dBm0 in both laws, with line noise.
TEST(ToneDetector, HearsEveryToneAtEveryLevelInBothLaws) {
  Random random(11);
  for (const Case& wanted : kCases)
    for (const double level : {-35.0, -25.0, -16.0, -10.0, -3.0})
      for (const Codec codec : {Codec::kPcmu, Codec::kPcma}) {
        const auto spec = tone_spec(wanted.tone, national_plan(wanted.plan));
        const double each = level - (spec.steps[0].hz[1] != 0 && level > -6 ? 6 : 0);  // two may not clip
        const Sound sound = test::through(
            codec, test::with_noise(test::silence(0.31) + test::tone(spec, 9, each) + test::silence(1), -60, random));
        const First first = first_heard(sound);
        EXPECT_EQ(first.what, wanted.wanted) << wanted.plan << ' ' << level << ' ' << media::name(codec);
        EXPECT_LE(first.ms, wanted.ms_max + 310) << wanted.plan << ' ' << wanted.wanted << ' ' << level;
      }
}

TEST(ToneDetector, HearsTonesInNoise) {
  Random random(12);
  int heard = 0, all = 0;
  for (const Case& wanted : kCases)
    for (const double snr : {10.0, 15.0, 20.0}) {
      const auto spec = tone_spec(wanted.tone, national_plan(wanted.plan));
      const Sound sound = test::with_noise(test::silence(0.5) + test::tone(spec, 9, -20), -20 - snr, random);
      heard += first_heard(sound).what == wanted.wanted;
      ++all;
    }
  EXPECT_GE(heard, all * 97 / 100) << "of " << all;
}

// A carrier's two oscillators need not be equally loud, nor exactly in tune.
TEST(ToneDetector, ToleratesTwistAndDetuning) {
  for (const double twist : {-6.0, -3.0, 3.0, 6.0})
    for (const double tune : {0.99, 1.0, 1.01}) {
      const auto burst = [&](double seconds) {
        const Sound low = test::sine(480 * tune, seconds, -20), high = test::sine(620 * tune, seconds, -20 + twist);
        Sound sum = low;
        for (std::size_t i = 0; i < sum.size(); ++i) sum[i] = test::clipped(low[i] + high[i]);
        return sum;
      };
      Sound busy = test::silence(0.3);
      for (int i = 0; i < 4; ++i) busy = busy + burst(0.5) + test::silence(0.5);
      EXPECT_EQ(first_heard(busy).what, "busy") << twist << ' ' << tune;
    }
}

TEST(ToneDetector, HearsARingbackThatWasCutIntoInItsMiddle) {
  const Sound whole = test::tone(national_plan("US").ringback, 8, -16);
  for (const std::size_t cut : {400u, 6000u, 12000u}) {
    const Sound rest(whole.begin() + static_cast<std::ptrdiff_t>(cut), whole.end());
    EXPECT_EQ(first_heard(rest).what, "ringback") << cut;
  }
}

TEST(ToneDetector, ModifiedAnswerToneWithPhaseReversalsIsCed) {
  Sound sound;
  for (int i = 0; i < 5; ++i) {
    Sound part = test::sine(2100, 0.45, -13);
    if (i % 2 == 1)
      for (auto& sample : part) sample = static_cast<std::int16_t>(-sample);
    sound = sound + part;
  }
  EXPECT_EQ(first_heard(sound).what, "ced");
}

TEST(ToneDetector, LostFramesDoNotHideATone) {
  SpectrumMeter meter;
  ToneDetector detector;
  std::vector<std::string> heard;
  int count = 0;
  test::each_frame(test::tone(national_plan("EU").busy, 4, -15), [&](FrameView frame) {
    if (++count % 12 == 0)
      detector.feed_lost();
    else
      detector.feed(meter.feed(frame));
    if (const auto news = detector.news()) heard.push_back(name(news->kind));
  });
  EXPECT_THAT(heard, testing::Contains("busy"));
  EXPECT_THAT(heard, testing::Each("busy"));
}

TEST(ToneDetector, OtherCadencesAreNothing) {
  const auto rhythm = [](double hz, double on, double off, int times) {
    Sound sound;
    for (int i = 0; i < times; ++i) sound = sound + test::sine(hz, on, -15) + test::silence(off);
    return sound;
  };
  EXPECT_EQ(first_heard(rhythm(425, 0.1, 0.1, 20)).what, "nothing");
  EXPECT_EQ(first_heard(rhythm(1000, 0.5, 0.5, 6)).what, "nothing");  // right time, wrong pitch
  EXPECT_EQ(first_heard(rhythm(1100, 0.25, 0.5, 6)).what, "nothing");
  EXPECT_EQ(first_heard(test::sine(425, 10, -15)).what, "nothing");                       // dial tone, not ringback
  EXPECT_EQ(first_heard(test::sine(1000, 0.4, -10) + test::silence(3)).what, "nothing");  // a beep
}

TEST(ToneDetector, IsSmall) { EXPECT_LE(sizeof(ToneDetector), 288u); }

std::string digits_in(const Sound& sound) {
  DigitDetector detector;
  std::string digits;
  test::each_frame(sound, [&](FrameView frame) {
    detector.feed(frame);
    while (const char digit = detector.news()) digits += digit;
  });
  return digits;
}

TEST(DigitDetector, HearsEveryDigitAtEveryLevelInBothLaws) {
  const std::string all = "123A456B789C*0#D";
  Random random(5);
  for (const double level : {-30.0, -20.0, -10.0, -6.0})
    for (const Codec codec : {Codec::kPcmu, Codec::kPcma}) {
      Sound sound = test::silence(0.1);
      for (const char digit : all) sound = sound + test::tone(digit_spec(digit, 60, 60), 0.12, level);
      sound = sound + test::silence(0.1);
      EXPECT_EQ(digits_in(test::through(codec, test::with_noise(sound, -60, random))), all) << level;
    }
}

TEST(DigitDetector, ATwiceMovedDetectorKeepsItsState) {
  DigitDetector first, second;
  const Sound sound = test::tone(digit_spec('9', 100, 0), 0.1, -10);
  test::each_frame(sound, [&](FrameView frame) { first.feed(frame); });
  second = std::move(first);
  DigitDetector third(std::move(second));
  EXPECT_EQ(third.news(), '9');
  EXPECT_EQ(third.news(), '\0');
}

}  // namespace
}  // namespace carillon::media
