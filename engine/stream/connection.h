#pragma once
// What the hub knows of one connection.

#include <bitset>
#include <memory>
#include <string>
#include <vector>

#include "engine/stream/channel.h"
#include "engine/stream/config.h"
#include "engine/stream/framer.h"
#include "engine/stream/websocket.h"
#include "engine/stream/wire.h"

namespace carillon::stream {

///   accepted ─► Handshaking ─► (Upgrading) ─► Open ─► Draining ─► gone
///   our own ──► Connecting ──┘
///
/// Without TLS Handshaking is passed at once; Upgrading is a WebSocket's HTTP request. Draining reads no more and lets
/// the last answers out.
struct Connection {
  enum class State : std::uint8_t { kConnecting, kHandshaking, kUpgrading, kOpen, kDraining };
  struct Pending {
    std::uint64_t end = 0;  // in bytes ever queued
    std::uint64_t tag = 0;
    std::uint32_t shard = 0;
  };

  Connection(int fd, Transport transport, std::shared_ptr<const TlsContext> tls, const FramerLimits& limits,
             std::string_view server = {})
      : wire(fd, std::move(tls), server), framer(limits), transport(transport) {}

  std::size_t queued() const { return out.size() - out_at; }
  /// Bytes it holds of messages, for the bound over all.
  std::size_t held() const {
    return framer.memory() + out.capacity() + request.capacity() + (socket_reader ? socket_reader->held() : 0);
  }
  bool is_within_message() const {
    return framer.is_within_message() || (socket_reader && socket_reader->is_within_message());
  }
  /// When the message that has begun must be further on.
  TimePoint message_deadline() const { return socket_reader ? socket_reader->deadline() : framer.deadline(); }
  /// When something has to happen at the latest.
  TimePoint deadline(const StreamsConfig& config) const;
  /// Which reason that is.
  CloseReason overdue(const StreamsConfig& config, TimePoint now) const;
  void queue(ByteView bytes, TimePoint now);
  /// `count` more bytes of the queue are gone.
  void take_off(std::size_t count, TimePoint now);

  Wire wire;
  Framer framer;
  std::string request;                          // Upgrading: what has come of it
  std::unique_ptr<SocketReader> socket_reader;  // of a WebSocket that is open
  Transport transport;
  State state = State::kHandshaking;
  CloseReason ending = CloseReason::kNone;  // of Draining
  std::uint8_t listener = 0;
  bool is_ours = false, is_verified = false, is_blocked = false, is_dirty = false, has_unread = false;
  bool close_when_sent = false, is_finished = false;  // asked for; said
  Handle self, timer;
  TimePoint armed{}, since{}, heard{}, progress{};
  Endpoint peer, local;
  FixedText<62> domain;
  std::uint32_t interest = 0;  // what epoll was told
  std::string out;
  std::size_t out_at = 0, held_before = 0;
  std::uint64_t taken = 0;  // bytes ever taken off the queue
  std::vector<Pending> pending;
  Target target;                   // of ours
  std::bitset<kShardsMax> shards;  // had messages of this flow
};

}  // namespace carillon::stream
