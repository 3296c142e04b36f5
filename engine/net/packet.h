#pragma once
// Reads IP and UDP headers from untrusted bytes: the careful way, for whatever Stack's short way does not know.

#include <cstdint>

#include "engine/base/result.h"
#include "engine/net/address.h"
#include "engine/net/wire.h"

namespace carillon::net {

enum class PacketError : std::uint8_t { kMalformed, kChecksum, kMartian };

struct Packet {
  Address source, target;
  std::uint8_t protocol = 0;  ///< of the payload; that of the whole datagram when it is a fragment
  std::uint8_t hops = 0;
  bool is_fragment = false, more_fragments = false;
  std::uint16_t fragment_offset = 0;  ///< bytes
  std::uint32_t fragment_id = 0;
  ByteView header;   ///< from the version field to the payload, IPv6 extension headers included
  ByteView payload;  ///< without the padding of short frames
};

/// One IPv4 packet (RFC 791 §3.1), options skipped.
///
/// wire     what follows the Ethernet header; may be longer than the packet
/// trusted  the device has verified the header checksum
/// errors   kMalformed, kChecksum, kMartian
/// cost     no allocation
Result<Packet, PacketError> read_ipv4(ByteView wire, bool trusted);

/// One IPv6 packet (RFC 8200 §3, §4): hop-by-hop and destination options, a routing header without segments left, and
/// the fragment header are walked, at most kExtensionsMax; the first other header is the payload.
/// A jumbogram is malformed.
Result<Packet, PacketError> read_ipv6(ByteView wire);
inline constexpr int kExtensionsMax = 8;

struct Udp {
  std::uint16_t source_port = 0, target_port = 0;
  ByteView payload;
};

/// RFC 768. `trusted`: the device has verified the checksum. IPv4 may send none; IPv6 may not (RFC 8200 §8.1).
Result<Udp, PacketError> read_udp(const Packet& packet, bool trusted);

}  // namespace carillon::net
