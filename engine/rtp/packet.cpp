#include "engine/rtp/packet.h"

namespace carillon::rtp {

Result<Packet, ParseError> parse(ByteView wire) {
  ByteReader in(wire);  // past the end: yields zeros and stays failed
  const auto flags = in.u8();
  const auto kind = in.u8();
  Packet packet{.marker = (kind & 0x80) != 0,
                .payload_type = static_cast<std::uint8_t>(kind & 0x7F),
                .sequence = in.u16(),
                .time = RtpTime{in.u32()},
                .ssrc = in.u32(),
                .payload = {}};
  in.skip(4u * (flags & 0x0F));  // CSRC list
  if (flags & 0x10) {            // header extension: profile word, length in words
    in.skip(2);
    in.skip(std::size_t{4} * in.u16());
  }
  if (in.failed()) return ParseError::kShort;
  if (flags >> 6 != 2) return ParseError::kVersion;
  packet.payload = in.rest();
  if (flags & 0x20) {  // the last byte counts the padding, itself included
    if (packet.payload.empty()) return ParseError::kPadding;
    const auto padding = static_cast<std::size_t>(packet.payload.back());
    if (padding == 0 || padding > packet.payload.size()) return ParseError::kPadding;
    packet.payload = packet.payload.first(packet.payload.size() - padding);
  }
  return packet;
}

void write_header(std::span<std::byte, kHeaderSize> out, const Packet& packet) {
  ByteWriter writer(out);
  writer.u8(2 << 6);
  writer.u8(static_cast<std::uint8_t>((packet.marker ? 0x80 : 0) | (packet.payload_type & 0x7F)));
  writer.u16(packet.sequence);
  writer.u32(packet.time.ticks);
  writer.u32(packet.ssrc);
}

}  // namespace carillon::rtp
