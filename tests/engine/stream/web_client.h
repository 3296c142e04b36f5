#pragma once
// The client's side of a WebSocket, as tests write it: masked frames, and what a browser asks with.

#include <string>
#include <string_view>

#include "engine/stream/websocket.h"

namespace carillon::stream {

struct ClientFrame {
  Opcode opcode = Opcode::kText;
  bool is_last = true;
  bool is_masked = true;
  std::string mask = "\x12\x34\x56\x78";
};

inline std::string client_frame(std::string_view payload, const ClientFrame& frame = {}) {
  std::string out;
  out.push_back(static_cast<char>((frame.is_last ? 0x80 : 0) | static_cast<int>(frame.opcode)));
  const char masked = frame.is_masked ? static_cast<char>(0x80) : '\0';
  const std::size_t size = payload.size();
  if (size < 126) {
    out.push_back(static_cast<char>(masked | static_cast<char>(size)));
  } else {
    const bool is_short = size <= 0xFFFF;
    out.push_back(static_cast<char>(masked | (is_short ? 126 : 127)));
    for (int i = is_short ? 1 : 7; i >= 0; --i) out.push_back(static_cast<char>(size >> (8 * i)));
  }
  if (!frame.is_masked) return out.append(payload);
  out += frame.mask;
  for (std::size_t i = 0; i < size; ++i) out.push_back(static_cast<char>(payload[i] ^ frame.mask[i % 4]));
  return out;
}

// The example of RFC 7118 §4.2, with the key of RFC 6455 §1.3.
inline std::string upgrade_request(const std::string& origin = "https://www.example.com") {
  return "GET / HTTP/1.1\r\nHost: sip-ws.example.com\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
         "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
         (origin.empty() ? "" : "Origin: " + origin + "\r\n") +
         "Sec-WebSocket-Protocol: chat, sip\r\nSec-WebSocket-Version: 13\r\n\r\n";
}

}  // namespace carillon::stream
