#include "engine/rtp/packet.h"

#include <gtest/gtest.h>

#include "tests/engine/rtp/wire.h"

namespace carillon::rtp {
namespace {

TEST(Packet, ReadsTheHeaderAsTheDiagramStands) {
  const auto wire = bytes({0x80, 0x88, 0x12, 0x34, 0x00, 0x00, 0x00, 0xA0, 0xDE, 0xAD, 0xBE, 0xEF, 1, 2, 3});
  const auto packet = parse(wire);
  ASSERT_TRUE(packet);
  EXPECT_TRUE(packet->marker);
  EXPECT_EQ(packet->payload_type, 8);
  EXPECT_EQ(packet->sequence, 0x1234);
  EXPECT_EQ(packet->time, RtpTime{160});
  EXPECT_EQ(packet->ssrc, 0xDEADBEEF);
  EXPECT_EQ(packet->payload.size(), 3u);
}

TEST(Packet, SkipsContributorsAndExtension) {
  const auto wire = bytes({0x92, 0,    0, 1, 0,    0,    0,    2,    0, 0, 0, 3,  // two CSRC, extension
                           0,    0,    0, 9, 0,    0,    0,    9,                 // CSRC
                           0xBE, 0xDE, 0, 1, 0x10, 0xFF, 0x00, 0x00, 7});         // one word
  const auto packet = parse(wire);
  ASSERT_TRUE(packet);
  ASSERT_EQ(packet->payload.size(), 1u);
  EXPECT_EQ(std::to_integer<int>(packet->payload[0]), 7);
}

TEST(Packet, RemovesPadding) {
  const auto packet = parse(bytes({0xA0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 7, 0, 2}));
  ASSERT_TRUE(packet);
  EXPECT_EQ(packet->payload.size(), 1u);
}

TEST(Packet, NamesWhatIsWrong) {
  const auto error = [](std::vector<std::byte> wire) { return parse(wire).error(); };
  EXPECT_EQ(error({}), ParseError::kShort);
  EXPECT_EQ(error(bytes({0x80, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0})), ParseError::kShort);
  EXPECT_EQ(error(bytes({0x81, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3})), ParseError::kShort) << "CSRC is missing";
  EXPECT_EQ(error(bytes({0x90, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0xFF, 0xFF})), ParseError::kShort);
  EXPECT_EQ(error(bytes({0x40, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3})), ParseError::kVersion);
  EXPECT_EQ(error(bytes({0xA0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3})), ParseError::kPadding);
  EXPECT_EQ(error(bytes({0xA0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0})), ParseError::kPadding);
  EXPECT_EQ(error(bytes({0xA0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 9})), ParseError::kPadding);
}

TEST(Packet, WhatIsWrittenReadsBackTheSame) {
  std::array<std::byte, kHeaderSize> header;
  write_header(header,
               {.marker = true, .payload_type = 101, .sequence = 65535, .time = {77}, .ssrc = 5, .payload = {}});
  const auto packet = parse(header);
  ASSERT_TRUE(packet);
  EXPECT_TRUE(packet->marker);
  EXPECT_EQ(packet->payload_type, 101);
  EXPECT_EQ(packet->sequence, 65535);
  EXPECT_EQ(packet->time, RtpTime{77});
  EXPECT_EQ(packet->ssrc, 5u);
  EXPECT_TRUE(packet->payload.empty());
}

TEST(Packet, DistancesWrap) {
  EXPECT_EQ(sequence_distance(3, 65533), 6);
  EXPECT_EQ(sequence_distance(65533, 3), -6);
  EXPECT_EQ((RtpTime{0xFFFF'FFF0} + 32), RtpTime{16});
}

}  // namespace
}  // namespace carillon::rtp
