#pragma once

#include <bit>
#include <cstdint>
#include <vector>

#include "engine/base/check.h"

namespace carillon::sip {

/// Finds entries of a Pool by a 64-bit hash: chains through two arrays that are as long as the pool, so nothing is
/// allocated after start and it can never be full. The caller compares what it finds.
class Index {
 public:
  explicit Index(std::uint32_t capacity) : heads_(std::bit_ceil(capacity * 2 + 1), kNone), links_(capacity) {}

  void add(std::uint64_t hash, std::uint32_t entry) {
    CHECK(entry < links_.size());
    auto& head = heads_[slot(hash)];
    links_[entry] = {hash, head};
    head = entry;
  }
  void remove(std::uint32_t entry) {
    for (auto* at = &heads_[slot(links_[entry].hash)]; *at != kNone; at = &links_[*at].next) {
      if (*at != entry) continue;
      *at = links_[entry].next;
      return;
    }
    CHECK(!"every entry that is removed was added");
  }
  /// The entry with this hash, or kNone.
  std::uint32_t find(std::uint64_t hash) const {
    auto at = heads_[slot(hash)];
    while (at != kNone && links_[at].hash != hash) at = links_[at].next;
    return at;
  }
  static constexpr std::uint32_t kNone = 0xFFFF'FFFF;

 private:
  struct Link {
    std::uint64_t hash;
    std::uint32_t next;
  };
  std::size_t slot(std::uint64_t hash) const { return hash & (heads_.size() - 1); }
  std::vector<std::uint32_t> heads_;
  std::vector<Link> links_;
};

}  // namespace carillon::sip
