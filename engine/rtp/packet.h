#pragma once
// RTP packets as they stand on the wire (RFC 3550 §5.1) and the arithmetic of their wrapping numbers.

#include <cstdint>

#include "engine/base/bytes.h"
#include "engine/base/result.h"

namespace carillon::rtp {

/// RTP timestamp: media-clock ticks modulo 2^32 (RFC 3550 §5.1).
/// The clock wraps, so there is no <; only the distance between two has meaning.
struct RtpTime {
  std::uint32_t ticks = 0;
  friend constexpr bool operator==(RtpTime, RtpTime) = default;
  friend constexpr std::int32_t operator-(RtpTime a, RtpTime b) { return static_cast<std::int32_t>(a.ticks - b.ticks); }
  friend constexpr RtpTime operator+(RtpTime time, std::int32_t ticks) {
    return {time.ticks + static_cast<std::uint32_t>(ticks)};
  }
};
static_assert(RtpTime{5} - RtpTime{0xFFFF'FFFB} == 10);

/// Distance from `b` to `a` in packets, -32768…32767 (RFC 3550 A.1: sequence numbers wrap too).
constexpr std::int16_t sequence_distance(std::uint16_t a, std::uint16_t b) {
  return static_cast<std::int16_t>(static_cast<std::uint16_t>(a - b));
}
static_assert(sequence_distance(2, 0xFFFE) == 4 && sequence_distance(0xFFFE, 2) == -4);

enum class ParseError : std::uint8_t { kShort, kVersion, kPadding };

struct Packet {
  bool marker = false;
  std::uint8_t payload_type = 0;
  std::uint16_t sequence = 0;
  RtpTime time;
  std::uint32_t ssrc = 0;
  ByteView payload;
};

/// Reads one RTP packet (RFC 3550 §5.1, extension §5.3.1).
///
/// wire     one UDP payload, untrusted
/// returns  host-order fields; `payload` lives as long as `wire`, padding removed
/// errors   kShort, kVersion, kPadding
/// cost     no allocation
Result<Packet, ParseError> parse(ByteView wire);

inline constexpr std::size_t kHeaderSize = 12;

/// Writes the twelve header bytes of `packet` (no CSRC, no extension); the payload is the caller's to append.
void write_header(std::span<std::byte, kHeaderSize> out, const Packet& packet);

}  // namespace carillon::rtp
