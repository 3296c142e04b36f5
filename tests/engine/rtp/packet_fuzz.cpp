// Whatever comes in: a packet's payload lies inside the wire, and its header can be written and read back.

#include <array>

#include "engine/base/check.h"
#include "engine/rtp/packet.h"
#include "engine/rtp/telephone_event.h"

using namespace carillon;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView wire = std::as_bytes(std::span(data, size));
  (void)rtp::parse_event(wire);
  const auto packet = rtp::parse(wire);
  if (!packet) return 0;
  CHECK(packet->payload.size() + rtp::kHeaderSize <= wire.size());
  std::array<std::byte, rtp::kHeaderSize> header;
  rtp::write_header(header, *packet);
  const auto again = rtp::parse(header);
  CHECK(again);
  CHECK(again->marker == packet->marker && again->payload_type == packet->payload_type);
  CHECK(again->sequence == packet->sequence && again->time == packet->time && again->ssrc == packet->ssrc);
  return 0;
}
