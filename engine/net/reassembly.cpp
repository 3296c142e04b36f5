#include "engine/net/reassembly.h"

#include <algorithm>
#include <cstring>

namespace carillon::net {

Reassembly::Reassembly()
    : slots_(kDatagrams), memory_(std::make_unique_for_overwrite<std::byte[]>(kDatagrams * kBytes)) {}

Reassembly::Slot* Reassembly::find(const Packet& fragment) {
  for (Slot& slot : slots_)
    if ((slot.state == State::kGathering || slot.state == State::kRefused) &&
        slot.packet.fragment_id == fragment.fragment_id && slot.packet.source == fragment.source &&
        slot.packet.target == fragment.target && slot.packet.protocol == fragment.protocol)
      return &slot;
  return nullptr;
}

/// Null: all are lent.
Reassembly::Slot* Reassembly::add(const Packet& fragment, TimePoint now, bool& evicted) {
  Slot* chosen = nullptr;
  for (Slot& slot : slots_) {
    if (slot.state == State::kLent) continue;
    if (!chosen || slot.state == State::kFree || slot.started < chosen->started) chosen = &slot;
    if (slot.state == State::kFree) break;
  }
  if (!chosen) return nullptr;
  evicted = chosen->state == State::kGathering;
  *chosen = {};
  chosen->state = State::kGathering;
  chosen->started = now;
  chosen->ends = now + (fragment.source.is_v4() ? kTimeV4 : kTimeV6);
  chosen->packet.source = fragment.source;
  chosen->packet.target = fragment.target;
  chosen->packet.protocol = fragment.protocol;
  chosen->packet.fragment_id = fragment.fragment_id;
  chosen->packet.hops = fragment.hops;
  next_ = std::min(next_, chosen->ends);
  return chosen;
}

Reassembly::Taken Reassembly::take(const Packet& fragment, TimePoint now) {
  Taken taken;
  Slot* slot = find(fragment);
  if (!slot) slot = add(fragment, now, taken.evicted);
  if (!slot || slot->state == State::kRefused) return taken;
  taken.slot = static_cast<std::uint8_t>(slot - slots_.data());
  taken.verdict = put(*slot, fragment);
  if (taken.verdict == Verdict::kRefused || taken.verdict == Verdict::kOverlap) slot->state = State::kRefused;
  if (taken.verdict == Verdict::kComplete) {
    slot->state = State::kLent;
    slot->packet.payload = ByteView(bytes(*slot), slot->total);
  }
  return taken;
}

void Reassembly::refuse(const Packet& fragment, TimePoint now) {
  bool evicted = false;
  Slot* slot = find(fragment);
  if (!slot) slot = add(fragment, now, evicted);
  if (slot) slot->state = State::kRefused;
}

Reassembly::Verdict Reassembly::put(Slot& slot, const Packet& fragment) {
  const std::size_t from = fragment.fragment_offset, size = fragment.payload.size(), to = from + size;
  if (size == 0 || to > kBytes || (fragment.more_fragments && size % 8 != 0)) return Verdict::kRefused;
  if (slot.total != 0 && (to > slot.total || (!fragment.more_fragments && to != slot.total))) return Verdict::kOverlap;
  if (!fragment.more_fragments && slot.end > to) return Verdict::kOverlap;
  const std::size_t first = from / 8, last = (to + 7) / 8;
  std::size_t known = 0;
  for (std::size_t unit = first; unit < last; ++unit) known += slot.units[unit / 64] >> unit % 64 & 1;
  if (known != 0) {
    const bool is_same = known == last - first && std::memcmp(bytes(slot) + from, fragment.payload.data(), size) == 0;
    return is_same ? Verdict::kWaits : Verdict::kOverlap;
  }
  for (std::size_t unit = first; unit < last; ++unit) slot.units[unit / 64] |= 1ull << unit % 64;
  std::memcpy(bytes(slot) + from, fragment.payload.data(), size);
  slot.have = static_cast<std::uint16_t>(slot.have + size);
  slot.end = std::max(slot.end, static_cast<std::uint16_t>(to));
  if (!fragment.more_fragments) slot.total = static_cast<std::uint16_t>(to);
  return slot.total != 0 && slot.have == slot.total ? Verdict::kComplete : Verdict::kWaits;
}

std::uint64_t Reassembly::expire(TimePoint now) {
  if (now < next_) return 0;
  std::uint64_t incomplete = 0;
  next_ = TimePoint::max();
  for (Slot& slot : slots_) {
    if (slot.state == State::kFree || slot.state == State::kLent) continue;
    if (slot.ends > now) {
      next_ = std::min(next_, slot.ends);
      continue;
    }
    incomplete += slot.state == State::kGathering;
    slot.state = State::kFree;
  }
  return incomplete;
}

}  // namespace carillon::net
