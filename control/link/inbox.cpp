#include "control/link/inbox.h"

namespace carillon::control {
namespace {

// What the engine's journal keeps: only here does the owner's "not now" count.
bool is_journaled(const wire::FromEngine& event) {
  return event.has_record_done() || (event.has_leg() && event.leg().state() == wire::LegState::ENDED);
}

}  // namespace

void Inbox::add(wire::FromEngine event) {
  if (event.sequence() <= seen_) return;
  seen_ = event.sequence();
  waiting_.push_back({std::move(event), true});
}

bool Inbox::deliver(const Deliver& deliver, const Commit& commit) {
  std::size_t count = 0;
  bool is_held = false;
  for (; count < waiting_.size(); ++count) {
    const wire::FromEngine& event = waiting_[count].event;
    is_held = !deliver(event) && is_journaled(event);
    if (is_held) break;
  }
  if (count == 0) return !is_held;
  if (commit && !commit()) return false;  // the whole batch comes again
  for (; count > 0; --count) {
    if (waiting_.front().is_of_epoch) committed_ = waiting_.front().event.sequence();
    waiting_.pop_front();
  }
  return !is_held;
}

void Inbox::new_epoch() {
  for (Waiting& one : waiting_) one.is_of_epoch = false;
  seen_ = committed_ = 0;
}

}  // namespace carillon::control
