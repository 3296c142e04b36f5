#include "control/store/leads_rows.h"

#include <fmt/format.h>

#include <charconv>

namespace carillon::control {
namespace {

// leads_ready serves take_pending and next_due: within one priority, what is due lies together. leads_by_state serves
// pages and what is in hand. A staged lead is in neither way of the dialer.
const char* const kSchema = R"sql(create table lists (number integer primary key, id text not null unique,
  project text not null, name text not null, region text not null, time_zone text not null, created_ms bigint not null,
  removed bigint not null default 0);
create unique index lists_by_name on lists (project, name) where removed = 0;
create index lists_by_project on lists (project, id);
create table lead_counts (list bigint not null, state bigint not null, leads bigint not null,
  primary key (list, state));
create table leads (num integer primary key, id text not null unique, list bigint not null, phone text not null,
  name text not null, external_id text not null, priority bigint not null, time_zone text not null, extra text not null,
  state bigint not null, attempts bigint not null default 0, attempts_today bigint not null default 0,
  attempts_day bigint not null default 0, by_outcome text not null default '', not_before_ms bigint not null,
  sticky bigint not null default 0, recall_ms bigint not null default 0, last_outcome text not null default '',
  done_reason text not null default '', disposition text not null default '', import bigint not null default 0,
  created_ms bigint not null, updated_ms bigint not null);
create unique index leads_by_phone on leads (list, phone);
create unique index leads_by_external_id on leads (list, external_id) where external_id <> '';
create index leads_by_state on leads (list, state, num);
create index leads_ready on leads (list, priority, not_before_ms, num) where state = 0;
create index leads_in_hand on leads (num) where state = 1;
create table do_not_call (project text not null, number text not null, reason text not null,
  created_ms bigint not null, primary key (project, number));
)sql";

const char* const kImports =
    R"sql(create table imports (number integer primary key, id text not null unique, project text not null, list bigint not null,
  state text not null, created_ms bigint not null, body text not null);
create index imports_by_project on imports (project, id);
create index imports_open on imports (number) where state in ('queued', 'running', 'publishing', 'undoing');
create table staged_updates (import bigint not null, lead bigint not null, phone text not null, name text not null,
  external_id text not null, priority bigint not null, time_zone text not null, extra text not null,
  primary key (import, lead));
)sql";

std::array<std::uint8_t, 16> outcomes_of(const std::string& text) {
  std::array<std::uint8_t, 16> by_outcome{};
  for (std::size_t i = 0; i < by_outcome.size() && 2 * i + 2 <= text.size(); ++i)
    std::from_chars(text.data() + 2 * i, text.data() + 2 * i + 2, by_outcome[i], 16);
  return by_outcome;
}

}  // namespace

const std::vector<std::string>& leads_migrations() {
  static const std::vector<std::string> steps = {kSchema, kImports};
  return steps;
}

std::string outcomes_text(const std::array<std::uint8_t, 16>& by_outcome) {
  std::string text;
  bool any = false;
  for (const std::uint8_t count : by_outcome) {
    any = any || count != 0;
    text += fmt::format("{:02x}", count);
  }
  return any ? text : std::string();
}

StoredLead lead_of(const Row& row) {
  StoredLead stored;
  stored.lead = {.id = {static_cast<std::uint64_t>(number_at(row, 0))},
                 .number = text_at(row, 4),
                 .time_zone = text_at(row, 8),
                 .priority = static_cast<std::int32_t>(number_at(row, 7)),
                 .attempts = static_cast<std::uint32_t>(number_at(row, 11)),
                 .attempts_today = static_cast<std::uint32_t>(number_at(row, 12)),
                 .attempts_day = number_at(row, 13),
                 .by_outcome = outcomes_of(text_at(row, 14)),
                 .not_before = WallTime(std::chrono::milliseconds(number_at(row, 15))),
                 .sticky = {static_cast<std::uint64_t>(number_at(row, 16))}};
  stored.id = text_at(row, 1);
  stored.list_number = number_at(row, 2);
  stored.list = text_at(row, 3);
  stored.name = text_at(row, 5);
  stored.external_id = text_at(row, 6);
  stored.extra = text_at(row, 9);
  stored.state = static_cast<LeadState>(number_at(row, 10));
  stored.last_outcome = text_at(row, 17);
  stored.done_reason = text_at(row, 18);
  stored.disposition = text_at(row, 19);
  stored.created_ms = number_at(row, 20);
  stored.updated_ms = number_at(row, 21);
  stored.list_time_zone = text_at(row, 22);
  return stored;
}

}  // namespace carillon::control
