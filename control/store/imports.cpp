#include "control/store/imports.h"

#include <fmt/format.h>

#include "control/store/leads_rows.h"

namespace carillon::control {
namespace {

constexpr const char* kColumns = "number, id, project, list, state, created_ms, body";
constexpr const char* kOpen = "state in ('queued', 'running', 'publishing', 'undoing')";

ImportRow import_of(const Row& row) {
  return {.number = number_at(row, 0),
          .id = text_at(row, 1),
          .project = text_at(row, 2),
          .list = number_at(row, 3),
          .state = text_at(row, 4),
          .created_ms = number_at(row, 5),
          .body = text_at(row, 6)};
}

void put(Database& database, const ImportRow& job) {
  database.execute("update imports set state = :state, body = :body where id = :id", {job.state, job.body, job.id});
}

/// The lead that `lead` collides with.
struct Present {
  std::int64_t number = 0;
  LeadState state = LeadState::kPending;
};
Present find_present(Database& database, std::int64_t list, const NewLead& lead) {
  auto rows = lead.external_id.empty()
                  ? std::vector<Row>{}
                  : database.query("select num, state from leads where list = :list and external_id = :external",
                                   {list, lead.external_id});
  if (rows.empty())
    rows = database.query("select num, state from leads where list = :list and phone = :phone", {list, lead.phone});
  return {number_at(rows.at(0), 0), static_cast<LeadState>(number_at(rows[0], 1))};
}

}  // namespace

bool is_open(const ImportRow& job) {
  return job.state == "queued" || job.state == "running" || job.state == "publishing" || job.state == "undoing";
}

void ImportStore::add(ImportRow& job) {
  leads_.write(false, [&](Database& database) {
    database.execute(
        "insert into imports (id, project, list, state, created_ms, body) values (:id, :project, :list, :state, "
        ":created, :body)",
        {job.id, job.project, job.list, job.state, job.created_ms, job.body});
    job.number = number_at(database.query("select number from imports where id = :id", {job.id}).at(0), 0);
  });
}

std::optional<ImportRow> ImportStore::find(const std::string& project, const std::string& id) {
  const auto rows =
      leads_.read(fmt::format("select {} from imports where id = :id and project = :project", kColumns), {id, project});
  if (rows.empty()) return std::nullopt;
  return import_of(rows[0]);
}

std::vector<ImportRow> ImportStore::list(const std::string& project, const std::string& before, std::size_t limit) {
  std::string sql = fmt::format("select {} from imports where project = :project", kColumns);
  Values values{project};
  if (!before.empty()) {
    sql += " and id < :before";
    values.emplace_back(before);
  }
  std::vector<ImportRow> jobs;
  for (const Row& row : leads_.read(sql + fmt::format(" order by id desc limit {}", limit), values))
    jobs.push_back(import_of(row));
  return jobs;
}

std::optional<ImportRow> ImportStore::next() {
  const auto rows =
      leads_.read(fmt::format("select {} from imports where {} order by number limit 1", kColumns, kOpen));
  if (rows.empty()) return std::nullopt;
  return import_of(rows[0]);
}

bool ImportStore::is_busy(std::int64_t list) {
  return !leads_.read(fmt::format("select number from imports where {} and list = :list limit 1", kOpen), {list})
              .empty();
}

void ImportStore::keep(const ImportRow& job) {
  leads_.write(false, [&](Database& database) { put(database, job); });
}

void ImportStore::stage(ImportRow& job, std::span<const NewLead> leads, AddMode mode, WallTime now,
                        const std::function<void(ImportRow&, const Staged&)>& completed) {
  ImportRow after = job;
  leads_.write(true, [&](Database& database) {
    const std::string text;
    const std::int64_t number = 0;
    Statement insert(database,
                     "insert into leads (id, list, phone, name, external_id, priority, time_zone, extra, state, "
                     "not_before_ms, import, created_ms, updated_ms) values (:id, :list, :phone, :name, :external, "
                     ":priority, :zone, :extra, 3, 0, :import, :created, :updated) on conflict do nothing",
                     {text, number, text, text, text, number, text, text, number, number, number});
    Statement update(database,
                     "insert into staged_updates (import, lead, phone, name, external_id, priority, time_zone, extra) "
                     "values (:import, :lead, :phone, :name, :external, :priority, :zone, :extra) on conflict do "
                     "nothing",
                     {number, number, text, text, text, number, text, text});
    Staged staged;
    for (const NewLead& lead : leads) {
      if (insert.execute({leads_.ids_.make("lead", now), job.list, lead.phone, lead.name, lead.external_id,
                          std::int64_t{lead.priority}, lead.time_zone, lead.extra, job.number, ms_of(now),
                          ms_of(now)}) == 1) {
        ++staged.created;
        continue;
      }
      const Present present =
          mode == AddMode::kUpdate ? find_present(database, job.list, lead) : Present{0, LeadState::kStaged};
      const bool is_update = present.state != LeadState::kStaged &&
                             update.execute({job.number, present.number, lead.phone, lead.name, lead.external_id,
                                             std::int64_t{lead.priority}, lead.time_zone, lead.extra}) == 1;
      ++(is_update ? staged.updated : staged.duplicates);
    }
    after = job;
    completed(after, staged);
    put(database, after);
  });
  job = after;
}

bool ImportStore::publish(const ImportRow& job, std::size_t rows, WallTime now) {
  std::int64_t done = 0;
  leads_.write(true, [&](Database& database) {
    done = database.execute(
        fmt::format("update leads set state = 0 where num in (select num from leads where list = :list and state = 3 "
                    "and import = :import order by num limit {})",
                    rows),
        {job.list, job.number});
    leads_.count(database, job.list, LeadState::kPending, done);
    if (done == 0) done = apply_updates(database, job, rows, now);
  });
  return done > 0;
}

// A number that another lead took meanwhile stays with that one; the rest of the update holds.
std::int64_t ImportStore::apply_updates(Database& database, const ImportRow& job, std::size_t rows, WallTime now) {
  const auto updates = database.query(
      fmt::format("select lead, phone, name, external_id, priority, time_zone, extra from staged_updates where import "
                  "= :import order by lead limit {}",
                  rows),
      {job.number});
  for (const Row& row : updates) {
    database.execute(
        "update leads set name = :name, priority = :priority, time_zone = :zone, extra = :extra, updated_ms = :updated "
        "where num = :lead",
        {row[2], row[4], row[5], row[6], ms_of(now), row[0]});
    database.execute(
        "update leads set phone = :phone where num = :lead and phone <> :same and not exists (select 1 from leads as "
        "others where others.list = :list and others.phone = :taken)",
        {row[1], row[0], row[1], job.list, row[1]});
    if (!text_at(row, 3).empty())
      database.execute(
          "update leads set external_id = :external where num = :lead and external_id <> :same and not exists (select "
          "1 from leads as others where others.list = :list and others.external_id = :taken)",
          {row[3], row[0], row[3], job.list, row[3]});
    database.execute("delete from staged_updates where import = :import and lead = :lead", {job.number, row[0]});
  }
  return static_cast<std::int64_t>(updates.size());
}

bool ImportStore::undo(const ImportRow& job, std::size_t rows) {
  std::int64_t done = 0;
  leads_.write(true, [&](Database& database) {
    done = database.execute(
        fmt::format("delete from leads where num in (select num from leads where list = :list and state = 3 and import "
                    "= :import order by num limit {})",
                    rows),
        {job.list, job.number});
    if (done == 0)
      done = database.execute(fmt::format("delete from staged_updates where import = :import and lead in (select lead "
                                          "from staged_updates where import = :same order by lead limit {})",
                                          rows),
                              {job.number, job.number});
  });
  return done > 0;
}

void ImportStore::announce(const ImportRow& job, const std::string& list) {
  leads_.tell({LeadNews::Kind::kLeadsAdded, job.project, list, {}});
}

}  // namespace carillon::control
