#pragma once
// What `carillon top` shows, without terminal or network: answers of GET /v1/engines in, lines out.

#include <boost/json/value.hpp>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace carillon::cli {

/// One shard as the server counted it; counters since the engine's start.
struct ShardCount {
  std::uint32_t shard = 0;
  std::int64_t counted_ms = 0;  ///< UTC
  std::uint32_t legs = 0;
  std::uint64_t packets_in = 0, packets_out = 0, late_frames = 0, calls = 0;  ///< calls: in and out
  std::uint64_t busy_ns = 0, steps = 0, steps_idle = 0;
  std::uint32_t step_longest_us = 0, beat_latest_us = 0;
  double headroom_rate = 1;
  bool refuses = false;
  struct Queue {
    std::string name;
    std::uint32_t used = 0, room = 0;
  };
  std::vector<Queue> queues;
  std::map<std::string, std::uint64_t> drops;
};

/// Per second between two counts.
struct ShardRates {
  double packets_in = 0, packets_out = 0, late_frames = 0, calls = 0;
  double busy_rate = 0;                 ///< share of the core, 0..1
  std::optional<double> ns_per_step;    ///< of the steps that found something to do; nothing: none did
  std::map<std::string, double> drops;  ///< those that grew
};

/// The rates between two counts of one shard; nothing when the later one is not later, or counts anew after a restart.
std::optional<ShardRates> rates_between(const ShardCount& before, const ShardCount& now);

struct EngineNow {
  std::string name, since, back_end, error;
  bool connected = false;
  std::uint64_t memory_bytes = 0;
  struct Shard {
    ShardCount count;
    std::optional<ShardRates> rates;
  };
  std::vector<Shard> shards;
};

/// A line of the screen and how it is to be noticed.
struct Line {
  enum class Mark : std::uint8_t { kPlain, kTitle, kWarning, kAlarm } mark = Mark::kPlain;
  std::string text;
  friend bool operator==(const Line&, const Line&) = default;
};
struct ScreenSize {
  std::size_t columns = 120, rows = 0;  ///< rows 0: as many as are needed
};

/// Keeps the last counts, so that rates are those since the refresh before.
class TopView {
 public:
  /// An answer of GET /v1/engines. A shard that has not counted again since keeps its rates. Fields that are missing
  /// or of another type are taken as zero.
  void take(const boost::json::value& answer);
  /// The last refresh failed; what was known stays on the screen under the reason's first line. Cleared by take().
  void fail(const std::string& reason);

  const std::vector<EngineNow>& engines() const { return engines_; }
  /// Has every shard counted twice?
  bool has_rates() const;
  /// No line is wider or longer than `size`; nothing in them moves the cursor.
  std::vector<Line> lines(ScreenSize size) const;
  /// The same figures for scripts. Rates are null until there are two counts.
  boost::json::value json() const;

 private:
  std::vector<EngineNow> engines_;
  std::string failure_;
};

}  // namespace carillon::cli
