// Cost per channel and frame of the detector, one by one and in batches, beside the least that any detector must do
// with the same encoded frames in the same run: decode them and sum their squares. Frames of many channels take turns,
// so that state comes from the cache level it would live in: 2,000 detectors are more than most processors have of L2,
// 20,000 come from L3. They are visited in an order that no prefetcher of the processor foresees, as legs of a pool
// are.

#include <benchmark/benchmark.h>
#include <hwy/targets.h>

#include <array>
#include <numeric>
#include <vector>

#include "media/detect/batch.h"
#include "tests/media/sound.h"

namespace carillon::media {
namespace {

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

constexpr std::size_t kBatch = 100;  // detectors that fall due in one slot of 1 ms

// Never done: the greeting phase with beep detection goes on for ever.
constexpr DetectConfig kEndless{.decide_by = 1000h, .wait_for_beep = true, .beep_wait_max = 1000h};

// What each channel hears: the same sound, each from another place.
class Lines {
 public:
  explicit Lines(std::size_t channels) : order_(channels) {
    std::iota(order_.begin(), order_.end(), std::size_t{0});
    Random random(3);
    for (std::size_t i = channels; i > 1; --i)
      std::swap(order_[i - 1], order_[random.below(static_cast<std::uint32_t>(i))]);
    const auto sound = babble();
    codes_.resize(sound.size() / kFrameSamples * kFrameSamples);
    encode(Codec::kPcmu, std::span(sound).first(codes_.size()), codes_);
  }
  std::size_t channels() const { return order_.size(); }
  std::size_t at(std::size_t turn) const { return order_[turn]; }  // the channel whose turn it is
  ByteView frame(std::size_t beat, std::size_t turn) const {
    const std::size_t frames = codes_.size() / kFrameSamples;
    return ByteView(codes_).subspan((beat + 7 * turn) % frames * kFrameSamples, kFrameSamples);
  }

 private:
  std::vector<std::size_t> order_;
  std::vector<std::byte> codes_;
};

template <class Beat>
void each_beat(benchmark::State& state, const Lines& lines, Beat work) {
  std::size_t beat = 0;
  for (auto _ : state) work(beat++);
  state.counters["per_channel_frame"] =
      benchmark::Counter(static_cast<double>(lines.channels()),
                         benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

void decode_and_energy(benchmark::State& state) {
  const Lines lines(static_cast<std::size_t>(state.range(0)));
  std::array<std::int16_t, kFrameSamples> samples;
  std::vector<double> floors(lines.channels(), 1e9);
  each_beat(state, lines, [&](std::size_t beat) {
    for (std::size_t turn = 0; turn < lines.channels(); ++turn) {
      decode(Codec::kPcmu, lines.frame(beat, turn), samples);
      floors[turn] = std::min(floors[turn], static_cast<double>(energy_of(samples).squares));
    }
    benchmark::DoNotOptimize(floors.data());
  });
}

void spectrum_alone(benchmark::State& state) {
  const Lines lines(static_cast<std::size_t>(state.range(0)));
  std::array<std::int16_t, kFrameSamples> samples;
  std::vector<SpectrumMeter> meters(lines.channels());
  each_beat(state, lines, [&](std::size_t beat) {
    for (std::size_t turn = 0; turn < lines.channels(); ++turn) {
      decode(Codec::kPcmu, lines.frame(beat, turn), samples);
      benchmark::DoNotOptimize(meters[lines.at(turn)].feed(samples));
    }
  });
}

void one_by_one(benchmark::State& state) {
  const Lines lines(static_cast<std::size_t>(state.range(0)));
  std::array<std::int16_t, kFrameSamples> samples;
  std::vector<Detector> detectors(lines.channels(), Detector(kEndless));
  each_beat(state, lines, [&](std::size_t beat) {
    for (std::size_t turn = 0; turn < lines.channels(); ++turn) {
      decode(Codec::kPcmu, lines.frame(beat, turn), samples);
      Detector& detector = detectors[lines.at(turn)];
      detector.feed(samples);
      if (detector.done()) detector = Detector(kEndless);
    }
  });
}

void batched(benchmark::State& state) {
  const Lines lines(static_cast<std::size_t>(state.range(0)));
  std::vector<Detector> detectors(lines.channels(), Detector(kEndless));
  std::vector<DetectInput> inputs;
  inputs.reserve(kBatch);
  each_beat(state, lines, [&](std::size_t beat) {
    for (std::size_t first = 0; first < lines.channels(); first += kBatch) {
      inputs.clear();
      for (std::size_t turn = first; turn < first + kBatch; ++turn)
        inputs.push_back({.detector = &detectors[lines.at(turn)], .frame = lines.frame(beat, turn)});
      feed(inputs);
      for (const auto& input : inputs)
        if (input.detector->done()) *input.detector = Detector(kEndless);
    }
  });
}

// The same by a lesser instruction set, where the processor has it.
template <std::int64_t kTarget>
void batched_by(benchmark::State& state) {
  if ((hwy::SupportedTargets() & kTarget) == 0 && kTarget != HWY_SCALAR)
    return state.SkipWithError("not on this processor");
  hwy::GetChosenTarget().Update(kTarget);
  batched(state);
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
}

void settings(benchmark::internal::Benchmark* bench) {
  bench->Unit(benchmark::kMicrosecond)->Arg(2000)->Arg(20000)->Repetitions(5)->ReportAggregatesOnly();
}
BENCHMARK(decode_and_energy)->Apply(settings);
BENCHMARK(spectrum_alone)->Apply(settings);
BENCHMARK(one_by_one)->Apply(settings);
BENCHMARK(batched)->Apply(settings);
BENCHMARK(batched_by<HWY_AVX3>)->Name("batched_avx512")->Apply(settings);
BENCHMARK(batched_by<HWY_AVX2>)->Name("batched_avx2")->Apply(settings);
BENCHMARK(batched_by<HWY_SSE4>)->Name("batched_sse4")->Apply(settings);
BENCHMARK(batched_by<HWY_SCALAR>)->Name("batched_plain")->Apply(settings);

}  // namespace
}  // namespace carillon::media

BENCHMARK_MAIN();
