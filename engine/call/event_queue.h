#pragma once

#include <cstdint>
#include <vector>

#include "engine/call/event.h"

namespace carillon::call {

/// Events on their way to the link, kept while its ring is full. What a CDR or a command's answer depends on is never
/// lost; the rest (detections, digits, statistics …) is dropped and counted once half of the room is used.
///
/// full  is_crowded() turns true at three quarters: the owner takes no new calls then, and each living leg needs room
///       for one last event only, which the capacity must cover (legs + a margin)
class EventQueue {
 public:
  explicit EventQueue(std::size_t capacity) : events_(capacity) {}

  void push(const Event& event) {
    const bool must_arrive = event.kind == EventKind::kDone || event.kind == EventKind::kLegState;
    if (count_ == events_.size() || (!must_arrive && count_ >= events_.size() / 2)) {
      ++dropped_;
      return;
    }
    events_[(first_ + count_++) % events_.size()] = event;
  }
  bool empty() const { return count_ == 0; }
  std::size_t size() const { return count_; }
  std::size_t capacity() const { return events_.size(); }
  const Event& front() const { return events_[first_]; }
  void pop() {
    first_ = (first_ + 1) % events_.size();
    --count_;
  }
  bool is_crowded() const { return count_ >= events_.size() * 3 / 4; }
  std::uint64_t dropped() const { return dropped_; }

 private:
  std::vector<Event> events_;
  std::size_t first_ = 0, count_ = 0;
  std::uint64_t dropped_ = 0;
};

}  // namespace carillon::call
