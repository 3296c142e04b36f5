#pragma once

#include <array>
#include <cstdint>
#include <cstring>

#include "engine/base/endpoint.h"
#include "engine/io/frame_port.h"

namespace carillon::net {

using io::MacAddress;

/// An IP address of either family as one 16-byte key: IPv4 as its mapped form (RFC 4291 §2.5.5.2), which never appears
/// on the wire here (it is dropped as a martian).
struct Address {
  std::array<std::uint8_t, 16> bytes{};

  static Address v4(const std::byte* wire) {
    Address address;
    address.bytes[10] = address.bytes[11] = 0xFF;
    std::memcpy(&address.bytes[12], wire, 4);
    return address;
  }
  static Address v6(const std::byte* wire) {
    Address address;
    std::memcpy(address.bytes.data(), wire, 16);
    return address;
  }
  static Address of(const Endpoint& endpoint) {
    const auto* wire = reinterpret_cast<const std::byte*>(endpoint.address.data());
    return endpoint.is_v6 ? v6(wire) : v4(wire);
  }
  Endpoint endpoint(std::uint16_t port) const {
    Endpoint endpoint;
    endpoint.port = port;
    endpoint.is_v6 = !is_v4();
    std::memcpy(endpoint.address.data(), wire(), wire_size());
    return endpoint;
  }

  bool is_v4() const {
    static constexpr std::array<std::uint8_t, 12> kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
    return std::memcmp(bytes.data(), kMapped.data(), 12) == 0;
  }
  /// As it stands in a header: 4 or 16 bytes.
  const std::byte* wire() const { return reinterpret_cast<const std::byte*>(bytes.data()) + (is_v4() ? 12 : 0); }
  std::size_t wire_size() const { return is_v4() ? 4 : 16; }

  bool is_unspecified() const {
    const std::size_t from = is_v4() ? 12 : 0;
    for (std::size_t i = from; i < 16; ++i)
      if (bytes[i] != 0) return false;
    return true;
  }
  bool is_multicast() const { return is_v4() ? (bytes[12] & 0xF0) == 0xE0 : bytes[0] == 0xFF; }
  bool is_link_local() const {
    return is_v4() ? bytes[12] == 169 && bytes[13] == 254 : bytes[0] == 0xFE && (bytes[1] & 0xC0) == 0x80;
  }
  /// What no one may have as a source: multicast, loopback, the whole of class E (RFC 1122 §3.2.1.3, RFC 4291 §2.5).
  /// The unspecified address is not among them: a probe has it.
  bool is_martian_source() const {
    if (is_v4()) return bytes[12] >= 224 || bytes[12] == 127;
    if (bytes[0] == 0xFF) return true;
    static constexpr std::array<std::uint8_t, 16> kLoopback = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
    return bytes == kLoopback;
  }
  /// Do the first `bits` of the family's own address agree? False across families.
  bool shares_prefix(const Address& other, std::uint32_t bits) const {
    if (is_v4() != other.is_v4()) return false;
    if (is_v4()) bits += 96;
    const std::size_t whole = bits / 8;
    if (std::memcmp(bytes.data(), other.bytes.data(), whole) != 0) return false;
    const auto mask = static_cast<std::uint8_t>(0xFF00u >> bits % 8);
    return bits % 8 == 0 || ((bytes[whole] ^ other.bytes[whole]) & mask) == 0;
  }
  std::uint64_t hash(std::uint64_t seed) const {
    std::uint64_t words[2];
    std::memcpy(words, bytes.data(), 16);
    const auto mix = [](std::uint64_t value) {
      value = (value ^ value >> 30) * 0xBF58476D1CE4E5B9u;
      value = (value ^ value >> 27) * 0x94D049BB133111EBu;
      return value ^ value >> 31;
    };
    return mix(words[1] ^ mix(words[0] ^ seed));
  }
  friend bool operator==(const Address&, const Address&) = default;
};

/// FF02::1:FFxx:xxxx, where solicitations for `address` go (RFC 4291 §2.7.1).
inline Address solicited_node(const Address& address) {
  Address group;
  group.bytes = {
      0xFF, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xFF, address.bytes[13], address.bytes[14], address.bytes[15]};
  return group;
}
inline constexpr std::array<std::uint8_t, 16> kAllNodes = {0xFF, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};

/// 33:33 and the last four bytes (RFC 2464 §7).
inline MacAddress multicast_mac(const Address& group) {
  return {0x33, 0x33, group.bytes[12], group.bytes[13], group.bytes[14], group.bytes[15]};
}
inline constexpr MacAddress kBroadcastMac = {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF};

/// FE80::/64 with the modified EUI-64 of the MAC address (RFC 4291 appendix A).
inline Address link_local(const MacAddress& mac) {
  Address address;
  address.bytes = {0xFE,   0x80,   0,    0,    0,      0,      0,     0, static_cast<std::uint8_t>(mac[0] ^ 0x02),
                   mac[1], mac[2], 0xFF, 0xFE, mac[3], mac[4], mac[5]};
  return address;
}

}  // namespace carillon::net
