#pragma once
// Where a webhook may go. A URL is checked when it is given; the addresses that its name leads to are checked each time
// something is sent, so that a name which changes its mind (DNS rebinding) reaches nothing inside.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace carillon::control {

struct HookUrl {
  bool is_tls = false;
  std::string host;         ///< a name, or an IP address without brackets
  std::string host_header;  ///< as it stands in Host
  std::uint16_t port = 0;
  std::string target;  ///< path and query, "/" at least
};

/// http or https, a host, no user and no fragment, 2,048 characters at most.
std::optional<HookUrl> parse_hook_url(std::string_view url);

/// Is this an address of the public internet? `bytes` are 4 (IPv4) or 16 (IPv6), in network order. Not so: this host,
/// private, shared (RFC 6598), link-local, multicast, reserved and documentation ranges (IANA's special-purpose
/// registries), and IPv6 forms that carry such an IPv4 address (mapped, 6to4, NAT64, Teredo).
bool is_public_address(std::span<const std::uint8_t> bytes);
/// Of a literal; nothing when the text is a name.
std::optional<bool> is_public_literal(std::string_view host);

}  // namespace carillon::control
