// A detector must not notice whether it is fed alone or among others, nor which instruction set the processor has.

#include "media/detect/batch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/media/detect/allocations.h"
#include "tests/media/detect/corpus.h"
#include "tests/media/targets.h"

namespace carillon::media {
namespace {

using test::Sound;

// One channel: what it sends, what of it is lost, and the detector that hears it.
struct Line {
  Codec codec = Codec::kPcmu;
  std::vector<std::byte> codes;
  std::vector<bool> lost;
  DetectConfig config;

  std::size_t frames() const { return codes.size() / kFrameSamples; }
  ByteView frame(std::size_t i) const { return ByteView(codes).subspan(i * kFrameSamples, kFrameSamples); }
  bool is_lost(std::size_t i) const { return lost[i]; }
};

Line line_of(Codec codec, const Sound& sound, double loss, const DetectConfig& config, Random& random) {
  Line line{.codec = codec, .codes = {}, .lost = {}, .config = config};
  line.codes.resize(sound.size() / kFrameSamples * kFrameSamples);
  encode(codec, std::span(sound).first(line.codes.size()), line.codes);
  for (std::size_t i = 0; i < line.frames(); ++i) line.lost.push_back(random.unit() < loss);
  return line;
}

Sound recorded(const char* prompt) {
  const Sound sound = test::trimmed(test::read_sound(test::kRecordedVoice / (std::string(prompt) + ".wav")));
  EXPECT_GT(sound.size(), 1000u) << "asterisk-core-sounds-en-wav is not installed";
  return test::scaled_to(sound, -18);
}

// Everybody who may answer, in both laws, some with loss: 13 lines of different lengths.
std::vector<Line> lines() {
  Random random(11);
  const DetectConfig wait{.wait_for_beep = true};
  const Sound pause = test::silence(0.4), beep = test::sine(1000, 0.4, -16);
  const Sound machine = pause + recorded("vm-intro") + test::silence(0.6) + beep + test::silence(3);
  const auto& plan = national_plan("US");
  std::vector<Line> lines;
  for (const Codec codec : {Codec::kPcmu, Codec::kPcma}) {
    lines.push_back(line_of(codec, pause + recorded("hello") + test::silence(5), 0, {}, random));
    lines.push_back(line_of(codec, machine, 0, wait, random));
    lines.push_back(line_of(codec, test::with_noise(machine, -45, random), 0.05, wait, random));
    lines.push_back(line_of(codec, test::tone(plan.busy, 5, -15), 0.02, {}, random));
    lines.push_back(line_of(codec, test::tone(plan.ringback, 11, -15), 0, {.early_media = true}, random));
    lines.push_back(line_of(codec, test::with_noise(test::silence(5), -50, random), 0.3, {}, random));
  }
  lines.push_back(line_of(Codec::kPcma, test::silence(5), 1, {}, random));  // every frame lost
  return lines;
}

std::string text_of(std::size_t frame, const Verdict& verdict) {
  return std::to_string(frame) + ' ' + name(verdict.heard) + (verdict.is_final ? "! " : "? ") +
         std::to_string(verdict.confidence) + ' ' + std::to_string(verdict.since_answer / 1ms) + ' ' +
         std::to_string(verdict.since_speech_end / 1ms) + ' ' + std::string(verdict.why.view());
}

using Told = std::vector<std::vector<std::string>>;  // per line

Told one_by_one(const std::vector<Line>& lines) {
  Told told(lines.size());
  for (std::size_t l = 0; l < lines.size(); ++l) {
    Detector detector(lines[l].config);
    for (std::size_t i = 0; i < lines[l].frames(); ++i) {
      std::array<std::int16_t, kFrameSamples> samples;
      decode(lines[l].codec, lines[l].frame(i), samples);
      if (lines[l].is_lost(i))
        detector.feed_lost();
      else
        detector.feed(samples);
      if (const auto news = detector.news()) told[l].push_back(text_of(i, *news));
    }
  }
  return told;
}

Told in_batches_of(std::size_t most, const std::vector<Line>& lines) {
  Told told(lines.size());
  std::vector<Detector> detectors;
  std::size_t frames = 0;
  for (const Line& line : lines) {
    detectors.emplace_back(line.config);
    frames = std::max(frames, line.frames());
  }
  for (std::size_t i = 0; i < frames; ++i) {
    std::vector<DetectInput> inputs;
    for (std::size_t l = 0; l < lines.size(); ++l) {
      if (i >= lines[l].frames()) continue;
      const bool is_lost = lines[l].is_lost(i);
      inputs.push_back({.detector = &detectors[l],
                        .codec = lines[l].codec,
                        .frame = is_lost ? ByteView() : lines[l].frame(i),
                        .is_lost = is_lost});
    }
    for (std::size_t at = 0; at < inputs.size(); at += most)
      feed(std::span(inputs).subspan(at, std::min(most, inputs.size() - at)));
    for (std::size_t l = 0; l < lines.size(); ++l)
      if (const auto news = detectors[l].news()) told[l].push_back(text_of(i, *news));
  }
  return told;
}

TEST(DetectBatch, VerdictsAreThoseOfEachAloneWhateverItsSize) {
  const auto all = lines();
  const Told alone = one_by_one(all);
  for (const auto& told : alone) EXPECT_THAT(told, testing::Not(testing::IsEmpty()));
  for (const std::size_t most : {1u, 2u, 3u, 7u, 13u, 64u}) EXPECT_EQ(in_batches_of(most, all), alone) << most;
}

TEST(DetectBatch, VerdictsAreTheSameOnEveryInstructionSet) {
  const auto all = lines();
  const Told best = one_by_one(all);
  test::on_each_target([&] { EXPECT_EQ(in_batches_of(5, all), best); });
}

TEST(DetectBatch, PassesOverOneThatIsDoneAndFeedsOneNamedTwiceInOrder) {
  Random random(1);
  const Line line = line_of(Codec::kPcmu, recorded("vm-intro"), 0, {.decide_by = 100ms}, random);
  Detector twice(line.config), alone(line.config), done(line.config);
  for (int i = 0; i < 5; ++i) done.feed_lost();
  ASSERT_TRUE(done.done());
  ASSERT_TRUE(done.news());
  for (std::size_t i = 0; i + 1 < 6; i += 2) {
    feed(std::vector<DetectInput>{{.detector = &twice, .frame = line.frame(i)},
                                  {.detector = &done, .frame = line.frame(i)},
                                  {.detector = &twice, .frame = line.frame(i + 1)}});
    feed(std::vector<DetectInput>{{.detector = &alone, .frame = line.frame(i)}});
    feed(std::vector<DetectInput>{{.detector = &alone, .frame = line.frame(i + 1)}});
  }
  feed({});
  const auto left = twice.news(), right = alone.news();
  ASSERT_TRUE(left && right);
  EXPECT_EQ(text_of(0, *left), text_of(0, *right));
  EXPECT_EQ(left->since_answer, 100ms);
  EXPECT_FALSE(done.news());
}

// What a sender that pauses is heard as: no sound at all, as `decode` makes of it.
TEST(DetectBatch, PauseOfTheSenderIsSilence) {
  std::array<std::byte, kFrameSamples> pause;
  pause.fill(silence(Codec::kPcmu));
  Detector fed, batched;
  for (int i = 0; i < 200; ++i) {
    fed.feed(std::array<std::int16_t, kFrameSamples>{});
    feed(std::array{DetectInput{.detector = &batched, .frame = pause}});
  }
  const auto left = fed.news(), right = batched.news();
  ASSERT_TRUE(left && right);
  EXPECT_EQ(right->heard, Heard::kSilence);
  EXPECT_EQ(text_of(0, *left), text_of(0, *right));
}

TEST(DetectBatch, NothingIsAllocatedPerFrame) {
  const auto all = lines();
  std::vector<Detector> detectors;
  for (const Line& line : all) detectors.emplace_back(line.config);
  std::array<DetectInput, 13> inputs;
  ASSERT_EQ(all.size(), inputs.size());
  int told = 0;
  const auto before = allocations_so_far();
  for (std::size_t i = 0; i < 200; ++i) {
    for (std::size_t l = 0; l < all.size(); ++l)
      inputs[l] = {&detectors[l], all[l].codec, all[l].frame(i), all[l].is_lost(i)};
    feed(inputs);
    for (Detector& detector : detectors) told += detector.news().has_value();
  }
  EXPECT_EQ(allocations_so_far(), before);
  EXPECT_GE(told, 10);
}

}  // namespace
}  // namespace carillon::media
