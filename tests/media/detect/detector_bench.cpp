// Cost per channel and frame of the detector beside the least that any detector must do: read the samples and sum
// their squares. Frames of many channels take turns, so that state comes from the cache level it would live in.

#include "media/detect/detector.h"

#include <benchmark/benchmark.h>

#include <vector>

#include "tests/media/sound.h"

namespace carillon::media {
namespace {

constexpr std::size_t kChannels = 500;

// Speech-like: bursts of a rough harmonic sound with pauses, noise below.
test::Sound babble() {
  Random random(9);
  test::Sound sound;
  for (int i = 0; i < 40; ++i) {
    test::Sound syllable = test::sine(120 + 10.0 * (i % 5), 0.2, -24, 140);
    const test::Sound other = test::sine(500 + 90.0 * (i % 7), 0.2, -22, 800);
    for (std::size_t k = 0; k < syllable.size(); ++k) syllable[k] = test::clipped(syllable[k] + other[k]);
    sound = std::move(sound) + syllable + test::silence(0.05 + 0.05 * (i % 3));
  }
  return test::with_noise(std::move(sound), -50, random);
}

void count(benchmark::State& state) {
  state.counters["per_channel_frame"] =
      benchmark::Counter(kChannels, benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

void energy_loop(benchmark::State& state) {
  const auto sound = babble();
  const std::size_t frames = sound.size() / kFrameSamples;
  std::vector<double> floors(kChannels, 1e9);
  std::size_t frame = 0;
  for (auto _ : state) {
    for (std::size_t channel = 0; channel < kChannels; ++channel) {
      const std::int16_t* samples = sound.data() + (frame + channel) % frames * kFrameSamples;
      std::int64_t squares = 0;
      for (int i = 0; i < kFrameSamples; ++i) squares += samples[i] * samples[i];
      floors[channel] = std::min(floors[channel], static_cast<double>(squares));
    }
    ++frame;
    benchmark::DoNotOptimize(floors.data());
  }
  count(state);
}
BENCHMARK(energy_loop)->Unit(benchmark::kMicrosecond)->Repetitions(5)->ReportAggregatesOnly();

void spectrum_alone(benchmark::State& state) {
  const auto sound = babble();
  const std::size_t frames = sound.size() / kFrameSamples;
  std::vector<SpectrumMeter> meters(kChannels);
  std::size_t frame = 0;
  for (auto _ : state) {
    for (std::size_t channel = 0; channel < kChannels; ++channel)
      benchmark::DoNotOptimize(
          meters[channel].feed(FrameView(sound.data() + (frame + channel) % frames * kFrameSamples, kFrameSamples)));
    ++frame;
  }
  count(state);
}
BENCHMARK(spectrum_alone)->Unit(benchmark::kMicrosecond)->Repetitions(5)->ReportAggregatesOnly();

void detector(benchmark::State& state) {
  const auto sound = babble();
  const std::size_t frames = sound.size() / kFrameSamples;
  // never done: the greeting phase with beep detection goes on for ever
  const DetectConfig config{.decide_by = 1000h, .wait_for_beep = true, .beep_wait_max = 1000h};
  std::vector<Detector> detectors(kChannels, Detector(config));
  std::size_t frame = 0;
  for (auto _ : state) {
    for (std::size_t channel = 0; channel < kChannels; ++channel) {
      detectors[channel].feed(FrameView(sound.data() + (frame + channel) % frames * kFrameSamples, kFrameSamples));
      if (detectors[channel].done()) detectors[channel] = Detector(config);
    }
    ++frame;
  }
  count(state);
}
BENCHMARK(detector)->Unit(benchmark::kMicrosecond)->Repetitions(5)->ReportAggregatesOnly();

}  // namespace
}  // namespace carillon::media

BENCHMARK_MAIN();
