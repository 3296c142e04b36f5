#include "media/detect/detector.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/media/detect/allocations.h"
#include "tests/media/detect/corpus.h"

namespace carillon::media {
namespace {

using test::Sound;

// "machine?1260" an early verdict at that many ms, "machine!2400" a final one.
std::vector<std::string> verdicts(const Sound& sound, const DetectConfig& config = {}) {
  Detector detector(config);
  std::vector<std::string> told;
  test::each_frame(sound, [&](FrameView frame) {
    detector.feed(frame);
    if (const auto news = detector.news()) {
      told.push_back(std::string(name(news->heard)) + (news->is_final ? '!' : '?') +
                     std::to_string(news->since_answer / 1ms));
      EXPECT_GT(news->confidence, 0);
      EXPECT_LE(news->confidence, 1);
      EXPECT_FALSE(news->why.empty());
    }
  });
  return told;
}
std::string final_of(const Sound& sound, const DetectConfig& config = {}) {
  for (const auto& verdict : verdicts(sound, config))
    if (const auto at = verdict.find('!'); at != std::string::npos) return verdict.substr(0, at);
  return "none";
}

Sound recorded(const char* prompt) {
  Sound sound = test::trimmed(test::read_sound(test::kRecordedVoice / (std::string(prompt) + ".wav")));
  EXPECT_GT(sound.size(), 1000u) << "asterisk-core-sounds-en-wav is not installed";
  return test::scaled_to(sound, -18);
}

TEST(Detector, ShortWordThenSilenceIsAPerson) {
  EXPECT_EQ(final_of(test::silence(0.5) + recorded("hello") + test::silence(5)), "human");
}

TEST(Detector, LongSpeechIsAMachineBeforeItEnds) {
  const auto told = verdicts(test::silence(0.4) + recorded("vm-intro") + test::silence(3));
  ASSERT_EQ(told.size(), 2u) << testing::PrintToString(told);
  EXPECT_THAT(told[0], testing::StartsWith("machine?"));
  EXPECT_THAT(told[1], testing::StartsWith("machine!"));
}

TEST(Detector, VerdictDoesNotDependOnTheLevel) {
  for (const double level : {-38.0, -30.0, -20.0, -10.0}) {
    EXPECT_EQ(final_of(test::silence(0.5) + test::scaled_to(recorded("hello"), level) + test::silence(5)), "human");
    EXPECT_EQ(final_of(test::silence(0.4) + test::scaled_to(recorded("vm-intro"), level)), "machine") << level;
  }
}

TEST(Detector, SilenceIsItsOwnVerdictAndNotAPerson) {
  EXPECT_THAT(verdicts(test::silence(8)), testing::ElementsAre("silence!4000"));
  Random random(1);
  EXPECT_THAT(verdicts(test::with_noise(test::silence(8), -45, random), {.decide_by = 6s}),
              testing::ElementsAre("silence!6000"));
}

TEST(Detector, NoiseThatSetsInIsNobody) {
  Random random(2);
  const Sound noise = test::with_noise(test::silence(4), -40, random);
  EXPECT_EQ(final_of(test::silence(1) + noise), "silence");
}

TEST(Detector, ClicksAreNobody) {
  Sound clicks = test::silence(8);
  for (std::size_t at = 4000; at < clicks.size(); at += 9000) clicks[at] = 20000;
  EXPECT_EQ(final_of(clicks), "silence");
}

TEST(Detector, ClockOfSpeechStartsAtItsOnset) {
  EXPECT_EQ(final_of(test::silence(4) + recorded("hello") + test::silence(3), {.decide_by = 8s}), "human");
  EXPECT_EQ(final_of(test::silence(4) + recorded("vm-intro"), {.decide_by = 8s}), "machine");
}

TEST(Detector, DecidesAtTheLimitWhateverItHeard) {
  for (const auto limit : {1000ms, 2000ms, 3000ms}) {
    const auto told = verdicts(test::silence(0.8) + recorded("vm-intro"), {.decide_by = limit});
    ASSERT_FALSE(told.empty());
    EXPECT_THAT(told.back(), testing::HasSubstr("!"));
  }
  EXPECT_THAT(verdicts(test::silence(3.7) + recorded("hello") + test::silence(2)),
              testing::ElementsAre("not_sure!4000"));
}

TEST(Detector, EveryFrameLostStillEndsInAVerdict) {
  Detector detector;
  for (int i = 0; i < 200; ++i) detector.feed_lost();
  const auto news = detector.news();
  ASSERT_TRUE(news);
  EXPECT_EQ(news->heard, Heard::kSilence);
  EXPECT_TRUE(detector.done());
}

TEST(Detector, TonesAreNeitherPersonNorMachine) {
  const auto tone = [](Tone kind, const char* plan) {
    return final_of(test::silence(0.2) + test::tone(tone_spec(kind, national_plan(plan)), 9, -15), {.decide_by = 6s});
  };
  for (const char* plan : {"US", "EU", "GB", "FR", "JP"}) {
    EXPECT_EQ(tone(Tone::kRingback, plan), "ringback") << plan;
    EXPECT_EQ(tone(Tone::kBusy, plan), "busy") << plan;
    EXPECT_EQ(tone(Tone::kCongestion, plan), "congestion") << plan;
  }
  EXPECT_EQ(tone(Tone::kSit, "US"), "sit");
  EXPECT_EQ(tone(Tone::kCed, "US"), "fax");
  EXPECT_EQ(tone(Tone::kCng, "US"), "fax");
}

TEST(Detector, SteadyToneIsNobodyItKnows) {
  for (const double hz : {425.0, 700.0, 1000.0})
    EXPECT_THAT(verdicts(test::silence(0.5) + test::sine(hz, 8, -15)), testing::ElementsAre("not_sure!4000")) << hz;
}

TEST(Detector, EarlyMediaTellsTonesAndKeepsTheVerdictForAfterAnswer) {
  Detector detector({.early_media = true});
  std::vector<std::string> told;
  const auto feed = [&](const Sound& sound) {
    test::each_frame(sound, [&](FrameView frame) {
      detector.feed(frame);
      if (const auto news = detector.news())
        told.push_back(std::string(name(news->heard)) + (news->is_final ? "!" : "?"));
    });
  };
  feed(test::tone(national_plan("EU").ringback, 11, -15));
  EXPECT_THAT(told, testing::ElementsAre("ringback?"));
  detector.answered();
  feed(test::silence(0.4) + recorded("hello") + test::silence(2));
  EXPECT_EQ(told.back(), "human!");
  EXPECT_TRUE(detector.done());
}

TEST(Detector, BeepEndsTheGreeting) {
  const Sound greeting = test::silence(0.3) + recorded("vm-intro") + test::silence(0.6);
  const Sound call = greeting + test::sine(1000, 0.4, -16) + test::silence(3);
  const auto told = verdicts(call, {.wait_for_beep = true});
  ASSERT_GE(told.size(), 3u);
  const auto onset = static_cast<long>(greeting.size() / 8);
  const std::string early = told[told.size() - 2], last = told.back();
  ASSERT_THAT(early, testing::StartsWith("beep?"));
  ASSERT_THAT(last, testing::StartsWith("beep!"));
  EXPECT_NEAR(std::stol(early.substr(5)), onset + 75, 75);       // while it sounds
  EXPECT_NEAR(std::stol(last.substr(5)), onset + 400 + 50, 50);  // when it has ended
}

TEST(Detector, GreetingWithoutBeepEndsBySilence) {
  const Sound greeting = test::silence(0.3) + recorded("vm-intro");
  const auto told = verdicts(greeting + test::silence(4), {.wait_for_beep = true});
  ASSERT_THAT(told.back(), testing::StartsWith("beep!"));
  EXPECT_NEAR(std::stol(told.back().substr(5)), static_cast<long>(greeting.size() / 8) + 2400, 300);
}

TEST(Detector, WaitingForTheBeepIsBounded) {
  const Sound endless = test::silence(0.3) + recorded("demo-congrats");
  const auto told = verdicts(endless, {.wait_for_beep = true, .beep_wait_max = 5s});
  EXPECT_THAT(told.back(), testing::StartsWith("beep!"));
}

TEST(Detector, WithoutWaitTheMachineVerdictIsTheLast) {
  const auto told = verdicts(recorded("vm-intro") + test::silence(0.5) + test::sine(1000, 0.4, -16) + test::silence(4));
  EXPECT_THAT(told.back(), testing::StartsWith("machine!"));
}

TEST(Detector, BeepAfterAShortGreetingMakesItAMachine) {
  const Sound call = test::silence(0.3) + recorded("hello") + test::silence(0.3) + test::sine(1400, 0.3, -16);
  EXPECT_EQ(final_of(call + test::silence(3)), "machine");
}

TEST(Detector, GreetingLimitOfTheCampaignIsKept) {
  const Sound call = test::silence(0.3) + recorded("vm-isonphone") + test::silence(4);
  EXPECT_EQ(final_of(call, {.greeting_max = 600ms}), "machine");
}

TEST(Detector, NothingIsAllocatedPerFrame) {
  const Sound call =
      test::silence(0.3) + recorded("vm-intro") + test::silence(0.5) + test::sine(1000, 0.4, -16) + test::silence(3);
  Detector detector({.wait_for_beep = true});
  const auto before = allocations_so_far();
  int told = 0;
  test::each_frame(call, [&](FrameView frame) {
    detector.feed(frame);
    told += detector.news().has_value();
  });
  EXPECT_EQ(allocations_so_far(), before);
  EXPECT_GT(before, 0u);
  EXPECT_GE(told, 3);
}

TEST(Detector, FitsTheMemoryItStates) { EXPECT_LE(sizeof(Detector), 3072u); }

// The recorded voice speaks for a quarter of an hour; some of its files are tones themselves.
TEST(ToneDetectorAgainstSpeech, HearsNoToneInSpeech) {
  int files = 0, digits = 0;
  double seconds = 0;
  std::vector<std::string> false_tones;
  for (const auto& entry : test::fs::recursive_directory_iterator(test::kRecordedVoice)) {
    const std::string stem = entry.path().stem().string();
    if (entry.path().extension() != ".wav" || stem.find("beep") != std::string::npos ||
        stem.find("2tone") != std::string::npos)
      continue;
    const Sound sound = test::through(Codec::kPcmu, test::read_sound(entry.path()) + test::silence(1));
    SpectrumMeter meter;
    ToneDetector tones;
    DigitDetector receiver;
    test::each_frame(sound, [&](FrameView frame) {
      tones.feed(meter.feed(frame));
      receiver.feed(frame);
      if (tones.news()) false_tones.push_back(stem);
      digits += receiver.news() != 0;
    });
    ++files;
    seconds += static_cast<double>(sound.size()) / kSampleRate;
  }
  EXPECT_GT(files, 300);
  EXPECT_THAT(false_tones, testing::IsEmpty()) << "in " << seconds << " s";
  EXPECT_LE(digits, 3) << "in " << seconds << " s";
}

}  // namespace
}  // namespace carillon::media
