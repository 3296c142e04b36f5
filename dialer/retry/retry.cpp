#include "dialer/retry/retry.h"

namespace carillon::dialer {

RetryRules::RetryRules() {
  using std::chrono::minutes;
  (*this)[Outcome::kBusy] = {3, minutes(10)};
  (*this)[Outcome::kNoAnswer] = {2, minutes(120)};
  (*this)[Outcome::kCongestion] = {3, minutes(5)};
  (*this)[Outcome::kFailed] = {3, minutes(1)};
  (*this)[Outcome::kSilence] = {1, minutes(240)};
  (*this)[Outcome::kMachine] = {1, minutes(240)};
  (*this)[Outcome::kAbandoned] = {1, minutes(72 * 60)};
  (*this)[Outcome::kPersonHungUp] = {1, minutes(240)};
}

std::optional<WallTime> after(Lead& lead, Outcome outcome, const RetryRules& rules, WallTime now) {
  std::uint8_t& count = lead.by_outcome[static_cast<std::size_t>(outcome)];
  if (count < 0xFF) ++count;
  const RetryRule& rule = rules[outcome];
  if (count > rule.times) return std::nullopt;
  lead.not_before = now + rule.delay;
  return lead.not_before;
}

void count_attempt(Lead& lead, std::int64_t local_day) {
  ++lead.attempts;
  if (lead.attempts_day != local_day) lead.attempts_today = 0;
  lead.attempts_day = local_day;
  ++lead.attempts_today;
}

}  // namespace carillon::dialer
