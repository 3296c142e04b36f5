#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <vector>

#include "engine/base/check.h"
#include "engine/base/pool.h"
#include "engine/base/time.h"

namespace carillon {

/// Hashed timing wheel (Varghese, Lauck 1987, scheme 6): slots of 1 ms, 4096 of them; a timer further away stays in
/// its slot for more rounds. A timer never fires early and at most one tick (1 ms) late, relative to fire()'s `now`.
///
/// Payload  what the owner finds its object by, trivially small (a Handle, an index)
/// full     schedule() returns an empty Handle
/// cost     schedule, cancel O(1) without allocation; fire O(slots passed + timers met); next() O(64 words)
template <class Payload>
class Timers {
 public:
  Timers(std::uint32_t capacity, TimePoint start) : nodes_(capacity), current_(tick_of(start)) {
    heads_.fill(kNone);
    used_.fill(0);
  }

  Handle schedule(TimePoint at, Payload payload) {
    const Handle handle = nodes_.add();
    if (!handle) return {};
    std::int64_t tick = tick_of(at) + 1;  // round up: never early
    if (tick <= current_) tick = current_ + 1;
    Node& node = *nodes_.find(handle);
    node.tick = tick;
    node.payload = payload;
    node.self = handle;
    link(node);
    return handle;
  }

  bool cancel(Handle handle) {
    Node* node = nodes_.find(handle);
    if (!node) return false;
    unlink(*node);
    nodes_.remove(handle);
    return true;
  }

  /// Calls fired(payload) for at most `most` due timers; the rest fire at the next call. fired may schedule and cancel.
  template <class Fired>
  int fire(TimePoint now, int most, Fired&& fired) {
    const std::int64_t target = tick_of(now);
    int count = 0;
    while (current_ < target) {
      const std::int64_t tick = current_ + 1;
      const auto slot = static_cast<std::size_t>(tick) % kSlots;
      for (;;) {
        Node* due = nullptr;
        for (auto at = heads_[slot]; at.generation != 0;) {
          Node& node = *nodes_.find(at);
          if (node.tick <= tick) {
            due = &node;
            break;
          }
          at = node.next;
        }
        if (!due) break;
        if (count == most) return count;
        const Payload payload = due->payload;
        const Handle self = due->self;
        unlink(*due);
        nodes_.remove(self);
        ++count;
        fired(payload);
      }
      current_ = tick;
      if (used_ == std::array<std::uint64_t, kSlots / 64>{}) current_ = target;
    }
    return count;
  }

  /// When fire() should be called next at the latest, or TimePoint::max(). May be early by whole rounds of the wheel.
  TimePoint next() const {
    for (std::size_t step = 1; step <= kSlots;) {
      const auto slot = static_cast<std::size_t>(current_ + static_cast<std::int64_t>(step)) % kSlots;
      const std::uint64_t word = used_[slot / 64] >> (slot % 64);
      if (word != 0) {
        const auto tick = current_ + static_cast<std::int64_t>(step) + std::countr_zero(word);
        return TimePoint(std::chrono::milliseconds(tick));
      }
      step += 64 - slot % 64;
    }
    return TimePoint::max();
  }
  std::size_t size() const { return nodes_.size(); }

 private:
  static constexpr std::size_t kSlots = 4096;
  static constexpr Handle kNone{};
  struct Node {
    std::int64_t tick = 0;
    Payload payload{};
    Handle self, previous, next;
  };

  static std::int64_t tick_of(TimePoint at) {
    return std::chrono::floor<std::chrono::milliseconds>(at.time_since_epoch()).count();
  }
  void link(Node& node) {
    const auto slot = static_cast<std::size_t>(node.tick) % kSlots;
    node.previous = kNone;
    node.next = heads_[slot];
    if (node.next) nodes_.find(node.next)->previous = node.self;
    heads_[slot] = node.self;
    used_[slot / 64] |= std::uint64_t{1} << (slot % 64);
  }
  void unlink(Node& node) {
    const auto slot = static_cast<std::size_t>(node.tick) % kSlots;
    if (node.previous)
      nodes_.find(node.previous)->next = node.next;
    else
      heads_[slot] = node.next;
    if (node.next) nodes_.find(node.next)->previous = node.previous;
    if (!heads_[slot]) used_[slot / 64] &= ~(std::uint64_t{1} << (slot % 64));
  }

  Pool<Node> nodes_;
  std::array<Handle, kSlots> heads_;
  std::array<std::uint64_t, kSlots / 64> used_;
  std::int64_t current_;
};

}  // namespace carillon
