#include "control/store/migrations.h"

#include <fmt/format.h>

namespace carillon::control {
namespace {

// Documents: the described struct is the body; what is searched for stands beside it.
std::string document_table(const char* name) {
  return fmt::format(
      "create table {0} (id text primary key, project text not null, unique_key text unique, version bigint not null, "
      "created_ms bigint not null, updated_ms bigint not null, body text not null);\n"
      "create index {0}_by_project on {0} (project, id);\n",
      name);
}

const char* const kCalls = R"sql(create table calls (id text primary key, project text not null, engine text not null,
  leg bigint not null, state text not null, from_number text not null, to_number text not null,
  created_ms bigint not null, body text not null);
create index calls_by_project on calls (project, id);
create index calls_by_leg on calls (engine, leg);
create index calls_open on calls (engine) where state <> 'ended';
create table cdrs (sequence bigint primary key, id text not null unique, project text not null, call text not null unique,
  ended_ms bigint not null, body text not null);
create index cdrs_by_project on cdrs (project, sequence);
create table recordings (id text primary key, project text not null, call text not null, engine text not null,
  path text not null, state text not null, created_ms bigint not null, body text not null);
create index recordings_by_project on recordings (project, id);
create index recordings_to_fetch on recordings (engine, state);
create unique index recordings_once on recordings (engine, path);
create table traces (call text primary key, body text not null);
create table events (sequence bigint primary key, id text not null, project text not null, type text not null,
  time_ms bigint not null, data text not null);
create index events_by_project on events (project, sequence);
create table idempotency (idem text primary key, project text not null, body_digest text not null,
  status bigint not null, response text not null, created_ms bigint not null);
create table engines (name text primary key, epoch text not null, sequence bigint not null);
)sql";

const char* const kAttempts = R"sql(create table attempts (number bigint primary key, id text not null unique,
  project text not null, campaign text not null, lead bigint not null, call text not null, state text not null,
  outcome text not null, placed_ms bigint not null, ended_ms bigint not null, body text not null);
create index attempts_by_campaign on attempts (campaign, number);
create index attempts_by_lead on attempts (lead, number);
create index attempts_open on attempts (number) where state <> 'settled';
create table seats (agent text primary key, project text not null, body text not null);
)sql";

}  // namespace

const std::vector<std::string>& plane_migrations() {
  static const std::vector<std::string> steps = {
      document_table("projects") + document_table("tokens") + document_table("trunks") + document_table("endpoints") +
          document_table("prompts") + document_table("numbers"),
      document_table("campaigns") + document_table("agents") + document_table("queues"),
      document_table("webhooks"),
  };
  return steps;
}

const std::vector<std::string>& calls_migrations() {
  static const std::vector<std::string> steps = {kCalls, kAttempts};
  return steps;
}

}  // namespace carillon::control
