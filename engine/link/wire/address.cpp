#include "engine/link/wire/address.h"

#include <fmt/format.h>
#include <sys/un.h>

#include <charconv>
#include <optional>

namespace carillon::link {
namespace {

constexpr std::size_t kPathMax = sizeof(sockaddr_un::sun_path) - 1;

std::optional<std::uint16_t> port_of(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (fault != std::errc{} || end != text.data() + text.size()) return {};
  return port;
}

Result<Address, std::string> parse_unix(std::string_view path) {
  if (path.empty()) return std::string("unix: a path must follow");
  if (path.size() > kPathMax) return fmt::format("unix: the path has {} bytes, {} at most", path.size(), kPathMax);
  if (path.find('\0') != std::string_view::npos) return std::string("unix: the path holds a zero byte");
  return Address{.is_unix = true, .path = std::string(path), .endpoint = {}};
}

Result<Address, std::string> parse_tcp(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::string("tcp: no port; write tcp:IP:PORT");
  const auto port = port_of(text.substr(colon + 1));
  if (!port) return fmt::format("tcp: \"{}\" is not a port", text.substr(colon + 1));
  std::string_view host = text.substr(0, colon);
  const bool has_brackets = host.starts_with('[') && host.ends_with(']') && host.size() > 2;
  if (has_brackets) host = host.substr(1, host.size() - 2);
  const auto endpoint = Endpoint::parse(host, *port);
  if (!endpoint) return fmt::format("tcp: \"{}\" is not an IP address (names are not looked up)", host);
  if (endpoint->is_v6 != has_brackets) return std::string("tcp: write IPv6 as tcp:[::1]:5070");
  return Address{.is_unix = false, .path = {}, .endpoint = *endpoint};
}

}  // namespace

std::string Address::text() const { return is_unix ? "unix:" + path : "tcp:" + endpoint.text(); }

bool Address::is_local() const {
  if (is_unix) return true;
  if (!endpoint.is_v6) return endpoint.address[0] == 127;
  return endpoint.same_address(*Endpoint::parse("::1", 0));
}

Result<Address, std::string> parse_address(std::string_view text) {
  if (text.starts_with("unix:")) return parse_unix(text.substr(5));
  if (text.starts_with("tcp:")) return parse_tcp(text.substr(4));
  return fmt::format("\"{}\": an address is unix:PATH or tcp:IP:PORT", text.substr(0, 80));
}

}  // namespace carillon::link
