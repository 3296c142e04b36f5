// Numbers that a project must not call, and who hears of them at once.

#include <fmt/format.h>

#include "control/store/leads_rows.h"

namespace carillon::control {
namespace {

BlockedNumber blocked_of(const Row& row) { return {text_at(row, 0), text_at(row, 1), number_at(row, 2)}; }

}  // namespace

std::size_t LeadStore::block(const std::string& project, std::span<const std::string> numbers,
                             const std::string& reason, WallTime now) {
  std::size_t added = 0;
  write(false, [&](Database& database) {
    for (const std::string& number : numbers)
      added += static_cast<std::size_t>(database.execute(
          "insert into do_not_call (project, number, reason, created_ms) values (:project, :number, :reason, :created) "
          "on conflict do nothing",
          {project, number, reason, ms_of(now)}));
  });
  tell({LeadNews::Kind::kBlocked, project, {}, {numbers.begin(), numbers.end()}});
  return added;
}

bool LeadStore::unblock(const std::string& project, const std::string& number) {
  std::int64_t removed = 0;
  write(false, [&](Database& database) {
    removed =
        database.execute("delete from do_not_call where project = :project and number = :number", {project, number});
  });
  if (removed == 1) tell({LeadNews::Kind::kUnblocked, project, {}, {number}});
  return removed == 1;
}

std::optional<BlockedNumber> LeadStore::blocked(const std::string& project, const std::string& number) {
  const auto rows =
      read("select number, reason, created_ms from do_not_call where project = :project and number = :number",
           {project, number});
  if (rows.empty()) return std::nullopt;
  return blocked_of(rows[0]);
}

std::vector<BlockedNumber> LeadStore::blocked_after(const std::string& project, const std::string& after,
                                                    std::size_t limit) {
  std::vector<BlockedNumber> blocked;
  for (const Row& row :
       read(fmt::format("select number, reason, created_ms from do_not_call where project = :project and number > "
                        ":after order by number limit {}",
                        limit),
            {project, after}))
    blocked.push_back(blocked_of(row));
  return blocked;
}

void LeadStore::all_blocked(const std::string& project, const std::function<void(const std::string&)>& take) {
  constexpr std::size_t kPiece = 10'000;
  std::string last;
  for (;;) {
    const auto piece = blocked_after(project, last, kPiece);
    for (const BlockedNumber& blocked : piece) take(blocked.number);
    if (piece.size() < kPiece) return;
    last = piece.back().number;
  }
}

std::uint64_t LeadStore::listen(std::function<void(const LeadNews&)> hear) {
  const std::lock_guard lock(listeners_mutex_);
  listeners_[++last_listener_] = std::move(hear);
  return last_listener_;
}

void LeadStore::ignore(std::uint64_t listener) {
  const std::lock_guard lock(listeners_mutex_);
  listeners_.erase(listener);
}

// Several threads may tell at once: a listener that waits for another's lock must not keep that other from telling.
void LeadStore::tell(const LeadNews& news) {
  const std::shared_lock lock(listeners_mutex_);
  for (const auto& [id, hear] : listeners_) hear(news);
}

}  // namespace carillon::control
