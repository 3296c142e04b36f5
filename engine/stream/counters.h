#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string_view>

#include "engine/stream/transport.h"

namespace carillon::stream {

enum class Count : std::uint8_t {
  kAccepted,
  kConnected,   ///< ours that stood, handshake included
  kHandshakes,  ///< TLS, both roles
  kMessagesIn,  ///< handed to a shard
  kBytesIn,
  kMessagesOut,    ///< queued for a connection
  kBytesOut,       ///< taken by the kernel, before TLS
  kPings,          ///< CRLF CRLF answered
  kRefusedSource,  ///< one source had per_source_max
  kRefusedFull,    ///< connections_max
  kAcceptPauses,   ///< accepts_per_second was used up, or no descriptor was free
  kToShardFull,    ///< a shard's ring was full: the message is lost
  kFromShardFull,  ///< a shard's send found its ring full
  kUndelivered,    ///< messages of shards that did not leave whole
  kReloads,
};
inline constexpr std::size_t kCounts = static_cast<std::size_t>(Count::kReloads) + 1;
std::string_view name_of(Count count);

/// Written by the stream thread, read by anybody.
class Counters {
 public:
  void add(Count count, std::uint64_t by = 1) { bump(counts_[static_cast<std::size_t>(count)], by); }
  void add(CloseReason reason) { bump(closed_[static_cast<std::size_t>(reason)], 1); }
  std::uint64_t of(Count count) const {
    return counts_[static_cast<std::size_t>(count)].load(std::memory_order_relaxed);
  }
  std::uint64_t of(CloseReason reason) const {
    return closed_[static_cast<std::size_t>(reason)].load(std::memory_order_relaxed);
  }

 private:
  using Number = std::atomic<std::uint64_t>;
  // one writer: no locked instruction
  static void bump(Number& number, std::uint64_t by) {
    number.store(number.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
  }
  std::array<Number, kCounts> counts_{};
  std::array<Number, kCloseReasons> closed_{};
};

}  // namespace carillon::stream
