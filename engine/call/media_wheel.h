#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/base/check.h"
#include "engine/base/pool.h"
#include "engine/base/time.h"

namespace carillon::call {

/// Each leg's 20 ms beat, spread over 40 slots of 0.5 ms, so that frames leave as a smooth stream. A leg joins the
/// emptiest slot; bridged legs share one, so that speech crosses within a step.
///
/// Cost: join and leave O(slots), no allocation (each slot is reserved for all legs at start).
class MediaWheel {
 public:
  static constexpr int kSlots = 40;
  static constexpr Duration kBeat = 20ms;
  static constexpr Duration kSlotTime = kBeat / kSlots;
  /// A beat that could not run within this is left out: after a stall no burst of old sound follows.
  static constexpr Duration kCatchUp = 200ms;

  struct Place {
    std::int8_t slot = -1;  ///< -1: not on the wheel
    std::uint32_t at = 0;
  };

  MediaWheel(std::uint32_t legs_max, TimePoint start) : next_(start) {
    for (auto& slot : slots_) slot.reserve(legs_max);
  }

  /// `places(handle)` gives the Place stored in the leg, for the one that moves into the gap.
  int emptiest() const {
    int best = 0;
    for (int slot = 1; slot < kSlots; ++slot)
      if (slots_[static_cast<std::size_t>(slot)].size() < slots_[static_cast<std::size_t>(best)].size()) best = slot;
    return best;
  }
  /// The slot whose beat is nearest to this moment, give or take whole beats.
  int slot_at(TimePoint moment) const {
    const std::int64_t steps = (moment - next_ + kSlotTime / 2) / kSlotTime;
    return static_cast<int>(((slot_ + steps) % kSlots + kSlots) % kSlots);
  }
  /// A moment at which this slot is due.
  TimePoint beat_of(int slot) const { return next_ + ((slot - slot_ + kSlots) % kSlots) * kSlotTime; }
  Place join(Handle leg, int slot) {
    auto& list = slots_[static_cast<std::size_t>(slot)];
    list.push_back(leg);
    ++size_;
    return {static_cast<std::int8_t>(slot), static_cast<std::uint32_t>(list.size() - 1)};
  }
  /// moved(handle, place): the leg that took the place of the one that left.
  template <class Moved>
  void leave(Place place, Moved&& moved) {
    if (place.slot < 0) return;
    auto& list = slots_[static_cast<std::size_t>(place.slot)];
    CHECK(place.at < list.size());
    list[place.at] = list.back();
    list.pop_back();
    --size_;
    if (place.at < list.size()) moved(list[place.at], place);
  }

  /// Nobody is there: time alone passes.
  void skip_idle(TimePoint now) {
    if (size_ == 0 && next_ < now) advance((now - next_) / kSlotTime);
  }
  /// Runs the slots that are due: run(legs, due). Legs may leave, not join, the running slot only after the run:
  /// the owner must collect its changes. Returns the beats left out by a stall.
  template <class Run>
  std::uint64_t run_due(TimePoint now, Run&& run) {
    std::uint64_t skipped = 0;
    skip_idle(now);
    while (next_ <= now) {
      auto& list = slots_[static_cast<std::size_t>(slot_)];
      const TimePoint due = next_;
      if (now - due > kCatchUp)
        skipped += list.size();
      else if (!list.empty())
        run(std::span<const Handle>(list), due);
      advance(1);
    }
    return skipped;
  }
  /// When the next slot with a leg in it is due, or TimePoint::max().
  TimePoint next() const {
    if (size_ == 0) return TimePoint::max();
    for (int step = 0; step < kSlots; ++step)
      if (!slots_[static_cast<std::size_t>((slot_ + step) % kSlots)].empty()) return next_ + step * kSlotTime;
    return TimePoint::max();
  }
  std::size_t size() const { return size_; }

 private:
  void advance(std::int64_t slots) {
    next_ += slots * kSlotTime;
    slot_ = static_cast<int>((slot_ + slots) % kSlots);
  }

  std::array<std::vector<Handle>, kSlots> slots_;
  std::size_t size_ = 0;
  int slot_ = 0;
  TimePoint next_;
};

}  // namespace carillon::call
