#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/base/endpoint.h"
#include "engine/base/time.h"
#include "engine/stream/framer.h"
#include "engine/stream/tls.h"
#include "engine/stream/transport.h"

namespace carillon::stream {

inline constexpr std::uint32_t kShardsMax = 256;

struct ListenerConfig {
  Transport transport = Transport::kTcp;
  Endpoint local{};
  TlsServerConfig tls{};               ///< kTls, kWss
  std::vector<std::string> origins{};  ///< kWs, kWss: pages that may connect; empty: any (RFC 6455 §10.2)
};

/// Bounds of the room. Together they say what a hostile network can cost: connections_max × (about 1 kB, with TLS some
/// 20 kB more) and held_max.
struct StreamsConfig {
  std::vector<ListenerConfig> listeners;
  TlsClientConfig client;  ///< what we call servers with

  std::uint32_t connections_max = 10'000;  ///< in and out; beyond: closed at once, or the send fails
  std::uint32_t per_source_max = 200;      ///< accepted from one IPv4 address or IPv6 /64: a call centre behind one NAT
  std::uint32_t accepts_per_second =
      500;                             ///< a TLS handshake costs near 1 ms of this thread; the rest waits in the kernel
  FramerLimits framing;                ///< per message
  Duration connect_time = 4s;          ///< our connect and its handshake: a fail-over must fit into Timer B's 32 s
  Duration handshake_time = 10s;       ///< theirs: TLS, and a WebSocket's upgrade
  Duration idle_time = 15min;          ///< without a byte from them; over the 14 min of RFC 5626's slowest keep-alive
  Duration write_time = 10s;           ///< queued bytes of which the other side takes none
  Duration drain_time = 1s;            ///< for the last answers, once nothing more is read
  std::size_t queue_max = 256u << 10;  ///< bytes queued for one connection
  std::size_t held_max = 64u << 20;    ///< bytes of messages not whole and of queues, all connections together
  std::size_t channel_items = 4096;    ///< messages between the thread and one shard, each way
  std::size_t channel_bytes = 2u << 20;  ///< their bytes, each way; at least two messages of the largest size
  bool shards_wake = false;              ///< shards call Streams::wake() after sending
  Duration poll_time = 2ms;              ///< else: between two looks at what shards send

  /// The first fault as "field: reason", or empty. Does not open the files.
  std::string fault() const;
};

}  // namespace carillon::stream
