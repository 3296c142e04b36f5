#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "dialer/types.h"

namespace carillon::dialer {

/// How a caller's time in an inbound queue ended.
enum class CallerOutcome : std::uint8_t {
  kAnswered,    ///< talked to an agent
  kAbandoned,   ///< hung up before an agent came
  kOverflowed,  ///< waited as long as the queue allows, went where its overflow leads
  kFailed       ///< our fault: engine restarted, media lost
};
/// snake_case, as the API writes it.
std::string_view text(CallerOutcome outcome);

struct CallerFacts {
  bool connected = false, overflowed = false, engine_fault = false;
};
/// Total: every combination has an answer. An agent who came after the time was up still came.
CallerOutcome classify(const CallerFacts& facts);

/// What a queue did within the last 24 hours, in quarters of an hour: a rolling sum, so that nothing jumps at midnight.
///
/// memory   96 buckets, whatever the traffic
/// cost     O(1) to count, O(96) to sum
class QueueAccount {
 public:
  struct Sum {
    std::uint64_t answered = 0, answered_in_time = 0, abandoned = 0, abandoned_in_time = 0, overflowed = 0, failed = 0;
    std::chrono::milliseconds waited{0};        ///< of those answered, together
    std::chrono::milliseconds wait_longest{0};  ///< of anybody
    /// Answered in time / all but those who hung up within that time; nothing when there was nobody.
    std::optional<double> service_level() const;
  };

  /// `in_time`: a caller who is answered within this was answered well.
  explicit QueueAccount(std::chrono::seconds in_time) : in_time_(in_time) {}
  /// Also brings back, in any order, what an earlier life counted; older than a day is left out.
  void count(WallTime ended, CallerOutcome outcome, std::chrono::milliseconds waited);
  Sum sum(WallTime now) const;
  std::chrono::seconds in_time() const { return in_time_; }

 private:
  static constexpr std::int64_t kBuckets = 96;
  struct Bucket {
    std::int64_t quarter = -1;  ///< of an hour, since 1970
    Sum sum;
  };
  std::chrono::seconds in_time_;
  std::array<Bucket, kBuckets> buckets_{};
};

}  // namespace carillon::dialer
