#include "dialer/hopper/hopper.h"

namespace carillon::dialer {

bool Hopper::add(Lead lead, WallTime due) {
  remove(lead.id);
  if (room() == 0) return false;
  const std::uint64_t id = lead.id.value;
  waiting_.emplace(due, id);
  leads_.emplace(id, Entry{std::move(lead), due, false});
  return true;
}

bool Hopper::remove(LeadId lead) {
  const auto found = leads_.find(lead.value);
  if (found == leads_.end()) return false;
  const Entry& entry = found->second;
  if (entry.is_ready)
    ready_.erase({entry.lead.priority, entry.due, lead.value});
  else
    waiting_.erase({entry.due, lead.value});
  leads_.erase(found);
  return true;
}

void Hopper::step_forward(WallTime now) {
  while (!waiting_.empty() && waiting_.begin()->first <= now) {
    Entry& entry = leads_.at(waiting_.begin()->second);
    entry.is_ready = true;
    ready_.insert({entry.lead.priority, entry.due, entry.lead.id.value});
    waiting_.erase(waiting_.begin());
  }
}

std::optional<Lead> Hopper::take(WallTime now) {
  step_forward(now);
  if (ready_.empty()) return std::nullopt;
  const std::uint64_t id = ready_.begin()->id;
  Lead lead = std::move(leads_.at(id).lead);
  ready_.erase(ready_.begin());
  leads_.erase(id);
  return lead;
}

std::size_t Hopper::ready(WallTime now) {
  step_forward(now);
  return ready_.size();
}

WallTime Hopper::next_due() const { return waiting_.empty() ? WallTime::max() : waiting_.begin()->first; }

}  // namespace carillon::dialer
