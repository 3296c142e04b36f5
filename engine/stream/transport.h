#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace carillon::stream {

enum class Transport : std::uint8_t { kTcp, kTls, kWs, kWss };

inline bool is_secure(Transport transport) { return transport == Transport::kTls || transport == Transport::kWss; }
inline bool is_web_socket(Transport transport) { return transport == Transport::kWs || transport == Transport::kWss; }

/// Why a connection ended or never stood. Each has its counter.
enum class CloseReason : std::uint8_t {
  kNone,
  kPeer,         ///< the other side closed between messages
  kCutShort,     ///< the other side closed within a message
  kReset,        ///< reset, or the path is gone
  kConnect,      ///< our connect was refused or had no way
  kConnectTime,  ///< our connect or its handshake took too long
  kHandshakeTime,
  kTls,          ///< handshake refused: certificate, version, or no TLS at all
  kName,         ///< the server's certificate is not for whom we called
  kUpgrade,      ///< the WebSocket's HTTP request was refused
  kWebSocket,    ///< a WebSocket frame against RFC 6455
  kMessageTime,  ///< a message began and did not get further in time
  kNotSip,
  kHeadTooLong,
  kNoLength,
  kBadLength,
  kTooLong,
  kSlowReader,  ///< more queued for it than it may have, or nothing taken for too long
  kMemory,      ///< what all connections together may hold is held
  kIdle,
  kAsked,  ///< a shard asked for it
  kGone,   ///< there is no such flow (any more)
  kFull,   ///< no place for another connection
  kStopping,
};
inline constexpr std::size_t kCloseReasons = static_cast<std::size_t>(CloseReason::kStopping) + 1;
/// "slow_reader" …: for counters and logs.
std::string_view name_of(CloseReason reason);

}  // namespace carillon::stream
