#include "dialer/queue/account.h"

#include <algorithm>

namespace carillon::dialer {
namespace {

std::int64_t quarter_of(WallTime at) {
  return std::chrono::floor<std::chrono::duration<std::int64_t, std::ratio<900>>>(at.time_since_epoch()).count();
}

}  // namespace

std::string_view text(CallerOutcome outcome) {
  constexpr std::array<std::string_view, 4> kTexts = {"answered", "abandoned", "overflowed", "failed"};
  return kTexts[static_cast<std::size_t>(outcome)];
}

CallerOutcome classify(const CallerFacts& facts) {
  if (facts.connected) return CallerOutcome::kAnswered;
  if (facts.overflowed) return CallerOutcome::kOverflowed;
  return facts.engine_fault ? CallerOutcome::kFailed : CallerOutcome::kAbandoned;
}

std::optional<double> QueueAccount::Sum::service_level() const {
  const std::uint64_t counted = answered + overflowed + failed + abandoned - abandoned_in_time;
  if (counted == 0) return std::nullopt;
  return static_cast<double>(answered_in_time) / static_cast<double>(counted);
}

void QueueAccount::count(WallTime ended, CallerOutcome outcome, std::chrono::milliseconds waited) {
  const std::int64_t quarter = quarter_of(ended);
  Bucket& bucket = buckets_[static_cast<std::size_t>(((quarter % kBuckets) + kBuckets) % kBuckets)];
  if (quarter < bucket.quarter) return;  // a day older than what stands there
  if (quarter > bucket.quarter) bucket = {.quarter = quarter, .sum = {}};
  Sum& sum = bucket.sum;
  const bool is_in_time = waited <= in_time_;
  switch (outcome) {
    case CallerOutcome::kAnswered:
      ++sum.answered;
      sum.answered_in_time += is_in_time ? 1 : 0;
      sum.waited += waited;
      break;
    case CallerOutcome::kAbandoned:
      ++sum.abandoned;
      sum.abandoned_in_time += is_in_time ? 1 : 0;
      break;
    case CallerOutcome::kOverflowed:
      ++sum.overflowed;
      break;
    case CallerOutcome::kFailed:
      ++sum.failed;
      break;
  }
  sum.wait_longest = std::max(sum.wait_longest, waited);
}

QueueAccount::Sum QueueAccount::sum(WallTime now) const {
  Sum total;
  const std::int64_t oldest = quarter_of(now) - kBuckets + 1;
  for (const Bucket& bucket : buckets_) {
    if (bucket.quarter < oldest) continue;
    total.answered += bucket.sum.answered;
    total.answered_in_time += bucket.sum.answered_in_time;
    total.abandoned += bucket.sum.abandoned;
    total.abandoned_in_time += bucket.sum.abandoned_in_time;
    total.overflowed += bucket.sum.overflowed;
    total.failed += bucket.sum.failed;
    total.waited += bucket.sum.waited;
    total.wait_longest = std::max(total.wait_longest, bucket.sum.wait_longest);
  }
  return total;
}

}  // namespace carillon::dialer
