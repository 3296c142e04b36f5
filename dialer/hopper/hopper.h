#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <unordered_map>
#include <vector>

#include "dialer/types.h"

namespace carillon::dialer {

/// The leads that are ready to dial, in memory, bounded: the owner fills it before it runs dry. Those due later wait by
/// their time and step forward when it has come; among the ready the highest priority goes first, then the one that
/// has waited longest.
///
/// full   add() answers false: the lead stays with its owner
/// cost   O(log n)
class Hopper {
 public:
  explicit Hopper(std::size_t capacity) : capacity_(capacity) {}

  /// `due` ≤ now: ready. A lead that is already inside is replaced.
  bool add(Lead lead, WallTime due);
  bool remove(LeadId lead);
  /// The best lead that is ready, taken out.
  std::optional<Lead> take(WallTime now);
  bool contains(LeadId lead) const { return leads_.contains(lead.value); }

  std::size_t size() const { return leads_.size(); }
  std::size_t room() const { return capacity_ - leads_.size(); }
  std::size_t ready(WallTime now);
  /// When the next waiting lead becomes ready; max() when none waits.
  WallTime next_due() const;
  template <class Visit>
  void each(Visit&& visit) const {
    for (const auto& [_, entry] : leads_) visit(entry.lead);
  }

 private:
  struct Rank {
    std::int32_t priority;
    WallTime due;
    std::uint64_t id;
    friend bool operator<(const Rank& a, const Rank& b) {
      if (a.priority != b.priority) return a.priority > b.priority;
      if (a.due != b.due) return a.due < b.due;
      return a.id < b.id;
    }
  };
  struct Entry {
    Lead lead;
    WallTime due;
    bool is_ready;
  };
  void step_forward(WallTime now);

  std::size_t capacity_;
  std::unordered_map<std::uint64_t, Entry> leads_;
  std::set<Rank> ready_;
  std::set<std::pair<WallTime, std::uint64_t>> waiting_;
};

}  // namespace carillon::dialer
