// Scores the detector on made-up calls and prints what it reached. The figures say something about these voices and
// lines only; the floors below are what must not be lost, not a claim about real calls.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "media/detect/batch.h"
#include "tests/media/detect/corpus.h"

namespace carillon::media {
namespace {

struct Outcome {
  Heard heard = Heard::kNotSure;
  double decided_at = 0;  // seconds from answer
  double beep_early = -1, beep_final = -1;
  FixedText<128> why;
};

Outcome run(const test::Clip& clip, bool wait_for_beep) {
  Detector detector({.decide_by = 4s, .wait_for_beep = wait_for_beep});
  Outcome outcome;
  std::size_t frame = 0;
  bool decided = false;
  test::each_frame(clip.sound, [&](FrameView samples) {
    if (clip.lost[frame++])
      detector.feed_lost();
    else
      detector.feed(samples);
    const auto news = detector.news();
    if (!news) return;
    const double at = static_cast<double>(frame) * 0.02;
    if (news->heard == Heard::kBeep) {
      (news->is_final ? outcome.beep_final : outcome.beep_early) = at;
      if (news->is_final && news->confidence < 0.9) outcome.beep_early = -1;  // silence, not a beep
    } else if (news->is_final) {
      outcome.heard = news->heard;
      outcome.decided_at = at;
      outcome.why = news->why;
      decided = true;
    }
  });
  EXPECT_TRUE(decided) << "a verdict is final by decide_by";
  return outcome;
}

struct Score {
  std::map<std::string, std::map<std::string, int>> table;  // truth → verdict → count
  std::map<std::string, int> all;
  std::vector<double> human_latency;
  int beeps = 0, beeps_found = 0, beeps_early = 0, beeps_in_speech = 0;

