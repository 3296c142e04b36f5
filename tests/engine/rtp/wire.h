#pragma once
// Packets for the tests of this room, as bytes on the wire.

#include <array>
#include <cstdint>
#include <initializer_list>
#include <vector>

#include "engine/base/bytes.h"
#include "engine/rtp/packet.h"
#include "engine/rtp/telephone_event.h"

namespace carillon::rtp {

inline std::vector<std::byte> bytes(std::initializer_list<int> values) {
  std::vector<std::byte> result;
  for (const int value : values) result.push_back(static_cast<std::byte>(value));
  return result;
}

inline std::vector<std::byte> wire_of(const Packet& packet) {
  std::array<std::byte, kHeaderSize> header;
  write_header(header, packet);
  std::vector<std::byte> wire(header.begin(), header.end());
  wire.insert(wire.end(), packet.payload.begin(), packet.payload.end());
  return wire;
}

/// A packet whose payload bytes all are `fill`, so that a frame tells whose it is.
inline std::vector<std::byte> audio_wire(std::uint16_t sequence, std::uint32_t time, int fill = 0x11,
                                         std::uint32_t ssrc = 1, std::size_t length = 160, int type = 0,
                                         bool marker = false) {
  const std::vector<std::byte> payload(length, static_cast<std::byte>(fill));
  return wire_of({.marker = marker,
                  .payload_type = static_cast<std::uint8_t>(type),
                  .sequence = sequence,
                  .time = {time},
                  .ssrc = ssrc,
                  .payload = payload});
}

inline std::vector<std::byte> event_wire(std::uint16_t sequence, std::uint32_t time, int event, int duration, bool end,
                                         bool marker = false, std::uint32_t ssrc = 1, int type = 101) {
  std::array<std::byte, 4> payload;
  write_event(payload, {.event = static_cast<std::uint8_t>(event),
                        .end = end,
                        .volume = 10,
                        .duration = static_cast<std::uint16_t>(duration)});
  return wire_of({.marker = marker,
                  .payload_type = static_cast<std::uint8_t>(type),
                  .sequence = sequence,
                  .time = {time},
                  .ssrc = ssrc,
                  .payload = payload});
}

}  // namespace carillon::rtp
