#pragma once
// A trunk's limits hold for the whole engine, so they are the one thing that shards share besides rings: a few atomic
// numbers per trunk, no lock, no wait.

#include <array>
#include <atomic>
#include <cstdint>
#include <string_view>

#include "engine/base/time.h"

namespace carillon::call {

enum class Admission : std::uint8_t { kYes, kCallsPerSecond, kChannels };

/// Admission to one trunk: calls per second by the generic cell rate algorithm (a token bucket of
/// 100 ms; ITU-T I.371 Annex A), channels in use, and "come back later" (503 with Retry-After).
class TrunkLimits {
 public:
  /// Takes a channel and a token, or says what is missing and takes nothing. Limits 0: none. Any shard.
  Admission admit(std::uint32_t calls_per_second_max, std::uint32_t channels_max, TimePoint now);
  /// A call that comes in: takes a channel, no token. False: all are in use.
  bool admit_incoming(std::uint32_t channels_max) { return take_channel(channels_max); }
  /// Gives the channel back; once per admit() that said kYes.
  void release() { channels_.fetch_sub(1, std::memory_order_relaxed); }
  /// The trunk asked not to be called before `until` (503 with Retry-After). It is then left out while there is another
  /// candidate; the last one is asked all the same, for many carriers say so of one number.
  void retry_after(TimePoint until);
  bool is_resting(TimePoint now) const {
    return now.time_since_epoch().count() < retry_ns_.load(std::memory_order_relaxed);
  }
  /// What the OPTIONS probes of the one shard that sends them say; true until they say otherwise.
  void set_reachable(bool is_reachable) { is_reachable_.store(is_reachable, std::memory_order_relaxed); }
  bool is_reachable() const { return is_reachable_.load(std::memory_order_relaxed); }
  std::uint32_t channels() const { return channels_.load(std::memory_order_relaxed); }

 private:
  bool take_channel(std::uint32_t most);
  bool take_token(std::uint32_t per_second, TimePoint now);

  std::atomic<std::uint32_t> channels_{0};
  std::atomic<std::int64_t> arrival_ns_{0};  ///< theoretical arrival time of the next call
  std::atomic<std::int64_t> retry_ns_{0};
  std::atomic<bool> is_reachable_{true};
};

/// The limits of all trunks by id; made once, before the shards run, and outlives them.
///
/// full  find() answers nullptr; PutTrunk is then refused with "too many trunks"
class TrunkBoard {
 public:
  static constexpr std::size_t kTrunksMax = 1024;
  /// The same object for the same id, for every shard and for ever (a trunk that comes back finds its calls counted).
  TrunkLimits* find(std::string_view id);

 private:
  struct Slot {
    std::atomic<std::uint64_t> key{0};  ///< hash of the id; 0: free
    TrunkLimits limits;
  };
  std::array<Slot, kTrunksMax> slots_;
};

}  // namespace carillon::call
