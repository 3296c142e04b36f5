#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "dialer/compliance/do_not_call.h"
#include "dialer/compliance/window.h"
#include "dialer/compliance/zone.h"
#include "dialer/types.h"

namespace carillon::dialer {

/// How often one person may be tried.
struct AttemptLimits {
  std::uint32_t total = 5;
  std::uint32_t per_day = 3;  ///< local days of the called person; FL, OK and MD allow 3 in 24 h
};

/// Why a lead is not dialed now. The words of "0 dialable because …".
enum class Refusal : std::uint8_t {
  kNone,
  kDoNotCall,
  kOutsideWindow,
  kAttemptsTotal,
  kAttemptsToday,
  kNotYet,       ///< a retry or call-back that is due later
  kUnknownZone,  ///< neither the lead nor the campaign names a zone that is known
  kBadNumber,
  kEmergency
};
inline constexpr std::size_t kRefusals = 9;
std::string_view text(Refusal refusal);

/// The hard gate that every dial passes, last thing before the attempt is made. Pure; reads nothing but its arguments.
struct Gate {
  const Zones& zones;
  std::span<const DoNotCall* const> do_not_call;  ///< project's, campaign's, national
  const CallingWindow& window;
  const AttemptLimits& limits;
  const std::string& time_zone;  ///< for leads that name none; several with a space between: the window is open in all

  Refusal check(const Lead& lead, WallTime now) const;
  /// When a lead refused for its window, day limit or delay may be tried again; max() when never.
  WallTime again(const Lead& lead, WallTime now) const;
  /// The local day that an attempt now counts for: the latest of the lead's zones. Its zones must be known.
  std::int64_t day(const Lead& lead, WallTime now) const;
};

/// Emergency and rescue numbers of the world's plans, also behind a plus: never dialed by a machine.
bool is_emergency(std::string_view number);

}  // namespace carillon::dialer
