#pragma once
// Ethernet, IPv4 and UDP as the far side and the floor need them: read what is surely there, write with correct
// checksums. IPv4 without options or fragments; everything else is "not a datagram".

#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_udp.h>

#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>

namespace carillon::bench {

using Bytes = std::span<const std::uint8_t>;

constexpr std::size_t kUdpHead = sizeof(rte_ether_hdr) + sizeof(rte_ipv4_hdr) + sizeof(rte_udp_hdr);
static_assert(kUdpHead == 42);

inline std::uint16_t read16(const std::uint8_t* at) { return static_cast<std::uint16_t>(at[0] << 8 | at[1]); }
inline std::uint32_t read32(const std::uint8_t* at) {
  return static_cast<std::uint32_t>(read16(at)) << 16 | read16(at + 2);
}
inline void write16(std::uint8_t* at, std::uint16_t value) {
  at[0] = static_cast<std::uint8_t>(value >> 8);
  at[1] = static_cast<std::uint8_t>(value);
}
inline void write32(std::uint8_t* at, std::uint32_t value) {
  write16(at, static_cast<std::uint16_t>(value >> 16));
  write16(at + 2, static_cast<std::uint16_t>(value));
}

/// Sum of 16-bit words in memory order (RFC 1071): not folded, so that sums of parts can be added.
inline std::uint64_t word_sum(const std::uint8_t* at, std::size_t size) {
  std::uint64_t sum = 0;
  for (; size >= 4; at += 4, size -= 4) {
    std::uint32_t word;
    std::memcpy(&word, at, 4);
    sum += word;
  }
  std::uint32_t rest = 0;
  std::memcpy(&rest, at, size);
  return sum + rest;
}
/// Folded to 16 bits, still in memory order and not inverted.
inline std::uint16_t fold(std::uint64_t sum) {
  while (sum >> 16) sum = (sum & 0xFFFF) + (sum >> 16);
  return static_cast<std::uint16_t>(sum);
}

/// A UDP datagram of a received frame; borrows the frame.
struct Datagram {
  const rte_ether_addr* peer_mac = nullptr;
  std::uint32_t source = 0, destination = 0;  ///< host order
  std::uint16_t source_port = 0, destination_port = 0;
  Bytes payload;
};

/// The datagram in `frame`, or nothing. Lengths are checked, checksums are not (see is_sound).
inline std::optional<Datagram> read_datagram(Bytes frame) {
  if (frame.size() < kUdpHead) return std::nullopt;
  const std::uint8_t* at = frame.data();
  if (read16(at + 12) != RTE_ETHER_TYPE_IPV4 || at[14] != 0x45 || at[23] != IPPROTO_UDP) return std::nullopt;
  if (read16(at + 20) & 0x3FFF) return std::nullopt;  // a fragment
  const std::size_t size = read16(at + 38);
  if (size < 8 || size > frame.size() - 34 || size + 20 != read16(at + 16)) return std::nullopt;
  return Datagram{reinterpret_cast<const rte_ether_addr*>(at + 6),
                  read32(at + 26),
                  read32(at + 30),
                  read16(at + 34),
                  read16(at + 36),
                  {at + kUdpHead, size - 8}};
}

/// Do both checksums of a datagram's frame hold? A UDP checksum of zero says "none" (RFC 768) and does not.
inline bool is_sound(Bytes frame) {
  const std::uint8_t* at = frame.data();
  const std::uint16_t size = read16(at + 38);
  if (fold(word_sum(at + 14, 20)) != 0xFFFF || read16(at + 40) == 0) return false;
  std::uint8_t length[4] = {0, IPPROTO_UDP, at[38], at[39]};
  return fold(word_sum(at + 26, 8) + word_sum(length, 4) + word_sum(at + 34, size)) == 0xFFFF;
}

/// Where a datagram goes and comes from.
struct Route {
  rte_ether_addr own_mac, peer_mac;
  std::uint32_t own = 0, peer = 0;  ///< host order
  std::uint16_t own_port = 0, peer_port = 0;
};

/// Writes the 42 bytes before a payload of `size`; the UDP checksum is left zero (see seal).
inline void write_head(std::uint8_t* at, const Route& route, std::size_t size) {
  std::memcpy(at, &route.peer_mac, 6);
  std::memcpy(at + 6, &route.own_mac, 6);
  write16(at + 12, RTE_ETHER_TYPE_IPV4);
  std::memset(at + 14, 0, 28);
  at[14] = 0x45;
  write16(at + 16, static_cast<std::uint16_t>(size + 28));
  write16(at + 20, 0x4000);  // never fragmented
  at[22] = 64;
  at[23] = IPPROTO_UDP;
  write32(at + 26, route.own);
  write32(at + 30, route.peer);
  const std::uint16_t sum = static_cast<std::uint16_t>(~fold(word_sum(at + 14, 20)));
  std::memcpy(at + 24, &sum, 2);
  write16(at + 34, route.own_port);
  write16(at + 36, route.peer_port);
  write16(at + 38, static_cast<std::uint16_t>(size + 8));
}

/// What the UDP checksum sums besides the payload: pseudo header and UDP header as they stand.
inline std::uint64_t head_sum(const std::uint8_t* at) {
  const std::uint8_t length[4] = {0, IPPROTO_UDP, at[38], at[39]};
  return word_sum(at + 26, 8) + word_sum(length, 4) + word_sum(at + 34, 6);
}
/// Puts the UDP checksum of `sum` (head_sum and the payload's word_sum).
inline void seal(std::uint8_t* at, std::uint64_t sum) {
  std::uint16_t check = static_cast<std::uint16_t>(~fold(sum));
  if (check == 0) check = 0xFFFF;
  std::memcpy(at + 40, &check, 2);
}

/// "10.9.0.2" in host order.
inline std::optional<std::uint32_t> read_ipv4(std::string_view text) {
  std::uint32_t address = 0, part = 0;
  int dots = 0, digits = 0;
  for (const char each : text) {
    if (each == '.') {
      if (digits == 0 || ++dots > 3) return std::nullopt;
      address = address << 8 | part;
      part = 0;
      digits = 0;
    } else if (each >= '0' && each <= '9') {
      part = part * 10 + static_cast<std::uint32_t>(each - '0');
      if (++digits > 3 || part > 255) return std::nullopt;
    } else {
      return std::nullopt;
    }
  }
  if (dots != 3 || digits == 0) return std::nullopt;
  return address << 8 | part;
}

}  // namespace carillon::bench
