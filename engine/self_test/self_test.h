#pragma once
// carillon-engine --self-test: measures this box and says what it may promise. In: the configuration. Out: figures with
// the reason of each, and a promise per back end (engine/promise.h). Own threads, no shard, no SIP port: it may run
// beside an engine, though both are then slower.

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/time.h"
#include "engine/config.h"
#include "engine/promise.h"

namespace carillon::self_test {

struct Options {
  Duration clock_time = 2s;     ///< of each of the two loops
  Duration wire_time = 1200ms;  ///< of each way of packets
  std::size_t disk_bytes = 64 << 20;
  std::uint32_t legs_max = 8000;  ///< measured with a shard's share of calls_max, 500 to so many
  std::string version;
  std::function<void(std::string_view)> progress = [](std::string_view) {};
};

struct Figure {
  std::string name;
  double value = 0;
  std::string unit, reason;
};

/// A Promise and what it came from.
struct Backed {
  Promise promise;
  double us_per_channel_second = 0;
  std::string reason;
};

struct Report {
  std::string date, version, cpu;
  std::vector<Figure> figures;
  std::vector<Backed> promises;
  std::vector<std::string> warnings;  ///< what this box lacks, or what could not be measured

  /// Lines for people.
  std::string text() const;
  /// The file that read_promise() reads.
  std::string json() const;
};

/// Takes about 8 s with the defaults, 20 s at most on a box that is otherwise idle. `data_dir` must be there.
Report measure(const EngineConfig& config, const Options& options);

/// Writes `text` so that a reader finds the old file or the new one. Empty, or why not.
std::string write_file(const std::string& path, std::string_view text);

}  // namespace carillon::self_test
