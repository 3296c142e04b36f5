// What writing 2,000 recordings costs, as a share of one core, beside bare buffered pwrite of the same blocks into as
// many files in the same run. Sound of 32 kB/s each; CPU time by getrusage, kernel and its workers included.
// "close" is header, truncate, SHA-256 over the whole file and rename, which the bare loop has nothing of; with "sync"
// also the flush of file and folder. Its wall time is how fast recordings are closed one behind the other.

#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "engine/base/check.h"
#include "engine/record/disk.h"

namespace carillon::record {
namespace {

constexpr std::uint32_t kRecordings = 2000;
constexpr std::uint32_t kBlocksEach = 5;  // after the first
constexpr double kBytesPerSecond = 32'000;

double cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// CPU time as a share of the time that this much sound lasts on so many channels.
double share(double cpu) { return cpu / (kBlocksEach * static_cast<double>(kBlockBytes) / kBytesPerSecond); }

std::string new_folder() {
  std::string pattern = (std::filesystem::current_path() / "disk-bench-XXXXXX").string();
  CHECK(::mkdtemp(pattern.data()));
  return pattern;
}

void disk(benchmark::State& state, bool uring, bool sync) {
  double opened = 0, written = 0, closed = 0, waited = 0;
  std::string name;
  for (auto _ : state) {
    const std::string folder = new_folder();
    auto disk = Disk::start({.folder = folder,
                             .map_path = {},
                             .blocks_per_shard = 2 * kRecordings,
                             .recordings_per_shard = kRecordings,
                             .uring = uring,
                             .sync = sync},
                            {});
    CHECK(disk);
    name = (*disk)->name();
    auto& channel = (*disk)->channel(0);
    std::vector<Handle> handles;
    const auto write_one_each = [&] {
      for (const Handle handle : handles) {
        Block next;
        while (!(next = channel.acquire(handle))) std::this_thread::sleep_for(1ms);
        channel.submit(handle, next, kBlockBytes);
      }
    };
    const auto wait_for_blocks = [&](std::uint64_t count) {
      while ((*disk)->stats().blocks_written < count) std::this_thread::sleep_for(5ms);
    };
    const double start = cpu_seconds();
    for (std::uint32_t i = 0; i < kRecordings; ++i) handles.push_back(channel.open(LegId{i + 1}, wall_now()));
    write_one_each();
    wait_for_blocks(kRecordings);
    const double ready = cpu_seconds();
    for (std::uint32_t block = 0; block < kBlocksEach; ++block) write_one_each();
    wait_for_blocks(kRecordings * (kBlocksEach + 1));
    const double full = cpu_seconds();
    const auto closing = std::chrono::steady_clock::now();
    for (const Handle handle : handles) channel.close(handle);
    while ((*disk)->stats().recordings_closed < kRecordings) std::this_thread::sleep_for(5ms);
    closed += cpu_seconds() - full;
    waited += std::chrono::duration<double>(std::chrono::steady_clock::now() - closing).count();
    written += full - ready;
    opened += ready - start;
    state.SetIterationTime(full - ready);
    disk->reset();
    std::filesystem::remove_all(folder);
  }
  state.SetLabel(name);
  const auto rounds = static_cast<double>(state.iterations());
  state.counters["write_core_share"] = share(written / rounds);
  state.counters["open_us"] = 1e6 * opened / rounds / kRecordings;
  state.counters["close_us"] = 1e6 * closed / rounds / kRecordings;
  state.counters["close_wall_us"] = 1e6 * waited / rounds / kRecordings;
}

void bare_pwrite(benchmark::State& state) {
  const std::vector<std::byte> block(kBlockBytes, std::byte{1});
  double opened = 0, written = 0;
  for (auto _ : state) {
    const std::string folder = new_folder();
    std::vector<int> descriptors;
    const auto write_one_each = [&](std::uint32_t at) {
      for (const int descriptor : descriptors)
        CHECK(::pwrite(descriptor, block.data(), block.size(), at * kBlockBytes) == kBlockBytes);
    };
    const double start = cpu_seconds();
    for (std::uint32_t i = 0; i < kRecordings; ++i) {
      descriptors.push_back(::open((folder + "/" + std::to_string(i)).c_str(), O_RDWR | O_CREAT, 0600));
      CHECK(descriptors.back() >= 0);
    }
    write_one_each(0);
    const double ready = cpu_seconds();
    for (std::uint32_t at = 1; at <= kBlocksEach; ++at) write_one_each(at);
    const double full = cpu_seconds();
    written += full - ready;
    opened += ready - start;
    state.SetIterationTime(full - ready);
    for (const int descriptor : descriptors) ::close(descriptor);
    std::filesystem::remove_all(folder);
  }
  const auto rounds = static_cast<double>(state.iterations());
  state.counters["write_core_share"] = share(written / rounds);
  state.counters["open_us"] = 1e6 * opened / rounds / kRecordings;
}

void settings(benchmark::internal::Benchmark* benchmark) {
  benchmark->UseManualTime()->Unit(benchmark::kMillisecond)->Iterations(1)->Repetitions(3)->ReportAggregatesOnly();
}

BENCHMARK(bare_pwrite)->Apply(settings);
BENCHMARK_CAPTURE(disk, uring_direct, true, false)->Apply(settings);
BENCHMARK_CAPTURE(disk, uring_direct_sync, true, true)->Apply(settings);
BENCHMARK_CAPTURE(disk, pwrite, false, false)->Apply(settings);

}  // namespace
}  // namespace carillon::record

BENCHMARK_MAIN();
