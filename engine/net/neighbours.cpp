#include "engine/net/neighbours.h"

#include <algorithm>
#include <bit>

#include "engine/base/check.h"

namespace carillon::net {

Neighbours::Neighbours(std::uint32_t capacity, std::uint64_t seed)
    : seed_(seed),
      slot_mask_(std::bit_ceil(2 * capacity) - 1),
      entries_(capacity + 1),
      generations_(capacity + 1, 1),
      slots_(slot_mask_ + 1, kNone) {
  generations_[kNone] = 0;
  free_.reserve(capacity);
  for (std::uint32_t i = capacity; i > 0; --i) free_.push_back(static_cast<std::uint16_t>(i));
}

std::uint16_t Neighbours::find(const Address& address) const {
  for (std::uint64_t at = address.hash(seed_) & slot_mask_; slots_[at] != kNone; at = (at + 1) & slot_mask_)
    if (entries_[slots_[at]].address == address) return slots_[at];
  return kNone;
}

Neighbours::State Neighbours::state(const Address& address) const { return entries_[find(address)].state; }

void Neighbours::enter(Entry& entry, State state, TimePoint deadline) {
  entry.state = state;
  entry.deadline = deadline;
  next_ = std::min(next_, deadline);
  scanned_next_ = std::min(scanned_next_, deadline);
}

std::uint16_t Neighbours::add(const Address& address, TimePoint now) {
  if (free_.empty() && !make_room(now)) return kNone;
  const std::uint16_t index = free_.back();
  free_.pop_back();
  entries_[index] = {.address = address,
                     .mac = {},
                     .state = State::kIncomplete,
                     .tries = 0,
                     .is_used = false,
                     .deadline = {},
                     .used = now};
  std::uint64_t at = address.hash(seed_) & slot_mask_;
  while (slots_[at] != kNone) at = (at + 1) & slot_mask_;
  slots_[at] = index;
  ++size_;
  return index;
}

void Neighbours::remove(std::uint16_t index) {
  std::uint64_t hole = entries_[index].address.hash(seed_) & slot_mask_;
  while (slots_[hole] != index) {
    CHECK(slots_[hole] != kNone);
    hole = (hole + 1) & slot_mask_;
  }
  // what lies behind and may stand in the hole moves there, so that no search ends too early
  for (std::uint64_t at = (hole + 1) & slot_mask_; slots_[at] != kNone; at = (at + 1) & slot_mask_) {
    const std::uint64_t home = entries_[slots_[at]].address.hash(seed_) & slot_mask_;
    if (((at - home) & slot_mask_) < ((at - hole) & slot_mask_)) continue;
    slots_[hole] = slots_[at];
    hole = at;
  }
  slots_[hole] = kNone;
  entries_[index].state = State::kFree;
  ++generations_[index];
  free_.push_back(index);
  --size_;
}

bool Neighbours::make_room(TimePoint now) {
  std::uint16_t victim = kNone;
  for (std::uint32_t i = 0; i < kExamined; ++i) {
    if (++hand_ >= entries_.size()) hand_ = 1;
    const Entry& entry = entries_[hand_];
    if (entry.state == State::kIncomplete) continue;  // packets wait for it, and it is gone in 3 s
    if (entry.is_used && now - entry.used < kInUse) continue;
    if (victim == kNone || entry.used < entries_[victim].used) victim = static_cast<std::uint16_t>(hand_);
  }
  if (victim == kNone) return false;
  remove(victim);
  return true;
}

Neighbours::Used Neighbours::use(const Address& address, TimePoint now) {
  std::uint16_t index = find(address);
  if (index == kNone) {
    index = add(address, now);
    if (index == kNone) return {};
    entries_[index].is_used = true;
    entries_[index].tries = 1;
    enter(entries_[index], State::kIncomplete, now + kRetry);
    return {Verdict::kWait, index, true};
  }
  Entry& entry = entries_[index];
  entry.is_used = true;
  entry.used = now;
  if (entry.state == State::kIncomplete) return {Verdict::kWait, index, false};
  const bool asks = entry.state == State::kStale;
  if (asks) {
    entry.tries = 1;
    enter(entry, State::kProbe, now + kRetry);
  }
  return {Verdict::kReady, index, asks};
}

std::uint16_t Neighbours::heard(const Heard& heard, TimePoint now) {
  std::uint16_t index = find(heard.address);
  if (index == kNone) {
    if (!heard.creates) return kNone;
    index = add(heard.address, now);
    if (index == kNone) return kNone;
    entries_[index].mac = heard.mac;
    enter(entries_[index], State::kStale, now + kStale);
    return kNone;
  }
  Entry& entry = entries_[index];
  const bool was_waiting = entry.state == State::kIncomplete;
  const bool differs = entry.mac != heard.mac;
  if (!was_waiting && differs && !heard.overrides) {  // RFC 4861 §7.2.5: doubt, but keep
    if (entry.state == State::kReachable) {
      ++generations_[index];
      enter(entry, State::kStale, now + kStale);
    }
    return kNone;
  }
  if (differs) ++generations_[index];
  entry.mac = heard.mac;
  if (heard.is_solicited) {
    enter(entry, State::kReachable, now + kReachable);
  } else if (differs || was_waiting) {
    ++generations_[index];
    enter(entry, State::kStale, now + kStale);
  }
  return was_waiting ? index : kNone;
}

bool Neighbours::fire(TimePoint now, Due& due) {
  if (now < next_) return false;
  if (cursor_ == 1) scanned_next_ = TimePoint::max();
  while (cursor_ < entries_.size()) {
    const auto index = static_cast<std::uint16_t>(cursor_++);
    Entry& entry = entries_[index];
    if (entry.state == State::kFree) continue;
    if (entry.deadline > now) {
      scanned_next_ = std::min(scanned_next_, entry.deadline);
      continue;
    }
    due = {Due::Kind::kFailed, index, entry.address};
    if (entry.state == State::kReachable) {
      ++generations_[index];
      enter(entry, State::kStale, now + kStale);
      continue;
    }
    if (entry.state == State::kStale) {
      remove(index);
      continue;
    }
    if (entry.tries < kTries) {
      ++entry.tries;
      due.kind = entry.state == State::kIncomplete ? Due::Kind::kAskAll : Due::Kind::kAskIt;
      enter(entry, entry.state, now + kRetry);
      return true;
    }
    remove(index);
    return true;
  }
  cursor_ = 1;
  next_ = scanned_next_;
  return false;
}

}  // namespace carillon::net
