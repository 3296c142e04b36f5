#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "dialer/types.h"

namespace carillon::dialer {

/// What to do with a lead after one outcome.
struct RetryRule {
  std::uint32_t times = 0;  ///< attempts more that this outcome may cause; 0: the lead is done
  std::chrono::minutes delay{60};
};

/// Retry rules by outcome. Defaults: people and dead numbers are done; busy soon, no answer later, our own faults at
/// once. An abandoned person is not called again by a machine within 72 h (Ofcom's practice, COMPLIANCE.md).
struct RetryRules {
  std::array<RetryRule, kOutcomes> by_outcome{};

  RetryRules();
  RetryRule& operator[](Outcome outcome) { return by_outcome[static_cast<std::size_t>(outcome)]; }
  const RetryRule& operator[](Outcome outcome) const { return by_outcome[static_cast<std::size_t>(outcome)]; }
};

/// Notes an attempt's end on the lead: counts it and answers when to try again, or nothing when the lead is done.
/// `local_day` is the called person's day of the attempt.
std::optional<WallTime> after(Lead& lead, Outcome outcome, const RetryRules& rules, WallTime now);

/// Counts an attempt at its start, before the INVITE leaves, so that a crash can only over-count.
void count_attempt(Lead& lead, std::int64_t local_day);

}  // namespace carillon::dialer
