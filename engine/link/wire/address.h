#pragma once

#include <string>
#include <string_view>

#include "engine/base/endpoint.h"
#include "engine/base/result.h"

namespace carillon::link {

/// Where an engine listens: "unix:/run/carillon/engine.sock", "tcp:127.0.0.1:5070", "tcp:[::1]:5070".
struct Address {
  bool is_unix = false;
  std::string path;   ///< unix; at most 107 bytes (sockaddr_un)
  Endpoint endpoint;  ///< tcp; port 0 lets the kernel choose when listening

  /// As parse_address() reads it.
  std::string text() const;
  /// Unix sockets, 127.0.0.0/8 and ::1: may be spoken to without TLS.
  bool is_local() const;
};

/// The error says what is wrong with the text.
Result<Address, std::string> parse_address(std::string_view text);

}  // namespace carillon::link
