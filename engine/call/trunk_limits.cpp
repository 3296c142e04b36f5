#include "engine/call/trunk_limits.h"

#include <algorithm>

namespace carillon::call {

Admission TrunkLimits::admit(std::uint32_t calls_per_second_max, std::uint32_t channels_max, TimePoint now) {
  if (!take_channel(channels_max)) return Admission::kChannels;
  if (take_token(calls_per_second_max, now)) return Admission::kYes;
  release();
  return Admission::kCallsPerSecond;
}

bool TrunkLimits::take_channel(std::uint32_t most) {
  std::uint32_t used = channels_.load(std::memory_order_relaxed);
  do {
    if (most != 0 && used >= most) return false;
  } while (!channels_.compare_exchange_weak(used, used + 1, std::memory_order_relaxed));
  return true;
}

// GCRA: each call moves the theoretical arrival time on by 1/rate; a call may come up to 100 ms too early, so that in
// no second more than 1.1 × rate (+ 1) calls leave.
bool TrunkLimits::take_token(std::uint32_t per_second, TimePoint now) {
  if (per_second == 0) return true;
  constexpr std::int64_t kSecond = 1'000'000'000;
  const std::int64_t increment = kSecond / per_second;
  constexpr std::int64_t kTolerance = kSecond / 10;
  const std::int64_t at = now.time_since_epoch().count();
  std::int64_t arrival = arrival_ns_.load(std::memory_order_relaxed);
  std::int64_t next = 0;
  do {
    if (arrival > at + kTolerance) return false;
    next = std::max(arrival, at) + increment;
  } while (!arrival_ns_.compare_exchange_weak(arrival, next, std::memory_order_relaxed));
  return true;
}

void TrunkLimits::retry_after(TimePoint until) {
  const std::int64_t at = until.time_since_epoch().count();
  std::int64_t before = retry_ns_.load(std::memory_order_relaxed);
  while (before < at && !retry_ns_.compare_exchange_weak(before, at, std::memory_order_relaxed)) {
  }
}

TrunkLimits* TrunkBoard::find(std::string_view id) {
  std::uint64_t key = 0xCBF29CE484222325u;  // FNV-1a, 64 bits
  for (const char c : id) key = (key ^ static_cast<std::uint8_t>(c)) * 0x100000001B3u;
  if (key == 0) key = 1;
  for (std::size_t step = 0; step < kTrunksMax; ++step) {
    Slot& slot = slots_[(key + step) % kTrunksMax];
    std::uint64_t seen = 0;
    if (slot.key.compare_exchange_strong(seen, key, std::memory_order_acq_rel) || seen == key) return &slot.limits;
  }
  return nullptr;
}

}  // namespace carillon::call
