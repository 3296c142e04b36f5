#include "engine/rtp/demux.h"

#include <gtest/gtest.h>

#include <array>

namespace carillon::rtp {
namespace {

Traffic of(int first, int second = 0) {
  const std::array<std::byte, 2> datagram{static_cast<std::byte>(first), static_cast<std::byte>(second)};
  return traffic_of(datagram);
}

// Every first byte goes where RFC 7983 §7 sends it.
TEST(Demux, FirstByteDecides) {
  for (int first = 0; first < 256; ++first) {
    const Traffic expected = first <= 3                     ? Traffic::kStun
                             : first >= 20 && first <= 63   ? Traffic::kDtls
                             : first >= 128 && first <= 191 ? Traffic::kRtp
                                                            : Traffic::kNone;
    EXPECT_EQ(of(first), expected) << first;
  }
}

// RTCP's packet types lie where RTP has the marker and types 64…95 (RFC 5761 §4).
TEST(Demux, SecondByteTellsRtcpFromRtp) {
  EXPECT_EQ(of(0x80, 0), Traffic::kRtp);           // PCMU
  EXPECT_EQ(of(0x90, 0x80 | 111), Traffic::kRtp);  // Opus, marked, with an extension
  EXPECT_EQ(of(0x80, 0x80 | 8), Traffic::kRtp);    // PCMA, marked
  EXPECT_EQ(of(0x80, 0x80 | 63), Traffic::kRtp);
  EXPECT_EQ(of(0x80, 0x80 | 96), Traffic::kRtp);
  EXPECT_EQ(of(0x80, 200), Traffic::kRtcp);  // SR
  EXPECT_EQ(of(0x81, 201), Traffic::kRtcp);  // RR
  EXPECT_EQ(of(0x8F, 205), Traffic::kRtcp);  // transport feedback
  EXPECT_EQ(of(0x80, 207), Traffic::kRtcp);  // XR
  EXPECT_EQ(of(0x80, 192), Traffic::kRtcp);
  EXPECT_EQ(of(0x80, 223), Traffic::kRtcp);
}

TEST(Demux, NothingIsNothing) {
  EXPECT_EQ(traffic_of({}), Traffic::kNone);
  const std::array<std::byte, 1> one{std::byte{0x80}};
  EXPECT_EQ(traffic_of(one), Traffic::kNone);
}

}  // namespace
}  // namespace carillon::rtp
