// What one packet and one frame cost, beside copying the same bytes: the floor of any jitter buffer.
//   packet_parse            one header of 172 bytes
//   jitter_push_pop         one frame in and out, of many streams in turn (working set in the name)
//   stream_receive_pop      the same through Stream, source rule and books included
//   memcpy_160              the floor: 160 bytes from a packet into one of as many buffers

#include <benchmark/benchmark.h>

#include <array>
#include <cstring>
#include <memory>
#include <vector>

#include "engine/rtp/stream.h"

namespace carillon::rtp {
namespace {

const Endpoint kPeer = Endpoint::v4(192, 0, 2, 1, 4000);

struct Wire {
  std::array<std::byte, kHeaderSize + 160> bytes{};
  void set(std::uint32_t count) {
    write_header(std::span(bytes).first<kHeaderSize>(), {.marker = false,
                                                         .payload_type = 0,
                                                         .sequence = static_cast<std::uint16_t>(count),
                                                         .time = {count * 160},
                                                         .ssrc = 1,
                                                         .payload = {}});
  }
};

void packet_parse(benchmark::State& state) {
  Wire wire;
  std::uint32_t count = 0;
  for (auto _ : state) {
    wire.bytes[3] = static_cast<std::byte>(++count);
    benchmark::DoNotOptimize(wire);
    auto packet = parse(wire.bytes);
    benchmark::DoNotOptimize(packet);
  }
}
BENCHMARK(packet_parse);

void memcpy_160(benchmark::State& state) {
  const auto streams = static_cast<std::size_t>(state.range(0));
  struct Buffer {
    std::array<std::byte, sizeof(Stream)> bytes;
  };
  std::vector<Buffer> buffers(streams);
  Wire wire;
  std::size_t at = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(wire);
    std::memcpy(buffers[at].bytes.data() + 512, wire.bytes.data() + kHeaderSize, 160);
    benchmark::DoNotOptimize(buffers[at]);
    if (++at == streams) at = 0;
  }
}
BENCHMARK(memcpy_160)->Arg(1)->Arg(1000)->Arg(10000);

void jitter_push_pop(benchmark::State& state) {
  const auto streams = static_cast<std::size_t>(state.range(0));
  std::vector<JitterBuffer> buffers(streams);
  Wire wire;
  TimePoint now = TimePoint{} + 1s;
  std::uint32_t beat = 0;
  std::size_t at = 0;
  wire.set(beat);
  for (auto _ : state) {
    buffers[at].push(*parse(wire.bytes), Codec::kPcmu, now);
    auto frame = buffers[at].pop(now);
    benchmark::DoNotOptimize(frame);
    if (++at < streams) continue;
    at = 0;
    now += 20ms;
    wire.set(++beat);
  }
}
BENCHMARK(jitter_push_pop)->Arg(1)->Arg(1000)->Arg(10000);

void stream_receive_pop(benchmark::State& state) {
  const auto count = static_cast<std::size_t>(state.range(0));
  Random random(1);
  TimePoint now = TimePoint{} + 1s;
  std::vector<std::unique_ptr<Stream>> streams;
  for (std::size_t i = 0; i < count; ++i) {
    streams.push_back(std::make_unique<Stream>(random));
    StreamConfig config;
    config.remote = kPeer;
    streams.back()->configure(config, now);
  }
  Wire wire;
  std::uint32_t beat = 0;
  std::size_t at = 0;
  wire.set(beat);
  for (auto _ : state) {
    auto outcome = streams[at]->receive(wire.bytes, kPeer, now);
    auto heard = streams[at]->pop(now);
    benchmark::DoNotOptimize(outcome);
    benchmark::DoNotOptimize(heard);
    if (++at < count) continue;
    at = 0;
    now += 20ms;
    wire.set(++beat);
  }
}
BENCHMARK(stream_receive_pop)->Arg(1)->Arg(1000)->Arg(10000);

}  // namespace
}  // namespace carillon::rtp

BENCHMARK_MAIN();
