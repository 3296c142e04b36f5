#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "engine/base/time.h"
#include "engine/net/packet.h"

namespace carillon::net {

/// Puts fragments together (RFC 791 §3.2, RFC 8200 §4.5). Pure.
///
/// A fragment that overlaps another ends its whole datagram (RFC 5722); an exact duplicate changes nothing. What has
/// ended stays known until its time is over, so that its other fragments start nothing new.
///
/// full  the oldest unfinished datagram makes room
/// cost  kDatagrams × kBytes of memory; a search over kDatagrams numbers per fragment
class Reassembly {
 public:
  static constexpr std::size_t kDatagrams = 64, kBytes = 16'384;
  static constexpr Duration kTimeV4 = 30s, kTimeV6 = 60s;  // RFC 1122 §3.3.2 wants 60 to 120 s at most; Linux takes 30

  enum class Verdict : std::uint8_t { kWaits, kRefused, kOverlap, kComplete };
  struct Taken {
    Verdict verdict = Verdict::kRefused;
    std::uint8_t slot = 0;  ///< kComplete: lent until release()
    bool evicted = false;   ///< another datagram was given up
  };

  Reassembly();

  Taken take(const Packet& fragment, TimePoint now);
  /// This datagram is not wanted.
  void refuse(const Packet& fragment, TimePoint now);
  /// The whole datagram; its payload lives until release(slot).
  const Packet& whole(std::uint8_t slot) const { return slots_[slot].packet; }
  void release(std::uint8_t slot) { slots_[slot].state = State::kFree; }
  /// Frees what waited too long; returns how many were incomplete.
  std::uint64_t expire(TimePoint now);
  TimePoint deadline() const { return next_; }

 private:
  enum class State : std::uint8_t { kFree, kGathering, kRefused, kLent };
  struct Slot {
    State state = State::kFree;
    std::uint16_t total = 0, have = 0;  // bytes; total 0: the last one has not come
    std::uint16_t end = 0;              // of what has come so far
    TimePoint started, ends;
    Packet packet;                                       // whose: source, target, protocol, fragment_id
    std::array<std::uint64_t, kBytes / 8 / 64> units{};  // bits: which 8-byte units are here
  };
  Slot* find(const Packet& fragment);
  Slot* add(const Packet& fragment, TimePoint now, bool& evicted);
  std::byte* bytes(const Slot& slot) {
    return memory_.get() + static_cast<std::size_t>(&slot - slots_.data()) * kBytes;
  }
  Verdict put(Slot& slot, const Packet& fragment);

  std::vector<Slot> slots_;
  std::unique_ptr<std::byte[]> memory_;  // touched when first used
  TimePoint next_ = TimePoint::max();
};

}  // namespace carillon::net
