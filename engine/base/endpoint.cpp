#include "engine/base/endpoint.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>

#include "engine/base/check.h"

namespace carillon {

Endpoint Endpoint::v4(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d, std::uint16_t port) {
  Endpoint endpoint;
  endpoint.address = {a, b, c, d};
  endpoint.port = port;
  return endpoint;
}

std::optional<Endpoint> Endpoint::parse(std::string_view address, std::uint16_t port) {
  if (address.size() >= INET6_ADDRSTRLEN) return std::nullopt;
  std::array<char, INET6_ADDRSTRLEN> terminated{};  // no std::string: shards parse addresses and do not allocate
  std::copy(address.begin(), address.end(), terminated.begin());
  Endpoint endpoint;
  endpoint.port = port;
  if (inet_pton(AF_INET, terminated.data(), endpoint.address.data()) == 1) return endpoint;
  endpoint.is_v6 = true;
  if (inet_pton(AF_INET6, terminated.data(), endpoint.address.data()) == 1) return endpoint;
  return std::nullopt;
}

Endpoint Endpoint::from(const sockaddr_storage& socket_address) {
  Endpoint endpoint;
  if (socket_address.ss_family == AF_INET) {
    sockaddr_in v4;
    std::memcpy(&v4, &socket_address, sizeof v4);
    std::memcpy(endpoint.address.data(), &v4.sin_addr, 4);
    endpoint.port = ntohs(v4.sin_port);
  } else if (socket_address.ss_family == AF_INET6) {
    sockaddr_in6 v6;
    std::memcpy(&v6, &socket_address, sizeof v6);
    std::memcpy(endpoint.address.data(), &v6.sin6_addr, 16);
    endpoint.port = ntohs(v6.sin6_port);
    endpoint.is_v6 = true;
  }
  return endpoint;
}

socklen_t Endpoint::to(sockaddr_storage& out) const {
  std::memset(&out, 0, sizeof out);
  if (!is_v6) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    std::memcpy(&v4.sin_addr, address.data(), 4);
    std::memcpy(&out, &v4, sizeof v4);
    return sizeof v4;
  }
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(port);
  std::memcpy(&v6.sin6_addr, address.data(), 16);
  std::memcpy(&out, &v6, sizeof v6);
  return sizeof v6;
}

std::string Endpoint::address_text() const {
  std::array<char, INET6_ADDRSTRLEN> text;
  CHECK(inet_ntop(is_v6 ? AF_INET6 : AF_INET, address.data(), text.data(), text.size()));
  return text.data();
}

std::string Endpoint::text() const {
  return is_v6 ? fmt::format("[{}]:{}", address_text(), port) : fmt::format("{}:{}", address_text(), port);
}

}  // namespace carillon