  double share(const std::string& truth, const std::string& verdict) {
    return static_cast<double>(table[truth][verdict]) / all[truth];
  }
  double latency(double quantile) {
    if (human_latency.empty()) return 99;
    std::sort(human_latency.begin(), human_latency.end());
    return human_latency[static_cast<std::size_t>(quantile * static_cast<double>(human_latency.size() - 1))];
  }
  void print(const char* title) {
    fmt::print("{}\n", title);
    for (auto& [truth, row] : table) {
      fmt::print("  {:8} of {:4}:", truth, all[truth]);
      for (auto& [verdict, count] : row) fmt::print("  {} {} ({:.1f} %)", verdict, count, 100.0 * count / all[truth]);
      fmt::print("\n");
    }
    fmt::print("  people: verdict after the utterance, median {:.2f} s, p95 {:.2f} s\n", latency(0.5), latency(0.95));
    fmt::print("  beeps: {} of {} found, {} sounding within 150 ms of onset; {} heard inside a greeting\n", beeps_found,
               beeps, beeps_early, beeps_in_speech);
  }
};

Score score(const std::vector<test::Voice>& voices, const std::string& set, std::uint64_t seed) {
  Score score;
  Random random(seed);
  for (const auto& voice : voices) {
    if (voice.set != set) continue;
    for (int variation = 0; variation < 3; ++variation) {
      const auto clip = test::make_clip(voice, random);
      const auto outcome = run(clip, true);
      ++score.table[voice.kind][name(outcome.heard)];
      ++score.all[voice.kind];
      const bool verbose = std::getenv("CARILLON_SHOW_MISTAKES") != nullptr;
      if (voice.kind == "human" && outcome.heard == Heard::kHuman)
        score.human_latency.push_back(outcome.decided_at - clip.speech_ends);
      if (verbose && name(outcome.heard) != voice.kind)
        fmt::print("  {} ({:.2f} s): {} at {:.2f}: {}\n", voice.name, static_cast<double>(voice.sound.size()) / 8000,
                   name(outcome.heard), outcome.decided_at, outcome.why.view());
      if (voice.kind != "machine" || outcome.heard != Heard::kMachine || outcome.decided_at > clip.beep_at) continue;
      ++score.beeps;
      const bool in_speech = outcome.beep_final >= 0 && outcome.beep_final < clip.beep_at;
      score.beeps_in_speech += in_speech;
      score.beeps_found += !in_speech && outcome.beep_early > 0 && outcome.beep_final > 0;
      score.beeps_early += outcome.beep_early > clip.beep_at && outcome.beep_early < clip.beep_at + 0.15;
      if (verbose && (in_speech || outcome.beep_early < 0 || outcome.beep_early > clip.beep_at + 0.15))
        fmt::print("  {}: beep {} at {:.2f}-{:.2f}, heard {:.2f}, {:.2f}\n", voice.name, clip.beep_kind, clip.beep_at,
                   clip.beep_ends, outcome.beep_early, outcome.beep_final);
    }
  }
  return score;
}

const std::vector<test::Voice>& voices() {
  static const auto all = [] {
    auto spoken = test::spoken_voices();
    for (auto& voice : test::recorded_greetings()) spoken.push_back(std::move(voice));
    return spoken;
  }();
  return all;
}

TEST(DetectorCorpus, VoicesAreThere) {
  std::map<std::string, int> count;
  for (const auto& voice : voices()) {
    ++count[voice.set + ' ' + voice.kind];
    EXPECT_GT(voice.sound.size(), 1000u) << voice.name;
  }
  for (const char* kind : {"tune human", "tune machine", "held human", "held machine"})
    EXPECT_GE(count[kind], 25) << kind;
}

TEST(DetectorCorpus, VoicesItWasTunedOn) {
  Score tuned = score(voices(), "tune", 1);
  tuned.print("voices the thresholds were chosen on");
  EXPECT_GE(tuned.share("human", "human"), 0.95);
  EXPECT_LE(tuned.share("human", "machine"), 0.03);
  EXPECT_GE(tuned.share("machine", "machine"), 0.8);
  EXPECT_LE(tuned.latency(0.95), 0.8);
  EXPECT_GE(tuned.beeps_early, tuned.beeps * 93 / 100);
  EXPECT_LE(tuned.beeps_in_speech, tuned.beeps / 50);
}

// One of the unseen sentences of people is longer than any rule of timing can take for a person: "Thank you for calling
// Brown's, how can I help?" is a twelfth of them and is lost.
TEST(DetectorCorpus, VoicesAndWordsItHasNotSeen) {
  Score held = score(voices(), "held", 2);
  held.print("other voices and other words");
  EXPECT_GE(held.share("human", "human"), 0.84);
  EXPECT_GE(held.share("machine", "machine"), 0.9);
  EXPECT_LE(held.share("machine", "human"), 0.08);
  EXPECT_LE(held.latency(0.95), 0.8);
  EXPECT_GE(held.beeps_early, held.beeps * 93 / 100);
  EXPECT_LE(held.beeps_in_speech, held.beeps / 50);
}

// Every clip at once, from the codes that it came in, against each alone: verdict by verdict and figure by figure.
TEST(DetectorCorpus, VerdictsOfAllInOneBatchAreThoseOfEachAlone) {
  Random random(3);
  std::vector<test::Clip> clips;
  for (const auto& voice : voices()) clips.push_back(test::make_clip(voice, random));
  std::vector<std::vector<std::byte>> codes;
  std::vector<Detector> alone(clips.size(), Detector({.wait_for_beep = true})), batched = alone;
  std::size_t frames = 0;
  for (const auto& clip : clips) {
    codes.emplace_back(clip.sound.size());
    encode(clip.codec, clip.sound, codes.back());
    frames = std::max(frames, clip.lost.size());
  }
  int told = 0;
  std::vector<DetectInput> inputs;
  for (std::size_t i = 0; i < frames; ++i) {
    inputs.clear();
    for (std::size_t c = 0; c < clips.size(); ++c) {
      if (i >= clips[c].lost.size()) continue;
      const std::size_t at = i * kFrameSamples;
      inputs.push_back({.detector = &batched[c],
                        .codec = clips[c].codec,
                        .frame = ByteView(codes[c]).subspan(at, kFrameSamples),
                        .is_lost = clips[c].lost[i]});
      if (clips[c].lost[i])
        alone[c].feed_lost();
      else
        alone[c].feed(FrameView(clips[c].sound.data() + at, kFrameSamples));
    }
    feed(inputs);
    for (std::size_t c = 0; c < clips.size(); ++c) {
      const auto left = alone[c].news(), right = batched[c].news();
      ASSERT_EQ(left.has_value(), right.has_value()) << "clip " << c << ", frame " << i;
      if (!left) continue;
      ++told;
      ASSERT_EQ(left->heard, right->heard);
      ASSERT_EQ(left->confidence, right->confidence);
      ASSERT_EQ(left->is_final, right->is_final);
      ASSERT_EQ(left->why.view(), right->why.view());
    }
  }
  EXPECT_GT(told, static_cast<int>(clips.size()));
}

}  // namespace
}  // namespace carillon::media
