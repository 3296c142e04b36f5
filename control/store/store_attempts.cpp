// Attempts and seats in calls.db: an attempt is committed with its call before the INVITE may leave.

#include "control/store/store_attempts.h"

#include <fmt/format.h>

namespace carillon::control {
namespace {

constexpr const char* kAttemptColumns =
    "number, id, project, campaign, lead, call, state, outcome, placed_ms, ended_ms, body";

AttemptRow attempt_of(const Row& row) {
  return {.number = static_cast<std::uint64_t>(number_at(row, 0)),
          .id = text_at(row, 1),
          .project = text_at(row, 2),
          .campaign = text_at(row, 3),
          .lead = static_cast<std::uint64_t>(number_at(row, 4)),
          .call = text_at(row, 5),
          .state = text_at(row, 6),
          .outcome = text_at(row, 7),
          .placed_ms = number_at(row, 8),
          .ended_ms = number_at(row, 9),
          .body = text_at(row, 10)};
}

}  // namespace

void put_attempt(Database& database, const AttemptRow& attempt) {
  database.execute(
      fmt::format("insert into attempts ({}) values (:number, :id, :project, :campaign, :lead, :call, :state, "
                  ":outcome, :placed, :ended, :body) on conflict (number) do update set state = excluded.state, "
                  "outcome = excluded.outcome, ended_ms = excluded.ended_ms, body = excluded.body",
                  kAttemptColumns),
      {static_cast<std::int64_t>(attempt.number), attempt.id, attempt.project, attempt.campaign,
       static_cast<std::int64_t>(attempt.lead), attempt.call, attempt.state, attempt.outcome, attempt.placed_ms,
       attempt.ended_ms, attempt.body});
}

std::optional<AttemptRow> Store::attempt(const std::string& project, const std::string& id) {
  const auto rows = read(fmt::format("select {} from attempts where id = :id and project = :project", kAttemptColumns),
                         {id, project});
  if (rows.empty()) return std::nullopt;
  return attempt_of(rows[0]);
}

std::vector<AttemptRow> Store::attempts(const AttemptFilter& filter) {
  std::string sql = fmt::format("select {} from attempts where project = :project", kAttemptColumns);
  Values values{filter.project};
  if (!filter.campaign.empty()) {
    sql += " and campaign = :campaign";
    values.emplace_back(filter.campaign);
  }
  if (filter.lead != 0) {
    sql += " and lead = :lead";
    values.emplace_back(static_cast<std::int64_t>(filter.lead));
  }
  if (filter.before != 0) {
    sql += " and number < :before";
    values.emplace_back(static_cast<std::int64_t>(filter.before));
  }
  std::vector<AttemptRow> attempts;
  for (const Row& row : read(sql + fmt::format(" order by number desc limit {}", filter.limit), values))
    attempts.push_back(attempt_of(row));
  return attempts;
}

std::vector<LeadResult> Store::results(const std::string& campaign, std::uint64_t first, std::uint64_t last) {
  std::vector<LeadResult> results;
  for (const Row& row :
       read("select tried.lead, tried.times, attempts.body, calls.body from (select lead, count(*) as "
            "times, max(number) as last from attempts where lead >= :first and lead <= :last and "
            "campaign = :campaign group by lead) as tried join attempts on attempts.number = tried.last "
            "left join calls on calls.id = attempts.call order by tried.lead",
            {static_cast<std::int64_t>(first), static_cast<std::int64_t>(last), campaign}))
    results.push_back(
        {static_cast<std::uint64_t>(number_at(row, 0)), number_at(row, 1), text_at(row, 2), text_at(row, 3)});
  return results;
}

std::vector<AttemptRow> Store::open_attempts() {
  std::vector<AttemptRow> attempts;
  for (const Row& row :
       read(fmt::format("select {} from attempts where state <> 'settled' order by number", kAttemptColumns), {}))
    attempts.push_back(attempt_of(row));
  return attempts;
}

std::uint64_t Store::last_attempt() {
  const auto rows = read("select number from attempts order by number desc limit 1", {});
  return rows.empty() ? 0 : static_cast<std::uint64_t>(number_at(rows[0], 0));
}

std::vector<OutcomeCount> Store::outcomes(std::int64_t since_ms) {
  std::vector<OutcomeCount> counts;
  for (const Row& row : read("select campaign, outcome, case when ended_ms >= :since then ended_ms / 60000 else 0 end "
                             "as minute, count(*) from attempts where outcome <> '' group by 1, 2, 3 order by 3",
                             {since_ms}))
    counts.push_back({text_at(row, 0), text_at(row, 1), number_at(row, 2), number_at(row, 3)});
  return counts;
}

void Store::keep_seat(const SeatRow& seat) {
  writer_->commit([&](Database& database) {
    database.execute(
        "insert into seats (agent, project, body) values (:agent, :project, :body) on conflict (agent) do update set "
        "body = excluded.body",
        {seat.agent, seat.project, seat.body});
  });
}

void Store::remove_seat(const std::string& agent) {
  writer_->commit([&](Database& database) { database.execute("delete from seats where agent = :agent", {agent}); });
}

std::vector<SeatRow> Store::seats() {
  std::vector<SeatRow> seats;
  for (const Row& row : read("select agent, project, body from seats order by agent", {}))
    seats.push_back({text_at(row, 0), text_at(row, 1), text_at(row, 2)});
  return seats;
}

}  // namespace carillon::control
