#pragma once

#include <array>
#include <cstdint>

#include "engine/base/time.h"
#include "engine/net/address.h"

namespace carillon::net {

/// Destinations whose path takes less than our link (RFC 1191, RFC 8201), for ten minutes each. Full: the one of its
/// four places that ends first makes room; whoever is forgotten is told again.
class PathMtu {
 public:
  static constexpr Duration kKept = 10 * 60s;

  explicit PathMtu(std::uint64_t seed) : seed_(seed) {}

  /// 0: nothing is known.
  std::uint16_t find(const Address& target, TimePoint now) const {
    for (const Entry& entry : set(target))
      if (entry.mtu != 0 && entry.ends > now && entry.target == target) return entry.mtu;
    return 0;
  }
  /// True when this path shrank. It never grows but by being forgotten.
  bool learn(const Address& target, std::uint16_t mtu, TimePoint now) {
    Entry* place = nullptr;
    for (Entry& entry : set(target)) {
      if (entry.mtu != 0 && entry.ends > now && entry.target == target) {
        if (mtu >= entry.mtu) return false;
        place = &entry;
        break;
      }
      if (!place || entry.ends < place->ends) place = &entry;
    }
    *place = {target, mtu, now + kKept};
    return true;
  }

 private:
  struct Entry {
    Address target;
    std::uint16_t mtu = 0;
    TimePoint ends = TimePoint::min();
  };
  static constexpr std::size_t kSets = 16;
  using Set = std::array<Entry, 4>;
  Set& set(const Address& target) { return sets_[target.hash(seed_) % kSets]; }
  const Set& set(const Address& target) const { return sets_[target.hash(seed_) % kSets]; }

  std::uint64_t seed_;
  std::array<Set, kSets> sets_;
};

}  // namespace carillon::net
