#include "dialer/compliance/gate.h"

#include <algorithm>
#include <array>
#include <vector>

#include "engine/base/check.h"

namespace carillon::dialer {
namespace {

/// ITU-T E.161.1 and national plans: short codes that reach rescue services somewhere.
constexpr std::array<std::string_view, 24> kEmergency = {"000", "061", "08",  "100", "101", "102", "103", "104",
                                                         "105", "108", "110", "111", "112", "113", "114", "115",
                                                         "117", "118", "119", "120", "122", "911", "995", "999"};

/// Where a lead may be: all of them where its number does not tell. Empty when one is not known.
using Places = std::vector<const Zone*>;
Places places(const Gate& gate, const Lead& lead) {
  std::string_view names = lead.time_zone.empty() ? gate.time_zone : lead.time_zone;
  Places places;
  do {
    const std::string_view name = names.substr(0, names.find(' '));
    const Zone* zone = gate.zones.find(std::string(name));
    if (!zone) return {};
    places.push_back(zone);
    names.remove_prefix(std::min(names.size(), name.size() + 1));
  } while (!names.empty());
  return places;
}

/// The first instant from `at` on when the window is open in all places; max() when there is none.
WallTime next_open(const CallingWindow& window, const Places& places, WallTime at) {
  constexpr int kTriesMax = 400;  // each goes at least to another opening
  for (int tries = 0; tries < kTriesMax; ++tries) {
    const WallTime before = at;
    for (const Zone* zone : places) at = window.next_open(*zone, at);
    if (at == before || at == WallTime::max()) return at;
  }
  return WallTime::max();
}

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

std::int64_t Gate::day(const Lead& lead, WallTime now) const {
  const Places here = places(*this, lead);
  CHECK(!here.empty());
  std::int64_t latest = here.front()->local(now).day;
  for (const Zone* zone : here) latest = std::max(latest, zone->local(now).day);
  return latest;
}

Refusal Gate::check(const Lead& lead, WallTime now) const {
  if (is_emergency(lead.number)) return Refusal::kEmergency;
  if (!is_e164(lead.number)) return Refusal::kBadNumber;
  if (std::ranges::any_of(do_not_call, [&](const DoNotCall* list) { return list->contains(lead.number); }))
    return Refusal::kDoNotCall;
  if (lead.attempts >= limits.total) return Refusal::kAttemptsTotal;
  const Places here = places(*this, lead);
  if (here.empty()) return Refusal::kUnknownZone;
  if (lead.attempts_today >= limits.per_day &&
      std::ranges::any_of(here, [&](const Zone* zone) { return zone->local(now).day <= lead.attempts_day; }))
    return Refusal::kAttemptsToday;
  if (lead.not_before > now) return Refusal::kNotYet;
  if (!std::ranges::all_of(here, [&](const Zone* zone) { return window.is_open(*zone, now); }))
    return Refusal::kOutsideWindow;
  return Refusal::kNone;
}

WallTime Gate::again(const Lead& lead, WallTime now) const {
  switch (check(lead, now)) {
    case Refusal::kNone:
      return now;
    case Refusal::kNotYet:
      return next_open(window, places(*this, lead), lead.not_before);
    case Refusal::kOutsideWindow:
      return next_open(window, places(*this, lead), now);
    case Refusal::kAttemptsToday: {
      const Places here = places(*this, lead);
      WallTime from = lead.not_before;
      for (const Zone* zone : here) from = std::max(from, zone->instant(lead.attempts_day + 1, 0));
      return next_open(window, here, from);
    }
    default:
      return WallTime::max();
  }
}

}  // namespace carillon::dialer
