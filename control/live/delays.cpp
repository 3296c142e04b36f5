#include "control/live/delays.h"

#include <algorithm>

namespace carillon::control {

void Delays::note(Duration took, TimePoint now) {
  took = std::max(took, Duration::zero());
  const auto number = now.time_since_epoch() / kSlot;
  const std::lock_guard lock(mutex_);
  const auto bin = std::ranges::lower_bound(kBounds, took) - kBounds.begin();
  ++sums_.counts[static_cast<std::size_t>(bin)];
  ++sums_.count;
  sums_.total += took;
  Slot& slot = slots_[static_cast<std::size_t>(number) % slots_.size()];
  if (slot.number != number) slot = {number, {}};
  slot.longest = std::max(slot.longest, took);
}

Delays::View Delays::view(TimePoint now) const {
  const auto number = now.time_since_epoch() / kSlot;
  const std::lock_guard lock(mutex_);
  View view = sums_;
  for (const Slot& slot : slots_)
    if (slot.number > number - static_cast<std::int64_t>(slots_.size()))
      view.longest_of_minute = std::max(view.longest_of_minute, slot.longest);
  return view;
}

}  // namespace carillon::control
