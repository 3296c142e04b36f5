#include "engine/stream/transport.h"

#include <array>

namespace carillon::stream {

std::string_view name_of(CloseReason reason) {
  static constexpr std::array<std::string_view, kCloseReasons> kNames{
      "none",           "peer",          "cut_short", "reset",      "connect",    "connect_time",
      "handshake_time", "tls",           "name",      "upgrade",    "web_socket", "message_time",
      "not_sip",        "head_too_long", "no_length", "bad_length", "too_long",   "slow_reader",
      "memory",         "idle",          "asked",     "gone",       "full",       "stopping"};
  static_assert(!kNames.back().empty());
  return kNames[static_cast<std::size_t>(reason)];
}

}  // namespace carillon::stream
