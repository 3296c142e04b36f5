#include "control/store/hooks.h"

#include <fmt/format.h>

namespace carillon::control {
namespace {

const char* const kSchema = R"sql(create table position (one bigint primary key, sequence bigint not null);
create table deliveries (id text primary key, project text not null, webhook text not null, sequence bigint not null,
  event text not null, type text not null, state text not null, tries bigint not null, created_ms bigint not null,
  due_ms bigint not null, give_up_ms bigint not null, ended_ms bigint not null, error text not null,
  body text not null);
create unique index deliveries_once on deliveries (webhook, sequence);
create index deliveries_due on deliveries (webhook, due_ms) where state = 'pending';
create index deliveries_by_project on deliveries (project, id);
create index deliveries_by_webhook on deliveries (webhook, id);
create index deliveries_ended on deliveries (webhook, state, ended_ms);
)sql";

constexpr const char* kColumns =
    "id, project, webhook, sequence, event, type, state, tries, created_ms, due_ms, give_up_ms, ended_ms, error, body";

DeliveryRow delivery_of(const Row& row) {
  return {.id = text_at(row, 0),
          .project = text_at(row, 1),
          .webhook = text_at(row, 2),
          .sequence = number_at(row, 3),
          .event = text_at(row, 4),
          .type = text_at(row, 5),
          .state = text_at(row, 6),
          .tries = number_at(row, 7),
          .created_ms = number_at(row, 8),
          .due_ms = number_at(row, 9),
          .give_up_ms = number_at(row, 10),
          .ended_ms = number_at(row, 11),
          .error = text_at(row, 12),
          .body = text_at(row, 13)};
}

std::vector<DeliveryRow> deliveries_of(const std::vector<Row>& rows) {
  std::vector<DeliveryRow> deliveries;
  for (const Row& row : rows) deliveries.push_back(delivery_of(row));
  return deliveries;
}

}  // namespace

HookStore::HookStore(const std::string& folder) : database_(std::make_unique<Database>(folder + "/hooks.db")) {
  migrate(*database_, {kSchema});
}

std::optional<std::int64_t> HookStore::position() {
  const std::lock_guard lock(mutex_);
  const auto rows = database_->query("select sequence from position");
  if (rows.empty()) return std::nullopt;
  return number_at(rows[0], 0);
}

std::map<std::string, std::int64_t> HookStore::add(std::span<const DeliveryRow> rows, std::int64_t position) {
  const std::lock_guard lock(mutex_);
  std::map<std::string, std::int64_t> added;
  database_->transaction([&] {
    for (const DeliveryRow& row : rows)
      added[row.webhook] += database_->execute(
          fmt::format("insert into deliveries ({}) values (:id, :project, :webhook, :sequence, :event, :type, :state, "
                      ":tries, :created, :due, :give_up, :ended, :error, :body) on conflict do nothing",
                      kColumns),
          {row.id, row.project, row.webhook, row.sequence, row.event, row.type, row.state, row.tries, row.created_ms,
           row.due_ms, row.give_up_ms, row.ended_ms, row.error, row.body});
    database_->execute(
        "insert into position (one, sequence) values (1, :sequence) on conflict (one) do update set sequence = "
        "excluded.sequence",
        {position});
  });
  return added;
}

void HookStore::keep(std::span<const DeliveryRow> rows) {
  if (rows.empty()) return;
  const std::lock_guard lock(mutex_);
  database_->transaction([&] {
    for (const DeliveryRow& row : rows)
      database_->execute(
          "update deliveries set state = :state, tries = :tries, due_ms = :due, give_up_ms = :give_up, ended_ms = "
          ":ended, error = :error, body = :body where id = :id",
          {row.state, row.tries, row.due_ms, row.give_up_ms, row.ended_ms, row.error, row.body, row.id});
  });
}

std::vector<DeliveryRow> HookStore::due(const std::string& webhook, std::int64_t now_ms, std::size_t limit) {
  const std::lock_guard lock(mutex_);
  return deliveries_of(database_->query(
      fmt::format("select {} from deliveries where webhook = :webhook and state = 'pending' and due_ms <= :now order "
                  "by due_ms, id limit {}",
                  kColumns, limit),
      {webhook, now_ms}));
}

std::map<std::string, std::int64_t> HookStore::pending() {
  const std::lock_guard lock(mutex_);
  std::map<std::string, std::int64_t> counts;
  for (const Row& row :
       database_->query("select webhook, count(*) from deliveries where state = 'pending' group by webhook"))
    counts[text_at(row, 0)] = number_at(row, 1);
  return counts;
}

std::optional<DeliveryRow> HookStore::find(const std::string& project, const std::string& id) {
  const std::lock_guard lock(mutex_);
  const auto rows = database_->query(
      fmt::format("select {} from deliveries where id = :id and project = :project", kColumns), {id, project});
  if (rows.empty()) return std::nullopt;
  return delivery_of(rows[0]);
}

std::vector<DeliveryRow> HookStore::list(const DeliveryFilter& filter) {
  std::string sql = fmt::format("select {} from deliveries where project = :project", kColumns);
  Values values{filter.project};
  const auto narrow = [&](const char* condition, const std::string& value) {
    if (value.empty()) return;
    sql += condition;
    values.emplace_back(value);
  };
  narrow(" and webhook = :webhook", filter.webhook);
  narrow(" and state = :state", filter.state);
  narrow(" and id < :before", filter.before);
  const std::lock_guard lock(mutex_);
  return deliveries_of(database_->query(sql + fmt::format(" order by id desc limit {}", filter.limit), values));
}

bool HookStore::has_success_since(const std::string& webhook, std::int64_t since_ms) {
  const std::lock_guard lock(mutex_);
  return !database_
              ->query(
                  "select id from deliveries where webhook = :webhook and state = 'delivered' and ended_ms >= :since "
                  "limit 1",
                  {webhook, since_ms})
              .empty();
}

std::int64_t HookStore::fail_pending(const std::string& webhook, const std::string& why, std::int64_t now_ms) {
  const std::lock_guard lock(mutex_);
  return database_->execute(
      "update deliveries set state = 'failed', error = :why, ended_ms = :now where webhook = :webhook and state = "
      "'pending'",
      {why, now_ms, webhook});
}

std::int64_t HookStore::fail_late(const std::string& why, std::int64_t now_ms) {
  const std::lock_guard lock(mutex_);
  return database_->execute(
      "update deliveries set state = 'failed', error = :why, ended_ms = :now where state = 'pending' and give_up_ms < "
      ":late",
      {why, now_ms, now_ms - 60'000});
}

void HookStore::prune(std::int64_t ended_before_ms) {
  const std::lock_guard lock(mutex_);
  database_->execute("delete from deliveries where state <> 'pending' and ended_ms < :before", {ended_before_ms});
}

}  // namespace carillon::control
