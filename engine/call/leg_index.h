#pragma once

#include <cstdint>
#include <vector>

#include "engine/base/check.h"
#include "engine/base/pool.h"
#include "engine/base/units.h"

namespace carillon::call {

/// Finds a living leg by its id. Open addressing with room for twice the legs, all taken at start: no step allocates.
class LegIndex {
 public:
  explicit LegIndex(std::size_t legs_max) {
    std::size_t size = 16;
    while (size < 2 * legs_max) size *= 2;
    slots_.resize(size);
  }

  Handle find(LegId id) const {
    for (std::size_t at = home(id.value);; at = next(at)) {
      if (slots_[at].id == id.value) return slots_[at].leg;
      if (slots_[at].id == 0) return {};
    }
  }
  /// `id` is not 0 and not there yet; there are never more than `legs_max`.
  void add(LegId id, Handle leg) {
    CHECK(id.value != 0);
    std::size_t at = home(id.value);
    while (slots_[at].id != 0) at = next(at);
    slots_[at] = {id.value, leg};
  }
  void remove(LegId id) {
    std::size_t gap = home(id.value);
    while (slots_[gap].id != id.value) {
      if (slots_[gap].id == 0) return;
      gap = next(gap);
    }
    // what was pushed on past the gap moves back, so that a search may still stop at the first free slot
    for (std::size_t at = next(gap); slots_[at].id != 0; at = next(at)) {
      const std::size_t wanted = home(slots_[at].id);
      const bool may_stay = gap <= at ? gap < wanted && wanted <= at : gap < wanted || wanted <= at;
      if (may_stay) continue;
      slots_[gap] = slots_[at];
      gap = at;
    }
    slots_[gap] = {};
  }

 private:
  struct Slot {
    std::uint64_t id = 0;
    Handle leg;
  };
  std::size_t home(std::uint64_t id) const { return (id * 0x9E3779B97F4A7C15u >> 20) & (slots_.size() - 1); }
  std::size_t next(std::size_t at) const { return (at + 1) & (slots_.size() - 1); }

  std::vector<Slot> slots_;
};

}  // namespace carillon::call
