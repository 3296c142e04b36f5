#include "dialer/compliance/gate.h"

#include <algorithm>
#include <array>

namespace carillon::dialer {
namespace {

/// ITU-T E.161.1 and national plans: short codes that reach rescue services somewhere.
constexpr std::array<std::string_view, 24> kEmergency = {"000", "061", "08",  "100", "101", "102", "103", "104",
                                                         "105", "108", "110", "111", "112", "113", "114", "115",
                                                         "117", "118", "119", "120", "122", "911", "995", "999"};

bool is_e164(std::string_view number) {
  if (!number.starts_with('+') || number.size() < 8 || number.size() > 16 || number[1] == '0') return false;
  return number.find_first_not_of("0123456789", 1) == std::string_view::npos;
}

}  // namespace

std::string_view text(Refusal refusal) {
  constexpr std::array<std::string_view, kRefusals> kTexts = {"dialable",       "do_not_call",    "outside_window",
                                                              "attempts_total", "attempts_today", "not_yet",
                                                              "unknown_zone",   "bad_number",     "emergency"};
  return kTexts[static_cast<std::size_t>(refusal)];
}

bool is_emergency(std::string_view number) {
  if (number.starts_with('+')) number.remove_prefix(1);
  return std::ranges::find(kEmergency, number) != kEmergency.end();
}

const Zone* Gate::zone(const Lead& lead) const {
  return zones.find(lead.time_zone.empty() ? time_zone : lead.time_zone);
}

Refusal Gate::check(const Lead& lead, WallTime now) const {
  if (is_emergency(lead.number)) return Refusal::kEmergency;
  if (!is_e164(lead.number)) return Refusal::kBadNumber;
  if (std::ranges::any_of(do_not_call, [&](const DoNotCall* list) { return list->contains(lead.number); }))
    return Refusal::kDoNotCall;
  if (lead.attempts >= limits.total) return Refusal::kAttemptsTotal;
  const Zone* local_zone = zone(lead);
  if (!local_zone) return Refusal::kUnknownZone;
  if (lead.attempts_today >= limits.per_day && lead.attempts_day == local_zone->local(now).day)
    return Refusal::kAttemptsToday;
  if (lead.not_before > now) return Refusal::kNotYet;
  if (!window.is_open(*local_zone, now)) return Refusal::kOutsideWindow;
  return Refusal::kNone;
}

WallTime Gate::again(const Lead& lead, WallTime now) const {
  switch (check(lead, now)) {
    case Refusal::kNone:
      return now;
    case Refusal::kNotYet:
      return window.next_open(*zone(lead), lead.not_before);
    case Refusal::kOutsideWindow:
      return window.next_open(*zone(lead), now);
    case Refusal::kAttemptsToday: {
      const Zone& local_zone = *zone(lead);
      return window.next_open(local_zone,
                              std::max(lead.not_before, local_zone.instant(local_zone.local(now).day + 1, 0)));
    }
    default:
      return WallTime::max();
  }
}

}  // namespace carillon::dialer
