#pragma once
// The tables of leads.db and how their rows read; shared by the files that work on them.

#include "control/store/leads.h"

namespace carillon::control {

const std::vector<std::string>& leads_migrations();

/// Columns of a StoredLead, to be selected `from leads join lists on lists.number = leads.list`.
inline constexpr const char* kLeadColumns =
    "leads.num, leads.id, leads.list, lists.id, leads.phone, leads.name, leads.external_id, leads.priority, "
    "leads.time_zone, leads.extra, leads.state, leads.attempts, leads.attempts_today, leads.attempts_day, "
    "leads.by_outcome, leads.not_before_ms, leads.sticky, leads.last_outcome, leads.done_reason, leads.disposition, "
    "leads.created_ms, leads.updated_ms, lists.time_zone";
StoredLead lead_of(const Row& row);

/// Attempts by outcome as two hexadecimal digits each; empty when there were none.
std::string outcomes_text(const std::array<std::uint8_t, 16>& by_outcome);

inline Value state_value(LeadState state) { return static_cast<std::int64_t>(state); }
inline std::int64_t ms_of(WallTime time) { return time.time_since_epoch().count(); }
inline std::int64_t row_of(dialer::LeadId id) { return static_cast<std::int64_t>(id.value); }

}  // namespace carillon::control
