#pragma once

#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <utility>
#include <vector>

#include "engine/base/check.h"

namespace carillon {

/// Names something that may be gone: a late event finds nothing instead of something else.
/// Generation 0 never lives, so a default Handle names nothing.
struct Handle {
  std::uint32_t index = 0;
  std::uint32_t generation = 0;
  explicit operator bool() const { return generation != 0; }
  friend constexpr bool operator==(Handle, Handle) = default;
  std::uint64_t bits() const { return std::uint64_t{generation} << 32 | index; }
  static Handle from_bits(std::uint64_t bits) {
    return {static_cast<std::uint32_t>(bits), static_cast<std::uint32_t>(bits >> 32)};
  }
};

/// A fixed number of T, allocated at start. `add` returns an empty Handle when full: the caller states what that means.
/// Cost: no allocation after construction beyond what T itself does. Addresses are stable.
template <class T>
class Pool {
 public:
  explicit Pool(std::uint32_t capacity) : slots_(capacity) {
    free_.reserve(capacity);
    for (std::uint32_t i = capacity; i > 0; --i) free_.push_back(i - 1);
  }

  template <class... Args>
  Handle add(Args&&... args) {
    if (free_.empty()) return {};
    const std::uint32_t index = free_.back();
    free_.pop_back();
    Slot& slot = slots_[index];
    CHECK(!slot.value.has_value());
    slot.value.emplace(std::forward<Args>(args)...);
    if (++slot.generation == 0) slot.generation = 1;
    return {index, slot.generation};
  }
  T* find(Handle handle) {
    if (handle.index >= slots_.size()) return nullptr;
    Slot& slot = slots_[handle.index];
    return slot.generation == handle.generation && slot.value ? &*slot.value : nullptr;
  }
  const T* find(Handle handle) const { return const_cast<Pool*>(this)->find(handle); }
  bool remove(Handle handle) {
    if (!find(handle)) return false;
    slots_[handle.index].value.reset();
    free_.push_back(handle.index);
    return true;
  }
  /// Calls visit(handle, value) for each that lives; visit may remove the one it was given.
  template <class Visit>
  void each(Visit&& visit) {
    for (std::uint32_t i = 0; i < slots_.size(); ++i)
      if (slots_[i].value) visit(Handle{i, slots_[i].generation}, *slots_[i].value);
  }
  /// What lives in this place, or null.
  const T* at(std::uint32_t index) const { return slots_[index].value ? &*slots_[index].value : nullptr; }
  std::size_t size() const { return slots_.size() - free_.size(); }
  std::size_t capacity() const { return slots_.size(); }

 private:
  struct Slot {
    std::uint32_t generation = 0;
    std::optional<T> value;
  };
  std::vector<Slot> slots_;
  std::vector<std::uint32_t> free_;
};

}  // namespace carillon
