// What the dialer does with leads: takes them in hand, keeps their counters, brings them back.

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "control/store/leads_rows.h"

namespace carillon::control {
namespace {

struct Candidate {
  std::int64_t priority, not_before_ms, number, list;
};

// Due leads of one list, best first. Within one priority the due ones lie together in leads_ready, so leads that wait
// for a retry are never walked over.
void find_due(Database& database, std::int64_t list, std::size_t count, std::int64_t now_ms,
              std::vector<Candidate>& found) {
  std::int64_t below = std::numeric_limits<std::int64_t>::max();
  for (std::size_t left = count; left > 0;) {
    const auto next = database.query(
        "select priority from leads where list = :list and state = 0 and priority < :below order by priority desc "
        "limit 1",
        {list, below});
    if (next.empty()) return;
    below = number_at(next[0], 0);
    const auto rows = database.query(
        fmt::format("select not_before_ms, num from leads where list = :list and state = 0 and priority = :priority "
                    "and not_before_ms <= :now order by not_before_ms, num limit {}",
                    left),
        {list, below, now_ms});
    for (const Row& row : rows) found.push_back({below, number_at(row, 0), number_at(row, 1), list});
    left -= rows.size();
  }
}

std::string joined(std::span<const Candidate> candidates) {
  std::string text;
  for (const Candidate& candidate : candidates) text += fmt::format("{}{}", text.empty() ? "" : ",", candidate.number);
  return text;
}

constexpr const char* kCounterSets =
    "attempts = :attempts, attempts_today = :today, attempts_day = :day, by_outcome = :outcomes, updated_ms = :updated";

Values counter_values(const dialer::Lead& lead, WallTime now) {
  return {std::int64_t{lead.attempts}, std::int64_t{lead.attempts_today}, lead.attempts_day,
          outcomes_text(lead.by_outcome), ms_of(now)};
}

}  // namespace

std::vector<std::int64_t> LeadStore::numbers_of(std::span<const std::string> lists) {
  std::vector<std::int64_t> numbers;
  for (const std::string& id : lists)
    for (const Row& row : read("select number from lists where id = :id and removed = 0", {id}))
      numbers.push_back(number_at(row, 0));
  return numbers;
}

std::vector<StoredLead> LeadStore::take_pending(std::span<const std::string> lists, std::size_t count, WallTime now) {
  std::vector<StoredLead> taken;
  const auto numbers = numbers_of(lists);
  if (count == 0 || numbers.empty()) return taken;
  write(false, [&](Database& database) {
    std::vector<Candidate> due;
    for (const std::int64_t list : numbers) find_due(database, list, count, ms_of(now), due);
    std::ranges::sort(due, {},
                      [](const Candidate& one) { return std::tuple(-one.priority, one.not_before_ms, one.number); });
    if (due.size() > count) due.resize(count);
    constexpr std::size_t kPiece = 500;
    for (std::size_t at = 0; at < due.size(); at += kPiece) {
      const std::string rows = joined(std::span(due).subspan(at, std::min(kPiece, due.size() - at)));
      database.execute(fmt::format("update leads set state = 1, recall_ms = 0 where num in ({})", rows));
      for (const Row& row : database.query(
               fmt::format("select {} from leads join lists on lists.number = leads.list where leads.num in ({})",
                           kLeadColumns, rows)))
        taken.push_back(lead_of(row));
    }
    for (const std::int64_t list : numbers) {
      const auto here = std::ranges::count(due, list, &Candidate::list);
      this->count(database, list, LeadState::kPending, -here);
      this->count(database, list, LeadState::kInHand, here);
    }
  });
  std::ranges::sort(taken, {}, [](const StoredLead& one) {
    return std::tuple(-std::int64_t{one.lead.priority}, one.lead.not_before, one.lead.id);
  });
  return taken;
}

void LeadStore::put_back(std::span<const LeadReturn> leads, WallTime now) {
  if (leads.empty()) return;
  write(false, [&](Database& database) {
    std::map<std::pair<std::int64_t, LeadState>, std::int64_t> moved;
    for (const LeadReturn& back : leads) {
      const auto rows =
          database.query("select list, state, recall_ms from leads where num = :num", {row_of(back.lead.id)});
      if (rows.empty()) continue;  // its list was deleted meanwhile
      const std::int64_t list = number_at(rows[0], 0), recall_ms = number_at(rows[0], 2);
      const auto before = static_cast<LeadState>(number_at(rows[0], 1));
      std::string sql = fmt::format("update leads set {}", kCounterSets);
      Values values = counter_values(back.lead, now);
      const auto set = [&](const char* column, Value value) {
        sql += fmt::format(", {} = :{}", column, column);
        values.push_back(std::move(value));
      };
      if (!back.last_outcome.empty()) set("last_outcome", back.last_outcome);
      if (before == LeadState::kInHand) {
        const LeadState after = recall_ms != 0 ? LeadState::kPending : back.state;
        set("state", state_value(after));
        set("not_before_ms", recall_ms != 0 ? recall_ms : ms_of(back.lead.not_before));
        if (recall_ms == 0) set("sticky", static_cast<std::int64_t>(back.lead.sticky.value));
        set("recall_ms", std::int64_t{0});
        set("done_reason", after == LeadState::kDone ? back.done_reason : std::string());
        --moved[{list, LeadState::kInHand}];
        ++moved[{list, after}];
      }
      values.emplace_back(row_of(back.lead.id));
      database.execute(sql + " where num = :num", values);
    }
    for (const auto& [where, by] : moved) count(database, where.first, where.second, by);
  });
}

void LeadStore::keep_counters(std::span<const dialer::Lead> leads, WallTime now) {
  if (leads.empty()) return;
  write(false, [&](Database& database) {
    for (const dialer::Lead& lead : leads) {
      Values values = counter_values(lead, now);
      values.emplace_back(row_of(lead.id));
      database.execute(fmt::format("update leads set {} where num = :num", kCounterSets), values);
    }
  });
}

std::optional<WallTime> LeadStore::next_due(std::span<const std::string> lists) {
  std::optional<std::int64_t> first;
  for (const std::int64_t list : numbers_of(lists)) {
    std::int64_t below = std::numeric_limits<std::int64_t>::max();
    for (;;) {
      const auto rows = read(
          "select priority, not_before_ms from leads where list = :list and state = 0 and priority = (select "
          "max(priority) from leads where list = :same and state = 0 and priority < :below) order by not_before_ms "
          "limit 1",
          {list, list, below});
      if (rows.empty()) break;
      below = number_at(rows[0], 0);
      first = std::min(first.value_or(number_at(rows[0], 1)), number_at(rows[0], 1));
    }
  }
  if (!first) return std::nullopt;
  return WallTime(std::chrono::milliseconds(*first));
}

LeadCounts LeadStore::counts(std::span<const std::string> lists) {
  LeadCounts sum;
  for (const std::int64_t list : numbers_of(lists))
    for (const Row& row : read("select state, leads from lead_counts where list = :list", {list})) {
      const auto state = static_cast<LeadState>(number_at(row, 0));
      auto& part = state == LeadState::kPending ? sum.pending : state == LeadState::kInHand ? sum.in_hand : sum.done;
      part += number_at(row, 1);
    }
  return sum;
}

std::size_t LeadStore::reset_in_hand(const std::set<std::uint64_t>& living) {
  std::size_t reset = 0;
  write(false, [&](Database& database) {
    std::map<std::int64_t, std::int64_t> by_list;
    for (const Row& row : database.query("select num, list from leads where state = 1")) {
      if (living.contains(static_cast<std::uint64_t>(number_at(row, 0)))) continue;
      database.execute(
          "update leads set state = 0, not_before_ms = case when recall_ms <> 0 then recall_ms else not_before_ms end, "
          "recall_ms = 0 where num = :num",
          {row[0]});
      ++by_list[number_at(row, 1)];
      ++reset;
    }
    for (const auto& [list, leads] : by_list) {
      count(database, list, LeadState::kInHand, -leads);
      count(database, list, LeadState::kPending, leads);
    }
  });
  return reset;
}

}  // namespace carillon::control
