#include "engine/net/packet.h"

#include "engine/net/checksum.h"

namespace carillon::net {

Result<Packet, PacketError> read_ipv4(ByteView wire, bool trusted) {
  if (wire.size() < kIpv4Header) return PacketError::kMalformed;
  const std::byte* at = wire.data();
  const std::size_t header = 4u * (load_u8(at) & 0x0F);
  const std::size_t total = load_be16(at + 2);
  if (load_u8(at) >> 4 != 4 || header < kIpv4Header || total < header || total > wire.size())
    return PacketError::kMalformed;
  if (!trusted && !is_right(sum(at, header))) return PacketError::kChecksum;
  const std::uint16_t fragment = load_be16(at + 6);
  Packet packet;
  packet.source = Address::v4(at + 12);
  packet.target = Address::v4(at + 16);
  packet.protocol = load_u8(at + 9);
  packet.hops = load_u8(at + 8);
  packet.more_fragments = (fragment & 0x2000) != 0;
  packet.fragment_offset = static_cast<std::uint16_t>((fragment & 0x1FFF) * 8);
  packet.is_fragment = packet.more_fragments || packet.fragment_offset != 0;
  packet.fragment_id = load_be16(at + 4);
  packet.header = wire.first(header);
  packet.payload = wire.subspan(header, total - header);
  if (packet.source.is_martian_source() || load_u8(at + 12) == 0) return PacketError::kMartian;
  return packet;
}

Result<Packet, PacketError> read_ipv6(ByteView wire) {
  if (wire.size() < kIpv6Header) return PacketError::kMalformed;
  const std::byte* at = wire.data();
  const std::size_t length = load_be16(at + 4);
  if (load_u8(at) >> 4 != 6 || length > wire.size() - kIpv6Header) return PacketError::kMalformed;
  Packet packet;
  packet.source = Address::v6(at + 8);
  packet.target = Address::v6(at + 24);
  packet.hops = load_u8(at + 7);
  if (packet.source.is_v4() || packet.target.is_v4() || packet.source.is_martian_source()) return PacketError::kMartian;
  std::uint8_t next = load_u8(at + 6);
  const ByteView whole = wire.first(kIpv6Header + length);
  std::size_t offset = kIpv6Header;
  for (int i = 0; i < kExtensionsMax; ++i) {
    const bool is_options = next == kHopByHop || next == kDestinationOptions || next == kRouting;
    if (!is_options && next != kFragment) break;
    if (whole.size() - offset < 8) return PacketError::kMalformed;
    const std::byte* extension = whole.data() + offset;
    if (next == kHopByHop && offset != kIpv6Header) return PacketError::kMalformed;       // first or nowhere (§4.1)
    if (next == kRouting && load_u8(extension + 3) != 0) return PacketError::kMalformed;  // we route nothing
    if (next == kFragment) {
      const std::uint16_t fragment = load_be16(extension + 2);
      packet.more_fragments = (fragment & 1) != 0;
      packet.fragment_offset = fragment & 0xFFF8;
      packet.is_fragment = packet.more_fragments || packet.fragment_offset != 0;  // neither: atomic (RFC 6946)
      packet.fragment_id = load_be32(extension + 4);
      offset += kFragmentHeader;
      next = load_u8(extension);
      if (packet.is_fragment) break;  // what follows is read once it is whole
      continue;
    }
    const std::size_t size = 8u * (load_u8(extension + 1) + 1u);
    if (size > whole.size() - offset) return PacketError::kMalformed;
    next = load_u8(extension);
    offset += size;
  }
  packet.protocol = next;
  packet.header = whole.first(offset);
  packet.payload = whole.subspan(offset);
  return packet;
}

Result<Udp, PacketError> read_udp(const Packet& packet, bool trusted) {
  const ByteView wire = packet.payload;
  if (wire.size() < kUdpHeader) return PacketError::kMalformed;
  const std::byte* at = wire.data();
  const std::uint16_t length = load_be16(at + 4);
  if (length < kUdpHeader || length > wire.size()) return PacketError::kMalformed;
  const bool has_none = load_raw<std::uint16_t>(at + 6) == 0;
  if (has_none && !packet.target.is_v4()) return PacketError::kChecksum;
  if (!trusted && !has_none && !is_right(sum(at, length) + pseudo_header(packet.source, packet.target, kUdp, length)))
    return PacketError::kChecksum;
  const Udp udp{load_be16(at), load_be16(at + 2), wire.subspan(kUdpHeader, length - kUdpHeader)};
  if (udp.source_port == 0 || udp.target_port == 0) return PacketError::kMalformed;
  return udp;
}

}  // namespace carillon::net
