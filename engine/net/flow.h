#pragma once
// A ready packet header: what a socket sends to its last peer differs only in length, id and checksums.

#include <array>
#include <cstddef>
#include <cstdint>

#include "engine/base/endpoint.h"
#include "engine/net/checksum.h"

namespace carillon::net {

/// One per socket. IPv4 lies in the first cache line, with a VLAN tag too; IPv6 takes the second.
struct alignas(64) Flow {
  static constexpr std::size_t kHeaderMax = kEthernet + kVlanBytes + kIpv6Header + kUdpHeader;

  std::uint32_t generation = 1;   ///< of the neighbour when this was built; kNone's is 0, so this fits nobody
  std::uint16_t neighbour = 0;    ///< Neighbours::kNone: not built
  std::uint16_t peer_port = 0;    ///< host order
  std::uint16_t payload_max = 0;  ///< bytes that leave in one packet
  std::uint8_t header_size = 0;   ///< Ethernet to UDP
  std::uint8_t ip_offset = 0;
  std::uint16_t udp_sum = 0;  ///< pseudo-header without length; with the ports unless the device sums
  std::uint16_t ip_sum = 0;   ///< IPv4 header without length, id and checksum
  std::array<std::byte, kHeaderMax> header{};

  /// Is it built for this peer? Reads the address from where it stands in the header.
  bool leads_to(const Endpoint& peer) const {
    const auto* address = reinterpret_cast<const std::byte*>(peer.address.data());
    if (peer.port != peer_port || peer.is_v6 != is_v6()) return false;
    if (!peer.is_v6) return load_raw<std::uint32_t>(address) == load_raw<std::uint32_t>(header.data() + ip_offset + 16);
    return std::memcmp(address, header.data() + ip_offset + 24, 16) == 0;
  }
  bool is_v6() const { return header_size >= kEthernet + kIpv6Header + kUdpHeader; }
};
static_assert(sizeof(Flow) == 128 && offsetof(Flow, header) == 16);
static_assert(offsetof(Flow, header) + kEthernet + kVlanBytes + kIpv4Header + kUdpHeader <= 64);

}  // namespace carillon::net
