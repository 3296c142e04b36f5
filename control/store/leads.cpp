#include "control/store/leads.h"

#include <fmt/format.h>

#include <algorithm>
#include <random>

#include "control/store/leads_rows.h"
#include "engine/base/check.h"

namespace carillon::control {
namespace {

constexpr const char* kListColumns = "number, id, project, name, region, time_zone, created_ms";

LeadList list_of(const Row& row) {
  return {.number = number_at(row, 0),
          .id = text_at(row, 1),
          .project = text_at(row, 2),
          .name = text_at(row, 3),
          .region = text_at(row, 4),
          .time_zone = text_at(row, 5),
          .created_ms = number_at(row, 6)};
}

std::uint64_t random_seed() {
  std::random_device device;
  return std::uint64_t{device()} << 32 | device();
}

}  // namespace

std::string_view text(LeadState state) {
  constexpr std::string_view kNames[] = {"pending", "in_hand", "done", "staged"};
  return kNames[static_cast<std::size_t>(state)];
}

void LeadStore::Turn::take(bool is_bulk) {
  std::unique_lock lock(mutex_);
  if (is_bulk) {
    free_.wait(lock, [this] { return !taken_ && small_waiting_ == 0; });
  } else {
    ++small_waiting_;
    free_.wait(lock, [this] { return !taken_; });
    --small_waiting_;
  }
  taken_ = true;
}

void LeadStore::Turn::give() {
  {
    const std::lock_guard lock(mutex_);
    taken_ = false;
  }
  free_.notify_all();
}

LeadStore::LeadStore(const std::string& folder, std::uint64_t seed) : ids_(seed != 0 ? seed : random_seed()) {
  const std::string path = folder + "/leads.db";
  writer_ = std::make_unique<Database>(path);
  writer_->query("pragma cache_size=-65536");  // KiB: keys come in any order, their pages should stay at hand
  migrate(*writer_, leads_migrations());
  reader_ = std::make_unique<Database>(path);
}

void LeadStore::write(bool is_bulk, const std::function<void(Database&)>& work) {
  turn_.take(is_bulk);
  struct Giver {
    Turn& turn;
    ~Giver() { turn.give(); }
  } giver{turn_};
  writer_->transaction([&] { work(*writer_); });
}

std::vector<Row> LeadStore::read(const std::string& sql, const Values& values) {
  const std::lock_guard lock(reader_mutex_);
  return reader_->query(sql, values);
}

void LeadStore::count(Database& database, std::int64_t list, LeadState state, std::int64_t by) {
  if (by == 0 || state == LeadState::kStaged) return;
  database.execute(
      "insert into lead_counts (list, state, leads) values (:list, :state, :leads) on conflict (list, state) do update "
      "set leads = lead_counts.leads + excluded.leads",
      {list, state_value(state), by});
}

// ---------------------------------------------------------------- lists

bool LeadStore::add_list(LeadList& list) {
  try {
    write(false, [&](Database& database) {
      database.execute(
          "insert into lists (id, project, name, region, time_zone, created_ms) values (:id, :project, :name, :region, "
          ":zone, :created)",
          {list.id, list.project, list.name, list.region, list.time_zone, list.created_ms});
      list.number = number_at(database.query("select number from lists where id = :id", {list.id}).at(0), 0);
    });
  } catch (const DatabaseError& error) {
    if (error.kind != DatabaseError::Kind::kConflict) throw;
    return false;
  }
  return true;
}

std::optional<LeadList> LeadStore::list(const std::string& project, const std::string& id) {
  const auto rows =
      read(fmt::format("select {} from lists where id = :id and project = :project and removed = 0", kListColumns),
           {id, project});
  if (rows.empty()) return std::nullopt;
  LeadList list = list_of(rows[0]);
  list.counts = counts(std::span(&list.id, 1));
  return list;
}

std::vector<LeadList> LeadStore::lists(const std::string& project, const std::string& after, std::size_t limit) {
  std::vector<LeadList> lists;
  for (const Row& row :
       read(fmt::format("select {} from lists where project = :project and id > :after and removed = 0 "
                        "order by id limit {}",
                        kListColumns, limit),
            {project, after}))
    lists.push_back(list_of(row));
  for (LeadList& list : lists) list.counts = counts(std::span(&list.id, 1));
  return lists;
}

bool LeadStore::remove_list(const std::string& project, const std::string& id) {
  std::int64_t removed = 0;
  write(false, [&](Database& database) {
    removed = database.execute("update lists set removed = 1 where id = :id and project = :project and removed = 0",
                               {id, project});
  });
  return removed == 1;
}

bool LeadStore::sweep(std::size_t rows) {
  const auto removed = read("select number from lists where removed = 1 limit 1");
  if (removed.empty()) return false;
  const Value list = removed[0][0];
  write(true, [&](Database& database) {
    const auto gone = database.execute(
        fmt::format("delete from leads where num in (select num from leads where list = :list limit {})", rows),
        {list});
    if (gone > 0) return;
    database.execute("delete from lead_counts where list = :list", {list});
    database.execute("delete from lists where number = :list", {list});
  });
  return true;
}

// ---------------------------------------------------------------- leads

std::vector<AddedLead> LeadStore::add(const LeadList& list, std::span<const NewLead> leads, AddMode mode,
                                      WallTime now) {
  std::vector<AddedLead> added;
  std::int64_t created = 0;
  write(false, [&](Database& database) {
    for (const NewLead& lead : leads) {
      AddedLead& fate = added.emplace_back();
      fate.id = ids_.make("lead", now);
      const auto inserted = database.execute(
          "insert into leads (id, list, phone, name, external_id, priority, time_zone, extra, state, not_before_ms, "
          "created_ms, updated_ms) values (:id, :list, :phone, :name, :external, :priority, :zone, :extra, 0, :before, "
          ":created, :updated) on conflict do nothing",
          {fate.id, list.number, lead.phone, lead.name, lead.external_id, std::int64_t{lead.priority}, lead.time_zone,
           lead.extra, lead.not_before_ms, ms_of(now), ms_of(now)});
      created += inserted;
      if (inserted == 1) continue;
      fate.fate = AddedLead::Fate::kDuplicate;
      auto present = database.query("select id, state from leads where list = :list and phone = :phone",
                                    {list.number, lead.phone});
      if (present.empty())
        present = database.query("select id, state from leads where list = :list and external_id = :external",
                                 {list.number, lead.external_id});
      fate.id = text_at(present.at(0), 0);
      const bool is_staged = number_at(present[0], 1) == static_cast<std::int64_t>(LeadState::kStaged);
      if (mode == AddMode::kSkip || is_staged) continue;
      database.execute(
          "update leads set name = :name, priority = :priority, time_zone = :zone, extra = :extra, updated_ms = "
          ":updated where id = :id",
          {lead.name, std::int64_t{lead.priority}, lead.time_zone, lead.extra, ms_of(now), fate.id});
      fate.fate = AddedLead::Fate::kUpdated;
    }
    count(database, list.number, LeadState::kPending, created);
  });
  if (created > 0) tell({LeadNews::Kind::kLeadsAdded, list.project, list.id, {}});
  return added;
}

std::optional<StoredLead> LeadStore::lead(const std::string& project, const std::string& id) {
  const auto rows = read(
      fmt::format("select {} from leads join lists on lists.number = leads.list where leads.id = :id and lists.project "
                  "= :project and lists.removed = 0 and leads.state <> 3",
                  kLeadColumns),
      {id, project});
  if (rows.empty()) return std::nullopt;
  return lead_of(rows[0]);
}

std::optional<StoredLead> LeadStore::lead(dialer::LeadId id) {
  const auto rows = read(
      fmt::format("select {} from leads join lists on lists.number = leads.list where leads.num = :num", kLeadColumns),
      {row_of(id)});
  if (rows.empty()) return std::nullopt;
  return lead_of(rows[0]);
}

// One seek per list and state, merged by row: every page costs its length, whatever the size of the list.
std::vector<StoredLead> LeadStore::leads(const LeadFilter& filter) {
  std::vector<std::int64_t> lists;
  for (const Row& row :
       filter.list.empty() ? read("select number from lists where project = :project and removed = 0", {filter.project})
                           : read("select number from lists where project = :project and id = :id and removed = 0",
                                  {filter.project, filter.list}))
    lists.push_back(number_at(row, 0));
  std::vector<LeadState> states = {LeadState::kPending, LeadState::kInHand, LeadState::kDone};
  if (filter.state) states = {*filter.state};
  std::vector<StoredLead> found;
  for (const std::int64_t list : lists)
    for (const LeadState state : states) {
      Values values{list, state_value(state), filter.after};
      std::string sql = fmt::format(
          "select {} from leads join lists on lists.number = leads.list where leads.list = :list and leads.state = "
          ":state and leads.num > :after",
          kLeadColumns);
      if (!filter.number.empty()) {
        sql += " and leads.phone = :phone";
        values.emplace_back(filter.number);
      }
      for (const Row& row : read(sql + fmt::format(" order by leads.num limit {}", filter.limit), values))
        found.push_back(lead_of(row));
    }
  std::ranges::sort(found, {}, [](const StoredLead& stored) { return stored.lead.id; });
  if (found.size() > filter.limit) found.resize(filter.limit);
  return found;
}

std::optional<StoredLead> LeadStore::change(const std::string& project, const std::string& id, const LeadChange& change,
                                            WallTime now) {
  std::string told_list;
  bool is_known = false;
  write(false, [&](Database& database) {
    const auto rows = database.query(
        fmt::format("select {} from leads join lists on lists.number = leads.list where leads.id = :id and "
                    "lists.project = :project and lists.removed = 0 and leads.state <> 3",
                    kLeadColumns),
        {id, project});
    if (rows.empty()) return;
    is_known = true;
    const StoredLead before = lead_of(rows[0]);
    std::string sql = "update leads set updated_ms = :updated";
    Values values{ms_of(now)};
    const auto set = [&](const char* column, Value value) {
      sql += fmt::format(", {} = :{}", column, column);
      values.push_back(std::move(value));
    };
    if (change.priority) set("priority", std::int64_t{*change.priority});
    if (change.not_before_ms)
      set(before.state == LeadState::kInHand ? "recall_ms" : "not_before_ms", *change.not_before_ms);
    if (change.sticky) set("sticky", static_cast<std::int64_t>(change.sticky->value));
    if (change.done_reason) set("done_reason", *change.done_reason);
    if (change.disposition) set("disposition", *change.disposition);
    // pending is what a lead in hand becomes by itself
    const bool moves = change.state && *change.state != before.state &&
                       !(before.state == LeadState::kInHand && *change.state == LeadState::kPending);
    if (moves) {
      set("state", state_value(*change.state));
      count(database, before.list_number, before.state, -1);
      count(database, before.list_number, *change.state, 1);
    }
    values.emplace_back(id);
    database.execute(sql + " where id = :id", values);
    const bool is_pending = (moves ? *change.state : before.state) == LeadState::kPending;
    if (is_pending && (moves || change.not_before_ms)) told_list = before.list;
  });
  if (!is_known) return std::nullopt;
  if (!told_list.empty()) tell({LeadNews::Kind::kLeadsAdded, project, told_list, {}});
  return lead(project, id);
}

}  // namespace carillon::control
