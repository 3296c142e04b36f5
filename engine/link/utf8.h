#pragma once

#include <string>
#include <string_view>

namespace carillon::link {

/// `text` with every byte that is no part of valid UTF-8 (RFC 3629) replaced by '?'. A SIP peer may put any byte into a
/// number or a reason, and our own fixed texts may be cut inside a character; protobuf refuses a whole message for one.
std::string to_utf8(std::string_view text);

}  // namespace carillon::link
