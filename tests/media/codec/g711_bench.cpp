// Cost of G.711 per frame of 20 ms, beside the same done by a table of one look-up per sample, in the same run. Frames
// of many channels take turns, so that they come from where a shard's would.

#include "media/codec/g711.h"

#include <benchmark/benchmark.h>

#include <array>
#include <vector>

#include "engine/base/random.h"
#include "engine/base/units.h"
#include "media/codec/g711_laws.h"

namespace carillon::media {
namespace {

constexpr std::size_t kChannels = 2000;

struct Frames {
  std::vector<std::byte> codes = std::vector<std::byte>(kChannels * kFrameSamples);
  std::vector<std::int16_t> samples = std::vector<std::int16_t>(kChannels * kFrameSamples);

  Frames() {
    Random random(1);
    for (auto& code : codes) code = static_cast<std::byte>(random.below(256));
    decode(Codec::kPcmu, codes, samples);
  }
  ByteView frame(std::size_t channel) const { return ByteView(codes).subspan(channel * kFrameSamples, kFrameSamples); }
  std::span<const std::int16_t> sound(std::size_t channel) const {
    return std::span(samples).subspan(channel * kFrameSamples, kFrameSamples);
  }
};

template <class Work>
void per_frame(benchmark::State& state, Work work) {
  const Frames frames;
  for (auto _ : state)
    for (std::size_t channel = 0; channel < kChannels; ++channel) work(frames, channel);
  state.counters["per_frame"] =
      benchmark::Counter(kChannels, benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

template <Codec kCodec>
void decode_frame(benchmark::State& state) {
  std::array<std::int16_t, kFrameSamples> out;
  per_frame(state, [&](const Frames& frames, std::size_t channel) {
    decode(kCodec, frames.frame(channel), out);
    benchmark::DoNotOptimize(out);
  });
}

template <Codec kCodec>
void encode_frame(benchmark::State& state) {
  std::array<std::byte, kFrameSamples> out;
  per_frame(state, [&](const Frames& frames, std::size_t channel) {
    encode(kCodec, frames.sound(channel), out);
    benchmark::DoNotOptimize(out);
  });
}

void transcode_frame(benchmark::State& state) {
  std::array<std::byte, kFrameSamples> out;
  per_frame(state, [&](const Frames& frames, std::size_t channel) {
    transcode(Codec::kPcmu, Codec::kPcma, frames.frame(channel), out);
    benchmark::DoNotOptimize(out);
  });
}

void table_decode(benchmark::State& state) {
  std::array<std::int16_t, 256> table;
  for (int code = 0; code < 256; ++code)
    table[static_cast<std::size_t>(code)] = g711::ulaw_sample(static_cast<std::uint8_t>(code));
  std::array<std::int16_t, kFrameSamples> out;
  per_frame(state, [&](const Frames& frames, std::size_t channel) {
    const ByteView in = frames.frame(channel);
    for (std::size_t i = 0; i < kFrameSamples; ++i) out[i] = table[static_cast<std::uint8_t>(in[i])];
    benchmark::DoNotOptimize(out);
  });
}

BENCHMARK(table_decode)->Unit(benchmark::kMicrosecond)->Repetitions(5)->ReportAggregatesOnly();
BENCHMARK(decode_frame<Codec::kPcmu>)->Unit(benchmark::kMicrosecond)->Repetitions(5)->ReportAggregatesOnly();
BENCHMARK(decode_frame<Codec::kPcma>)->Unit(benchmark::kMicrosecond)->Repetitions(5)->ReportAggregatesOnly();
BENCHMARK(encode_frame<Codec::kPcmu>)->Unit(benchmark::kMicrosecond)->Repetitions(5)->ReportAggregatesOnly();
BENCHMARK(encode_frame<Codec::kPcma>)->Unit(benchmark::kMicrosecond)->Repetitions(5)->ReportAggregatesOnly();
BENCHMARK(transcode_frame)->Unit(benchmark::kMicrosecond)->Repetitions(5)->ReportAggregatesOnly();

}  // namespace
}  // namespace carillon::media

BENCHMARK_MAIN();
