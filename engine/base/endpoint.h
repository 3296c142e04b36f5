#pragma once

#include <netinet/in.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace carillon {

/// An IP address and a UDP or TCP port. Trivially copyable; IPv4 is kept as such, never as a mapped address.
struct Endpoint {
  std::array<std::uint8_t, 16> address{};  ///< IPv4 in the first four bytes
  std::uint16_t port = 0;                  ///< host order
  bool is_v6 = false;

  static Endpoint v4(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d, std::uint16_t port);
  /// "127.0.0.1" or "::1", never a name; empty for anything else.
  static std::optional<Endpoint> parse(std::string_view address, std::uint16_t port);
  static Endpoint from(const sockaddr_storage& socket_address);
  /// Fills `out` and returns its length for the kernel.
  socklen_t to(sockaddr_storage& out) const;

  /// The address alone, as SDP and Via want it: no brackets, no port.
  std::string address_text() const;
  /// "127.0.0.1:5060", "[::1]:5060".
  std::string text() const;
  bool is_unspecified() const { return (word(0) | word(8)) == 0; }
  bool same_address(const Endpoint& other) const {
    return ((word(0) ^ other.word(0)) | (word(8) ^ other.word(8))) == 0 && is_v6 == other.is_v6;
  }
  /// Once per packet: two words and the rest, no call.
  friend bool operator==(const Endpoint& a, const Endpoint& b) { return a.port == b.port && a.same_address(b); }

 private:
  std::uint64_t word(std::size_t at) const {
    std::uint64_t bits;
    std::memcpy(&bits, address.data() + at, sizeof bits);
    return bits;
  }
};

struct EndpointHash {
  std::size_t operator()(const Endpoint& endpoint) const {
    std::uint64_t words[2];
    std::memcpy(words, endpoint.address.data(), 16);
    std::uint64_t mixed = (words[0] ^ words[1] * 0x9E3779B97F4A7C15u) + endpoint.port * 0xBF58476D1CE4E5B9u;
    return mixed ^ mixed >> 31;
  }
};

}  // namespace carillon
