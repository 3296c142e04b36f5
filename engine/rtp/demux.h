#pragma once
// One port carries STUN, DTLS, RTP and RTCP; the first byte tells which (RFC 7983 §7), for the last two the second
// (RFC 5761 §4).

#include "engine/base/bytes.h"

namespace carillon::rtp {

enum class Traffic : std::uint8_t {
  kStun,
  kDtls,
  kRtp,   ///< or SRTP
  kRtcp,  ///< or SRTCP
  kNone,  ///< empty, ZRTP (16-19), TURN channels (64-79), and what nobody uses: to be dropped and counted
};

/// What one UDP payload claims to be; its parser has the last word. No allocation, two bytes read.
///
///   0…3 STUN · 20…63 DTLS · 128…191 RTP or RTCP: payload types 64…95 with the marker's bit are RTCP packet types
///   192…223, so no RTP payload type of ours may lie there (RFC 5761 §4: dynamic ones start at 96).
constexpr Traffic traffic_of(ByteView datagram) {
  if (datagram.empty()) return Traffic::kNone;
  const auto first = static_cast<std::uint8_t>(datagram[0]);
  if (first <= 3) return Traffic::kStun;
  if (first >= 20 && first <= 63) return Traffic::kDtls;
  if (first < 128 || first > 191 || datagram.size() < 2) return Traffic::kNone;
  const auto second = static_cast<std::uint8_t>(datagram[1]);
  return second >= 192 && second <= 223 ? Traffic::kRtcp : Traffic::kRtp;
}

}  // namespace carillon::rtp
