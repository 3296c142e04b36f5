#pragma once
// Where fields lie in the headers we read and write, and how to get at them without copying.

#include <bit>
#include <cstdint>
#include <cstring>

#include "engine/base/bytes.h"

namespace carillon::net {

inline std::uint16_t load_be16(const std::byte* at) {
  std::uint16_t value;
  std::memcpy(&value, at, 2);
  return std::endian::native == std::endian::little ? __builtin_bswap16(value) : value;
}
inline std::uint32_t load_be32(const std::byte* at) {
  std::uint32_t value;
  std::memcpy(&value, at, 4);
  return std::endian::native == std::endian::little ? __builtin_bswap32(value) : value;
}
inline std::uint16_t to_be16(std::uint16_t value) {
  return std::endian::native == std::endian::little ? __builtin_bswap16(value) : value;
}
inline void store_be16(std::byte* at, std::uint16_t value) {
  value = to_be16(value);
  std::memcpy(at, &value, 2);
}
inline void store_be32(std::byte* at, std::uint32_t value) {
  if constexpr (std::endian::native == std::endian::little) value = __builtin_bswap32(value);
  std::memcpy(at, &value, 4);
}
/// In wire order, for sums and comparisons where the order does not matter.
template <class T>
T load_raw(const std::byte* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}
template <class T>
void store_raw(std::byte* at, T value) {
  std::memcpy(at, &value, sizeof value);
}
inline std::uint8_t load_u8(const std::byte* at) { return std::to_integer<std::uint8_t>(*at); }
inline void store_u8(std::byte* at, std::uint8_t value) { *at = std::byte{value}; }

enum EtherType : std::uint16_t { kIpv4 = 0x0800, kArp = 0x0806, kVlanTag = 0x8100, kIpv6 = 0x86DD };
enum Protocol : std::uint8_t {
  kHopByHop = 0,
  kIcmp = 1,
  kUdp = 17,
  kRouting = 43,
  kFragment = 44,
  kIcmp6 = 58,
  kNoNext = 59,
  kDestinationOptions = 60,
};

inline constexpr std::size_t kEthernet = 14, kVlanBytes = 4, kIpv4Header = 20, kIpv6Header = 40, kUdpHeader = 8,
                             kFragmentHeader = 8, kArpBytes = 28, kIcmpHeader = 8;
inline constexpr std::uint16_t kIpv6MtuMin = 1280;  // RFC 8200 §5
inline constexpr std::uint16_t kIpv4MtuMin = 576;   // RFC 1191 knows smaller ones; below this it is an attack
inline constexpr std::uint8_t kHopLimit = 64;       // RFC 1700

}  // namespace carillon::net
