#include "engine/self_test/box.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <vector>

namespace carillon::self_test {
namespace {

constexpr Duration kBeat = 500us;  // the wheel's slots are 1 ms: half of one, as a shard waits
constexpr Duration kDiskMax = 3s;
// as firmware/tuning/needs.py counts
constexpr std::int64_t kMbufBytes = 2368, kDpdkBytes = 64 << 20, kPortBytes = 16 << 20, kBlockBytes = 32 << 10;

timespec as_timespec(TimePoint time) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch());
  return {.tv_sec = seconds.count(), .tv_nsec = (time.time_since_epoch() - seconds).count()};
}

/// Kilobytes, as /proc/meminfo has them, or a plain number; 0 where the line is missing.
std::int64_t meminfo(std::string_view name) {
  std::ifstream in("/proc/meminfo");
  for (std::string line; std::getline(in, line);)
    if (line.starts_with(name) && line[name.size()] == ':') return std::atoll(line.c_str() + name.size() + 1);
  return 0;
}

/// Writes all of `block` in turn until `size` or the time is reached. What was written, or -1.
std::int64_t fill(int file, std::size_t size, const std::vector<std::byte>& block) {
  const TimePoint end = MonoClock::now() + kDiskMax;
  std::int64_t written = 0;
  while (static_cast<std::size_t>(written) < size && MonoClock::now() < end) {
    const ssize_t count = ::write(file, block.data(), block.size());
    if (count < 0) return -1;
    written += count;
  }
  return ::fdatasync(file) == 0 ? written : -1;
}

}  // namespace

Duration thread_time() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

std::int64_t resident() {
  std::ifstream in("/proc/self/statm");
  std::int64_t all = 0, here = 0;
  in >> all >> here;
  return here * ::sysconf(_SC_PAGESIZE);
}

Lateness lateness(bool sleeps, Duration time) {
  std::vector<Duration> late;
  late.reserve(static_cast<std::size_t>(time / kBeat) + 1);
  const Duration spent = thread_time();
  const TimePoint begin = MonoClock::now(), end = begin + time;
  for (TimePoint due = begin + kBeat; due < end; due += kBeat) {
    const timespec until = as_timespec(due);
    if (sleeps) ::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr);
    TimePoint now = MonoClock::now();
    while (now < due) now = MonoClock::now();
    late.push_back(now - due);
    if (now > end) break;  // late by the whole rest
  }
  const Duration took = thread_time() - spent;
  if (late.empty()) return {};
  std::ranges::sort(late);
  const auto at = [&](double rate) {
    return late[static_cast<std::size_t>(rate * static_cast<double>(late.size() - 1))];
  };
  return {at(0.5), at(0.99), at(0.999), late.back(),
          static_cast<double>(took.count()) / static_cast<double>((MonoClock::now() - begin).count())};
}

Memory memory(const EngineConfig& config, double leg_bytes) {
  const bool is_dpdk = config.io.back_end == "dpdk";
  const std::int64_t blocks = config.record.blocks * kBlockBytes, ports = config.engine.shards * kPortBytes;
  Memory memory;
  memory.available = meminfo("MemAvailable") * 1024;
  memory.wanted = static_cast<std::int64_t>(leg_bytes * config.engine.calls_max) + blocks + ports;
  rlimit limit{};
  ::getrlimit(RLIMIT_MEMLOCK, &limit);
  memory.lock_limit = limit.rlim_cur == RLIM_INFINITY ? -1 : static_cast<std::int64_t>(limit.rlim_cur);
  memory.lock_wanted = is_dpdk || config.io.back_end == "mmsg" ? 0 : ports + blocks;
  memory.hugepages_free = meminfo("HugePages_Free") * meminfo("Hugepagesize") * 1024;
  const bool uses_pages = is_dpdk && std::ranges::find(config.dpdk.eal, "--no-huge") == config.dpdk.eal.end();
  memory.hugepages_wanted = uses_pages ? config.dpdk.mbufs * kMbufBytes + kDpdkBytes : 0;
  return memory;
}

Result<double, std::string> disk_rate(const std::string& folder, std::size_t size) {
  const std::string path = folder + "/self-test.tmp";
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0) return fmt::format("{}: {}", path, std::strerror(errno));
  std::vector<std::byte> block(std::min<std::size_t>(size, 1 << 20));
  for (std::size_t i = 0; i < block.size(); ++i) block[i] = static_cast<std::byte>(i * 2'654'435'761u >> 13);
  const TimePoint begin = MonoClock::now();
  const std::int64_t written = fill(file, size, block);
  const int error = errno;
  const double seconds = std::chrono::duration<double>(MonoClock::now() - begin).count();
  ::close(file);
  ::unlink(path.c_str());
  if (written < 0) return fmt::format("{}: {}", path, std::strerror(error));
  return static_cast<double>(written) / seconds;
}

}  // namespace carillon::self_test
