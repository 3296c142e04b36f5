#pragma once
// The words that the dialer's units share: ids, a lead as the hopper holds it, how an attempt can end.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "engine/base/time.h"

namespace carillon::dialer {

/// Ids are the owner's row numbers (control's store, or the simulator's counters); 0 names nothing.
template <class Tag>
struct Id {
  std::uint64_t value = 0;
  explicit operator bool() const { return value != 0; }
  friend constexpr auto operator<=>(Id, Id) = default;
};
using CampaignId = Id<struct CampaignTag>;
using LeadId = Id<struct LeadTag>;
using AttemptId = Id<struct AttemptTag>;
using AgentId = Id<struct AgentTag>;

/// A person to reach, as far as deciding needs it.
struct Lead {
  LeadId id;
  std::string number;                         ///< E.164
  std::string time_zone;                      ///< IANA names, a space between; empty: the campaign's
  std::int32_t priority = 0;                  ///< higher first
  std::uint32_t attempts = 0;                 ///< made so far
  std::uint32_t attempts_today = 0;           ///< since local midnight of `attempts_day`
  std::int64_t attempts_day = 0;              ///< local day number of the last attempt
  std::array<std::uint8_t, 16> by_outcome{};  ///< attempts by Outcome, saturating
  WallTime not_before{};                      ///< next attempt at the earliest
  AgentId sticky{};                           ///< a call-back promised by this agent
};

/// How an attempt ended, in business terms.
enum class Outcome : std::uint8_t {
  kConnected,     ///< a person talked to an agent
  kMessageHeard,  ///< a person heard the message to its end
  kMessageCut,    ///< a person hung up within the message
  kMessageLeft,   ///< the message was left on a machine
  kMachine,       ///< a machine, hung up on
  kAbandoned,     ///< a person, no agent in time
  kOptedOut,      ///< a person pressed the opt-out digit
  kNoAnswer,
  kBusy,
  kCongestion,     ///< the network's fault: 5xx, no route now
  kInvalidNumber,  ///< 404, 484, 604, SIT: will never work
  kRejected,       ///< 403, 603: does not want this call
  kFax,
  kSilence,      ///< answered, nothing was said
  kFailed,       ///< our fault: engine restarted, no trunk
  kPersonHungUp  ///< a person, gone before an agent or the message could begin
};
inline constexpr std::size_t kOutcomes = 16;

/// snake_case, as the API writes it.
std::string_view text(Outcome outcome);

/// Was a living person on the line? The denominator of the abandonment rate (16 CFR 310.4(b)(4)).
constexpr bool is_person(Outcome outcome) {
  switch (outcome) {
    case Outcome::kConnected:
    case Outcome::kMessageHeard:
    case Outcome::kMessageCut:
    case Outcome::kAbandoned:
    case Outcome::kOptedOut:
    case Outcome::kPersonHungUp:
      return true;
    default:
      return false;
  }
}

}  // namespace carillon::dialer
