#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/endpoint.h"
#include "engine/base/time.h"

namespace carillon::net {

/// One address of ours; its port does not count.
struct LocalAddress {
  Endpoint address;
  std::uint8_t prefix = 24;  ///< bits of the network that is on this link
};

/// One shard's stack: who it is and how much it holds.
struct StackConfig {
  static constexpr std::size_t kAddressesMax = 16;

  /// IPv6's link-local address comes by itself, from the MAC address, as soon as one IPv6 address is here.
  std::vector<LocalAddress> addresses;
  Endpoint gateway_v4, gateway_v6;    ///< on one of our networks (or link-local); unspecified: none
  bool learns_router = false;         ///< IPv6: the last router that advertised itself, where no gateway is given
  std::optional<std::uint16_t> vlan;  ///< 1 to 4094: all frames carry this 802.1Q tag; none: none does

  std::uint32_t sockets_max = 8192;     ///< open() answers kFull beyond
  std::uint32_t neighbours_max = 1024;  ///< on the link, not in the world
  std::uint32_t pending_max = 256;      ///< packets that wait for neighbours to be found, 1,536 bytes each
  std::uint32_t batch = 256;            ///< packets per receive(), and frames asked for at once

  std::uint8_t media_tos = 0xB8;       ///< DSCP EF (RFC 4594 §4.1), sockets that are not shared
  std::uint8_t signalling_tos = 0xA0;  ///< DSCP CS5 (RFC 4594 §4.2), shared sockets

  std::uint32_t shard = 0, shards = 1;        ///< shards > 1: an Exchange is needed
  std::uint16_t port_block_first = 0;         ///< RTP ports: 2^bits for shard 0, then as many for shard 1, …
  std::uint8_t port_block_bits = 0;           ///< 0: no blocks, whoever gets a packet takes it
  std::optional<std::uint32_t> kernel_shard;  ///< whose Stack has the KernelPath, if not each has one
  std::uint32_t echo_per_second = 1000;       ///< pings answered
  std::uint32_t errors_per_second = 100;      ///< port unreachables sent (RFC 1812 §4.3.2.8, RFC 4443 §2.4 f)
  Duration kernel_poll = 1ms;                 ///< the tap is asked this often: it may cost a system call
  std::uint64_t hash_seed = 0;  ///< drawn at start, so that nobody can choose addresses that meet in one slot

  /// The shard whose block holds this port; nothing: any shard's.
  std::optional<std::uint32_t> owner(std::uint16_t port) const {
    if (port_block_bits == 0 || port < port_block_first) return std::nullopt;
    const std::uint32_t shard_of = static_cast<std::uint32_t>(port - port_block_first) >> port_block_bits;
    return shard_of < shards ? std::optional(shard_of) : std::nullopt;
  }

  /// The first fault as "field: reason", or empty.
  std::string fault() const;
};

}  // namespace carillon::net
