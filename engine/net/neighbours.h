#pragma once
// Who is on the link: IP address → MAC address, for ARP (RFC 826) and NDP (RFC 4861 §7.3) alike. Pure: what is heard
// and the time go in; whom to ask comes out.

#include <cstdint>
#include <vector>

#include "engine/base/time.h"
#include "engine/net/address.h"

namespace carillon::net {

/// A fixed table, open addressing over a seeded hash.
///
///   (none) ─use─► Incomplete ─answer─► Reachable ─30 s─► Stale ─use─► Probe ─answer─► Reachable
///                     └─3 × 1 s─► gone      ▲ answer ──────┘ └─10 min─► gone  └─3 × 1 s─► gone
///
/// Each entry has a generation, which changes whenever what was built from it must be built anew: another MAC address,
/// gone, or Stale (so that the next packet comes by use() and a probe leaves). A ready packet header therefore needs
/// one comparison in a small array, and an entry that is used says so once per 30 s.
///
/// full  of the next kExamined entries, the one unused for longest makes room, if nobody here has sent there for a
///       minute. What we talk to, and what packets wait for, is never evicted: then use() answers kFull and heard()
///       keeps nothing.
class Neighbours {
 public:
  static constexpr Duration kReachable = 30s, kStale = 10 * 60s, kRetry = 1s, kInUse = 60s;
  static constexpr int kTries = 3;
  static constexpr std::uint32_t kExamined = 32;
  static constexpr std::uint16_t kNone = 0;

  enum class State : std::uint8_t { kFree, kIncomplete, kReachable, kStale, kProbe };
  enum class Verdict : std::uint8_t { kReady, kWait, kFull };

  struct Used {
    Verdict verdict = Verdict::kFull;
    std::uint16_t index = kNone;
    bool asks = false;  ///< a request must leave now: to all when kWait, to the known MAC address when kReady
  };
  struct Heard {
    Address address;
    MacAddress mac{};
    bool is_solicited = false, overrides = false, creates = false;
  };
  struct Due {
    enum class Kind : std::uint8_t { kAskAll, kAskIt, kFailed } kind = Kind::kFailed;
    std::uint16_t index = kNone;
    Address address;
  };

  Neighbours(std::uint32_t capacity, std::uint64_t seed);

  /// We want to send there.
  Used use(const Address& address, TimePoint now);
  /// Returns the entry when packets may be waiting for just this, else kNone.
  std::uint16_t heard(const Heard& heard, TimePoint now);
  /// The next thing to do, until false. An entry that failed is gone when this returns; its packets are the caller's.
  bool fire(TimePoint now, Due& due);
  TimePoint deadline() const { return next_; }

  std::uint32_t generation(std::uint16_t index) const { return generations_[index]; }
  /// What is built from this entry must be built anew.
  void invalidate(const Address& address) {
    if (const std::uint16_t index = find(address); index != kNone) ++generations_[index];
  }
  const MacAddress& mac(std::uint16_t index) const { return entries_[index].mac; }
  const Address& address(std::uint16_t index) const { return entries_[index].address; }
  State state(const Address& address) const;
  std::uint32_t size() const { return size_; }

 private:
  struct Entry {
    Address address;
    MacAddress mac{};
    State state = State::kFree;
    std::uint8_t tries = 0;
    bool is_used = false;  // by us, ever
    TimePoint deadline, used;
  };
  std::uint16_t find(const Address& address) const;
  std::uint16_t add(const Address& address, TimePoint now);
  void remove(std::uint16_t index);
  bool make_room(TimePoint now);
  void enter(Entry& entry, State state, TimePoint deadline);

  std::uint64_t seed_;
  std::uint32_t slot_mask_, size_ = 0, cursor_ = 1, hand_ = 1;
  TimePoint next_ = TimePoint::max(), scanned_next_ = TimePoint::max();
  std::vector<Entry> entries_;              // [0] is nobody
  std::vector<std::uint32_t> generations_;  // by entry
  std::vector<std::uint16_t> slots_, free_;
};

}  // namespace carillon::net
