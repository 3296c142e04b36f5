#pragma once

#include <cstddef>
#include <cstdint>
#include <new>
#include <type_traits>
#include <utility>
#include <vector>

#include "engine/base/bytes.h"
#include "engine/base/check.h"
#include "engine/base/huge_pages.h"

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
/// Cost: no allocation after construction beyond what T itself does. Addresses are stable. Slots are a whole number of
/// cache lines, so that what T declares first shares one with what find() looks at.
template <class T>
class Pool {
 public:
  explicit Pool(std::uint32_t capacity) : capacity_(capacity), memory_(capacity * sizeof(Slot)) {
    slots_ = reinterpret_cast<Slot*>(memory_.data());
    for (std::uint32_t i = 0; i < capacity; ++i) new (&slots_[i]) Slot;
    free_.reserve(capacity);
    for (std::uint32_t i = capacity; i > 0; --i) free_.push_back(i - 1);
  }
  ~Pool() {
    if constexpr (!std::is_trivially_destructible_v<T>) each([](Handle, T& value) { value.~T(); });
  }
  Pool(const Pool&) = delete;

  template <class... Args>
  Handle add(Args&&... args) {
    if (free_.empty()) return {};
    const std::uint32_t index = free_.back();
    Slot& slot = slots_[index];
    CHECK(!slot.is_alive);
    new (slot.room) T(std::forward<Args>(args)...);
    free_.pop_back();
    slot.is_alive = true;
    if (++slot.generation == 0) slot.generation = 1;
    return {index, slot.generation};
  }
  T* find(Handle handle) {
    if (handle.index >= capacity_) return nullptr;
    Slot& slot = slots_[handle.index];
    return slot.generation == handle.generation && slot.is_alive ? slot.value() : nullptr;
  }
  const T* find(Handle handle) const { return const_cast<Pool*>(this)->find(handle); }
  bool remove(Handle handle) {
    T* value = find(handle);
    if (!value) return false;
    value->~T();
    slots_[handle.index].is_alive = false;
    free_.push_back(handle.index);
    return true;
  }
  /// Calls visit(handle, value) for each that lives; visit may remove the one it was given.
  template <class Visit>
  void each(Visit&& visit) {
    for (std::uint32_t i = 0; i < capacity_; ++i)
      if (slots_[i].is_alive) visit(Handle{i, slots_[i].generation}, *slots_[i].value());
  }
  /// What lives in this place, or null.
  T* at(std::uint32_t index) { return slots_[index].is_alive ? slots_[index].value() : nullptr; }
  const T* at(std::uint32_t index) const { return const_cast<Pool*>(this)->at(index); }
  std::size_t size() const { return capacity_ - free_.size(); }
  std::size_t capacity() const { return capacity_; }

  /// Fetches the cache lines that hold bytes [from, from + kBytes) of the slot into the cache, for a find() to come;
  /// its head lies before `from` 0.
  template <std::size_t kBytes>
  void prefetch(Handle handle, std::size_t from = 0) const {
    if (handle.index >= capacity_) return;
    carillon::prefetch(reinterpret_cast<const std::byte*>(&slots_[handle.index]) + from, kBytes);
  }

 private:
  struct alignas(sizeof(T) >= 64 ? 64 : alignof(std::max_align_t)) Slot {
    std::uint32_t generation = 0;
    bool is_alive = false;
    alignas(T) std::byte room[sizeof(T)];
    T* value() { return std::launder(reinterpret_cast<T*>(room)); }
  };

  std::uint32_t capacity_;
  HugePages memory_;
  Slot* slots_ = nullptr;
  std::vector<std::uint32_t> free_;
};

}  // namespace carillon
