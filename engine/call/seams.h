#pragma once
// What Calls needs from whoever owns sockets and disk. The shard implements these over io and record, tests in memory.

#include <cstdint>
#include <optional>
#include <span>

#include "engine/base/bytes.h"
#include "engine/base/endpoint.h"
#include "engine/base/pool.h"
#include "engine/base/time.h"
#include "engine/base/units.h"

namespace carillon::call {

/// An RTP socket and, one port higher, its RTCP socket, as one number that the owner understands.
struct MediaPair {
  std::uint32_t index = 0;
  Endpoint rtp;  ///< as the peer must address it; RTCP is at port + 1
};

/// Lends pairs of media sockets. A pair that was given back rests as long as possible before it is lent again, so
/// that a former peer's last packets do not fall into another call.
class MediaPairs {
 public:
  virtual ~MediaPairs() = default;
  /// From `local`, whatever its port; an address that is none of ours: from the usual one. Nothing when all are lent.
  /// What arrives on the pair from now on is this leg's.
  virtual std::optional<MediaPair> take(Handle leg, const Endpoint& local) = 0;
  /// Would take() for this address give a pair like that one?
  virtual bool is_at(std::uint32_t pair, const Endpoint& local) const = 0;
  virtual void give_back(std::uint32_t pair) = 0;
  /// A hint: until further notice only `peer` matters to the pair's RTP (io::Port::expect); or everybody again.
  virtual void expect(std::uint32_t pair, const Endpoint& peer) = 0;
  virtual void expect_any(std::uint32_t pair) = 0;
};

/// One media packet to send: `head` then `body`. Views live until Calls::clear_media().
struct MediaOut {
  std::uint32_t pair = 0;
  bool is_rtcp = false;
  Endpoint to;
  ByteView head, body;
};

/// Where recordings go. Nothing blocks and nothing fails loudly: a full pool makes `start` answer empty.
class RecordSink {
 public:
  virtual ~RecordSink() = default;
  virtual Handle start(LegId leg, WallTime started) = 0;
  /// 20 ms: what the peer said, what it was sent; empty means silence.
  virtual void add(Handle recording, std::span<const std::int16_t> left, std::span<const std::int16_t> right) = 0;
  virtual void stop(Handle recording) = 0;
  /// add() is near: what it needs first is fetched into the cache.
  virtual void prefetch(Handle) const {}
};

}  // namespace carillon::call
