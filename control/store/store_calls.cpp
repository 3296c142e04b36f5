// The half of the store that lives in calls.db: what is written goes through the group commit, reads have a
// connection of their own.

#include <fmt/format.h>

#include "control/store/store.h"
#include "control/store/store_attempts.h"

namespace carillon::control {
namespace {

constexpr const char* kCallColumns = "id, project, engine, leg, state, from_number, to_number, created_ms, body";
constexpr const char* kRecordingColumns = "id, project, call, engine, path, state, created_ms, body";

CallRow call_of(const Row& row) {
  return {.id = text_at(row, 0),
          .project = text_at(row, 1),
          .engine = text_at(row, 2),
          .leg = static_cast<std::uint64_t>(number_at(row, 3)),
          .state = text_at(row, 4),
          .from = text_at(row, 5),
          .to = text_at(row, 6),
          .created_ms = number_at(row, 7),
          .body = text_at(row, 8)};
}

RecordingRow recording_of(const Row& row) {
  return {.id = text_at(row, 0),
          .project = text_at(row, 1),
          .call = text_at(row, 2),
          .engine = text_at(row, 3),
          .path = text_at(row, 4),
          .state = text_at(row, 5),
          .created_ms = number_at(row, 6),
          .body = text_at(row, 7)};
}

void put_call(Database& database, const CallRow& call) {
  database.execute(
      fmt::format("insert into calls ({}) values (:id, :project, :engine, :leg, :state, :from, :to, :created, :body) "
                  "on conflict (id) do update set state = excluded.state, from_number = excluded.from_number, "
                  "to_number = excluded.to_number, leg = excluded.leg, engine = excluded.engine, body = excluded.body",
                  kCallColumns),
      {call.id, call.project, call.engine, static_cast<std::int64_t>(call.leg), call.state, call.from, call.to,
       call.created_ms, call.body});
}

void put_cdr(Database& database, const CdrRow& cdr) {
  database.execute(
      "insert into cdrs (sequence, id, project, call, ended_ms, body) values (:sequence, :id, :project, :call, :ended, "
      ":body) on conflict (call) do nothing",
      {cdr.sequence, cdr.id, cdr.project, cdr.call, cdr.ended_ms, cdr.body});
}

void put_recording(Database& database, const RecordingRow& recording) {
  const auto changed = database.execute("update recordings set state = :state, body = :body where id = :id",
                                        {recording.state, recording.body, recording.id});
  if (changed == 1) return;
  database.execute(fmt::format("insert into recordings ({}) values (:id, :project, :call, :engine, :path, :state, "
                               ":created, :body) on conflict (engine, path) do nothing",
                               kRecordingColumns),
                   {recording.id, recording.project, recording.call, recording.engine, recording.path, recording.state,
                    recording.created_ms, recording.body});
}

void put_event(Database& database, const EventRow& event) {
  database.execute(
      "insert into events (sequence, id, project, type, time_ms, data) values (:sequence, :id, :project, :type, :time, "
      ":data)",
      {event.sequence, event.id, event.project, event.type, event.time_ms, event.data});
}

void put_idempotency(Database& database, const IdempotencyRow& kept) {
  database.execute("delete from idempotency where idem = :key and created_ms < :expired",
                   {kept.key, kept.created_ms - 24 * 3600 * 1000});
  database.execute(
      "insert into idempotency (idem, project, body_digest, status, response, created_ms) values (:key, :project, "
      ":digest, :status, :response, :created)",
      {kept.key, kept.project, kept.body_digest, kept.status, kept.response, kept.created_ms});
}

}  // namespace

// Sequences are given inside the writer's transaction, so that a reader who has seen n never meets a later n - 1.
void Store::apply(Changes& changes) {
  if (changes.empty()) return;
  writer_->commit([&](Database& database) {
    for (const CallRow& call : changes.calls) put_call(database, call);
    for (CdrRow& cdr : changes.cdrs) {
      cdr.sequence = ++cdr_sequence_;
      put_cdr(database, cdr);
    }
    for (const RecordingRow& recording : changes.recordings) put_recording(database, recording);
    for (const AttemptRow& attempt : changes.attempts) put_attempt(database, attempt);
    for (EventRow& event : changes.events) {
      event.sequence = ++event_sequence_;
      put_event(database, event);
    }
    for (const EngineRow& engine : changes.engines)
      database.execute(
          "insert into engines (name, epoch, sequence) values (:name, :epoch, :sequence) on conflict (name) do update "
          "set epoch = excluded.epoch, sequence = excluded.sequence",
          {engine.name, engine.epoch, static_cast<std::int64_t>(engine.sequence)});
    for (const IdempotencyRow& kept : changes.idempotency) put_idempotency(database, kept);
  });
}

Result<std::monostate, StoreFault> Store::commit_intent(const CallRow& call, const std::optional<IdempotencyRow>& kept,
                                                        EventRow event) {
  try {
    writer_->commit([&](Database& database) {
      if (kept) put_idempotency(database, *kept);
      put_call(database, call);
      event.sequence = ++event_sequence_;
      put_event(database, event);
    });
  } catch (const DatabaseError& error) {
    if (error.kind != DatabaseError::Kind::kConflict) throw;
    return StoreFault::kConflict;
  }
  return std::monostate{};
}

std::optional<CallRow> Store::call(const std::string& project, const std::string& id) {
  const auto rows =
      read(fmt::format("select {} from calls where id = :id and project = :project", kCallColumns), {id, project});
  if (rows.empty()) return std::nullopt;
  return call_of(rows[0]);
}

std::vector<CallRow> Store::calls_by_leg(const std::string& engine, std::uint64_t leg) {
  std::vector<CallRow> calls;
  for (const Row& row :
       read(fmt::format("select {} from calls where engine = :engine and leg = :leg order by id desc", kCallColumns),
            {engine, static_cast<std::int64_t>(leg)}))
    calls.push_back(call_of(row));
  return calls;
}

std::vector<CallRow> Store::calls(const CallFilter& filter) {
  std::string sql = fmt::format("select {} from calls where project = :project", kCallColumns);
  Values values{filter.project};
  const auto narrow = [&](const char* condition, Value value) {
    sql += condition;
    values.push_back(std::move(value));
  };
  if (!filter.state.empty()) narrow(" and state = :state", filter.state);
  if (!filter.from.empty()) narrow(" and from_number = :from", filter.from);
  if (!filter.to.empty()) narrow(" and to_number = :to", filter.to);
  if (filter.since_ms != 0) narrow(" and created_ms >= :since", filter.since_ms);
  if (!filter.before.empty()) narrow(" and id < :before", filter.before);
  sql += fmt::format(" order by id desc limit {}", filter.limit);
  std::vector<CallRow> calls;
  for (const Row& row : read(sql, values)) calls.push_back(call_of(row));
  return calls;
}

std::vector<CallRow> Store::open_calls() {
  std::vector<CallRow> calls;
  for (const Row& row : read(fmt::format("select {} from calls where state <> 'ended'", kCallColumns), {}))
    calls.push_back(call_of(row));
  return calls;
}

std::vector<CdrRow> Store::cdrs(const std::string& project, std::int64_t after, std::size_t limit) {
  std::vector<CdrRow> cdrs;
  for (const Row& row : read(fmt::format("select sequence, id, project, call, ended_ms, body from cdrs where project = "
                                         ":project and sequence > :after order by sequence limit {}",
                                         limit),
                             {project, after}))
    cdrs.push_back({.sequence = number_at(row, 0),
                    .id = text_at(row, 1),
                    .project = text_at(row, 2),
                    .call = text_at(row, 3),
                    .ended_ms = number_at(row, 4),
                    .body = text_at(row, 5)});
  return cdrs;
}

std::optional<RecordingRow> Store::recording(const std::string& project, const std::string& id) {
  const auto rows = read(
      fmt::format("select {} from recordings where id = :id and project = :project", kRecordingColumns), {id, project});
  if (rows.empty()) return std::nullopt;
  return recording_of(rows[0]);
}

std::optional<RecordingRow> Store::recording_at(const std::string& engine, const std::string& path) {
  const auto rows =
      read(fmt::format("select {} from recordings where engine = :engine and path = :path", kRecordingColumns),
           {engine, path});
  if (rows.empty()) return std::nullopt;
  return recording_of(rows[0]);
}

std::vector<RecordingRow> Store::recordings(const std::string& project, const std::string& before, std::size_t limit) {
  std::string sql = fmt::format("select {} from recordings where project = :project", kRecordingColumns);
  Values values{project};
  if (!before.empty()) {
    sql += " and id < :before";
    values.emplace_back(before);
  }
  std::vector<RecordingRow> recordings;
  for (const Row& row : read(sql + fmt::format(" order by id desc limit {}", limit), values))
    recordings.push_back(recording_of(row));
  return recordings;
}

std::vector<RecordingRow> Store::recordings_in(const std::string& state) {
  std::vector<RecordingRow> recordings;
  for (const Row& row :
       read(fmt::format("select {} from recordings where state = :state order by id", kRecordingColumns), {state}))
    recordings.push_back(recording_of(row));
  return recordings;
}

void Store::keep_trace(const std::string& call, const std::string& text) {
  writer_->commit([&](Database& database) {
    database.execute(
        "insert into traces (call, body) values (:call, :body) on conflict (call) do update set body = excluded.body",
        {call, text});
  });
}

std::optional<std::string> Store::trace(const std::string& call) {
  const auto rows = read("select body from traces where call = :call", {call});
  if (rows.empty()) return std::nullopt;
  return text_at(rows[0], 0);
}

std::vector<EventRow> Store::events(const std::string& project, std::int64_t after, std::size_t limit) {
  std::string sql = "select sequence, id, project, type, time_ms, data from events where sequence > :after";
  Values values{after};
  if (!project.empty()) {
    sql += " and project = :project";
    values.emplace_back(project);
  }
  std::vector<EventRow> events;
  for (const Row& row : read(sql + fmt::format(" order by sequence limit {}", limit), values))
    events.push_back({.sequence = number_at(row, 0),
                      .id = text_at(row, 1),
                      .project = text_at(row, 2),
                      .type = text_at(row, 3),
                      .time_ms = number_at(row, 4),
                      .data = text_at(row, 5)});
  return events;
}

std::optional<EngineRow> Store::engine(const std::string& name) {
  const auto rows = read("select name, epoch, sequence from engines where name = :name", {name});
  if (rows.empty()) return std::nullopt;
  return EngineRow{text_at(rows[0], 0), text_at(rows[0], 1), static_cast<std::uint64_t>(number_at(rows[0], 2))};
}

std::optional<IdempotencyRow> Store::idempotency(const std::string& key, std::int64_t since_ms) {
  const auto rows = read(
      "select idem, project, body_digest, status, response, created_ms from idempotency where idem = :key and "
      "created_ms >= :since",
      {key, since_ms});
  if (rows.empty()) return std::nullopt;
  return IdempotencyRow{text_at(rows[0], 0),   text_at(rows[0], 1), text_at(rows[0], 2),
                        number_at(rows[0], 3), text_at(rows[0], 4), number_at(rows[0], 5)};
}

void Store::prune(std::int64_t idempotency_before_ms, std::int64_t events_before_ms) {
  writer_->commit([&](Database& database) {
    database.execute("delete from idempotency where created_ms < :before", {idempotency_before_ms});
    // the newest one stays: sequences go on from it, or a follower's place would be ahead of all that comes
    database.execute("delete from events where time_ms < :before and sequence < (select max(sequence) from events)",
                     {events_before_ms});
  });
}

}  // namespace carillon::control
