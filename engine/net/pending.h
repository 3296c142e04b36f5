#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "engine/base/bytes.h"

namespace carillon::net {

/// Packets that wait for their neighbour's MAC address (RFC 4861 §7.2.2), whole frames but for that.
///
/// full  a neighbour keeps its newest kPerNeighbour; when no slot is left at all, put() answers nothing.
class Pending {
 public:
  static constexpr std::size_t kPerNeighbour = 4;
  static constexpr std::size_t kBytes = 1536;

  struct Packet {
    ByteView bytes;
    std::uint8_t flags = 0;  ///< as io::Frame's
  };

  Pending(std::uint32_t neighbours, std::uint32_t slots) : queues_(neighbours + 1), slots_(slots) {
    free_.reserve(slots);
    for (std::uint32_t i = slots; i > 0; --i) free_.push_back(static_cast<std::uint16_t>(i - 1));
  }

  /// Room for one more of `size` bytes, or nothing. `dropped` counts what had to go.
  ByteSpan put(std::uint16_t neighbour, std::size_t size, std::uint8_t flags, std::uint64_t& dropped) {
    Queue& queue = queues_[neighbour];
    if (queue.count == kPerNeighbour) {
      (void)pop(neighbour);
      ++dropped;
    }
    if (free_.empty() || size > kBytes) {
      ++dropped;
      return {};
    }
    const std::uint16_t slot = free_.back();
    free_.pop_back();
    slots_[slot].size = static_cast<std::uint16_t>(size);
    slots_[slot].flags = flags;
    queue.slots[queue.count++] = slot;
    return std::span(slots_[slot].bytes).first(size);
  }
  /// The oldest; valid until the next put(). Nothing when there is none.
  Packet pop(std::uint16_t neighbour) {
    Queue& queue = queues_[neighbour];
    if (queue.count == 0) return {};
    const std::uint16_t slot = queue.slots[0];
    --queue.count;
    for (std::size_t i = 0; i < queue.count; ++i) queue.slots[i] = queue.slots[i + 1];
    free_.push_back(slot);
    return {std::span(slots_[slot].bytes).first(slots_[slot].size), slots_[slot].flags};
  }
  std::size_t free() const { return free_.size(); }

 private:
  struct Queue {
    std::array<std::uint16_t, kPerNeighbour> slots{};
    std::uint8_t count = 0;
  };
  struct Slot {
    std::uint16_t size = 0;
    std::uint8_t flags = 0;
    std::array<std::byte, kBytes> bytes;
  };
  std::vector<Queue> queues_;
  std::vector<Slot> slots_;
  std::vector<std::uint16_t> free_;
};

}  // namespace carillon::net
