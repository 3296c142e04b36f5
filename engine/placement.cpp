#include "engine/placement.h"

#include <fmt/format.h>
#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>

namespace carillon {
namespace {

std::string first_line(const std::string& path) {
  std::ifstream in(path);
  std::string line;
  std::getline(in, line);
  return line;
}

/// CPU 0 often has no such file: it cannot go off line.
bool is_online(std::uint32_t core) {
  const std::string folder = fmt::format("/sys/devices/system/cpu/cpu{}", core);
  if (!std::filesystem::exists(folder)) return false;
  return first_line(folder + "/online") != "0";
}

}  // namespace

std::optional<std::uint32_t> core_of(const EngineConfig& config, std::uint32_t index) {
  if (!config.engine.cores.empty()) return config.engine.cores.at(index);
  if (config.engine.pin) return index % std::max(1u, std::thread::hardware_concurrency());
  return std::nullopt;
}

std::string pin_here(std::uint32_t core) {
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  CPU_SET(core, &cpus);
  const int error = ::pthread_setaffinity_np(::pthread_self(), sizeof cpus, &cpus);
  if (error == 0) return {};
  if (!is_online(core))
    return fmt::format("CPU {} is not online ({} are)", core, first_line("/sys/devices/system/cpu/online"));
  return fmt::format("CPU {} is not this process's to use: {} (a cpuset of its control group?)", core,
                     std::strerror(error));
}

std::string placement_fault(const EngineConfig& config) {
  std::string fault;
  std::thread([&] {  // one that is gone afterwards: the caller's own affinity stays
    for (const std::uint32_t core : config.engine.cores)
      if (fault.empty()) fault = pin_here(core);
  })
      .join();
  return fault.empty() ? fault : "engine.cores: " + fault;
}

}  // namespace carillon
