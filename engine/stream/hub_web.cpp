// WebSocket connections: the request that opens one, and its frames (RFC 6455, RFC 7118).

#include "engine/stream/hub.h"
#include "engine/stream/websocket.h"

namespace carillon::stream {

bool Hub::take_upgrade(Connection& connection, ByteView bytes, TimePoint now) {
  connection.request.append(text_of(bytes));
  const Upgrade upgrade = read_upgrade(connection.request, config_.listeners[connection.listener].origins);
  if (upgrade.verdict == Upgrade::Verdict::kIncomplete) return true;
  if (!queue(connection, bytes_of(upgrade.answer), 0, 0, now)) return false;
  if (upgrade.verdict == Upgrade::Verdict::kRefused) {
    connection.close_when_sent = true;
    return drain(connection, CloseReason::kUpgrade, now), false;
  }
  connection.state = State::kOpen;
  connection.socket_reader = std::make_unique<SocketReader>(
      SocketLimits{.message_max = config_.framing.message_max, .message_time = config_.framing.message_time});
  connection.socket_reader->add(bytes_of(connection.request).subspan(upgrade.consumed), now);
  std::string().swap(connection.request);
  return take_socket_events(connection, now);
}

bool Hub::take_socket_events(Connection& connection, TimePoint now) {
  for (;;) {
    const SocketEvent event = connection.socket_reader->next();
    switch (event.kind) {
      case SocketEvent::Kind::kNothing:
        return true;
      case SocketEvent::Kind::kMessage:
        if (!take_socket_message(connection, event.bytes, now)) return false;
        break;
      case SocketEvent::Kind::kPing:
        if (!queue_frame(connection, Opcode::kPong, event.bytes, now)) return false;
        break;
      case SocketEvent::Kind::kPong:
        break;
      case SocketEvent::Kind::kClose:
        return end_socket(connection, event.code, CloseReason::kPeer, now);
      case SocketEvent::Kind::kBroken:
        return end_socket(connection, event.code, CloseReason::kWebSocket, now);
    }
  }
}

// RFC 7118 §6: keep-alives of RFC 5626 may come as messages too.
bool Hub::take_socket_message(Connection& connection, ByteView bytes, TimePoint now) {
  const auto text = text_of(bytes);
  if (text.find_first_not_of("\r\n") != std::string_view::npos) {
    deliver(connection, Incoming::Kind::kMessage, CloseReason::kNone, bytes, now);
    return true;
  }
  if (text != "\r\n\r\n") return true;
  counters_.add(Count::kPings);
  return queue_frame(connection, Opcode::kText, bytes_of("\r\n"), now);
}

bool Hub::queue_frame(Connection& connection, Opcode opcode, ByteView payload, TimePoint now) {
  frame_.clear();
  write_frame(frame_, opcode, payload);
  return queue(connection, bytes_of(frame_), 0, 0, now);
}

// §5.5.1: a close is answered with one; whoever breaks the rules is told by one (§7.1.7).
bool Hub::end_socket(Connection& connection, std::uint16_t code, CloseReason reason, TimePoint now) {
  const char payload[2]{static_cast<char>(code >> 8), static_cast<char>(code & 0xFF)};
  if (!queue_frame(connection, Opcode::kClose, bytes_of({payload, 2}), now)) return false;
  connection.close_when_sent = true;
  return drain(connection, reason, now), false;
}

}  // namespace carillon::stream
