#include "media/codec/g711.h"

#include <gtest/gtest.h>
#include <spandsp.h>

#include <array>
#include <cstdint>
#include <vector>

namespace carillon::media {
namespace {

TEST(G711, EncodesEverySampleAsSpanDspDoes) {
  for (int sample = -32768; sample <= 32767; ++sample) {
    const std::array in = {static_cast<std::int16_t>(sample)};
    std::array<std::byte, 1> out;
    encode(Codec::kPcmu, in, out);
    ASSERT_EQ(static_cast<int>(out[0]), linear_to_ulaw(sample)) << sample;
    encode(Codec::kPcma, in, out);
    ASSERT_EQ(static_cast<int>(out[0]), linear_to_alaw(sample)) << sample;
  }
}

TEST(G711, DecodesEveryCodeAsSpanDspDoes) {
  for (int code = 0; code < 256; ++code) {
    const std::array in = {static_cast<std::byte>(code)};
    std::array<std::int16_t, 1> out;
    decode(Codec::kPcmu, in, out);
    ASSERT_EQ(out[0], ulaw_to_linear(static_cast<std::uint8_t>(code))) << code;
    decode(Codec::kPcma, in, out);
    ASSERT_EQ(out[0], alaw_to_linear(static_cast<std::uint8_t>(code))) << code;
  }
}

TEST(G711, TranscodesEveryCodeByTheTablesOfTheRecommendation) {
  for (int code = 0; code < 256; ++code) {
    const std::array in = {static_cast<std::byte>(code)};
    std::array<std::byte, 1> out;
    transcode(Codec::kPcmu, Codec::kPcma, in, out);
    ASSERT_EQ(static_cast<int>(out[0]), ulaw_to_alaw(static_cast<std::uint8_t>(code))) << code;
    transcode(Codec::kPcma, Codec::kPcmu, in, out);
    ASSERT_EQ(static_cast<int>(out[0]), alaw_to_ulaw(static_cast<std::uint8_t>(code))) << code;
    transcode(Codec::kPcma, Codec::kPcma, in, out);
    ASSERT_EQ(out[0], in[0]);
  }
}

// The sine of 1 kHz at 0 dBm0 that defines the level of each law (G.711, tables 5 and 6).
TEST(G711, StandardSineHasTheSameLevelInBothLaws) {
  const std::array<std::uint8_t, 8> alaw = {0x34, 0x21, 0x21, 0x34, 0xB4, 0xA1, 0xA1, 0xB4};
  const std::array<std::uint8_t, 8> ulaw = {0x1E, 0x0B, 0x0B, 0x1E, 0x9E, 0x8B, 0x8B, 0x9E};
  std::array<std::int16_t, 8> from_alaw, from_ulaw;
  decode(Codec::kPcma, std::as_bytes(std::span(alaw)), from_alaw);
  decode(Codec::kPcmu, std::as_bytes(std::span(ulaw)), from_ulaw);
  for (std::size_t i = 0; i < 8; ++i) EXPECT_NEAR(from_alaw[i], from_ulaw[i], 32768 * 0.04) << i;
}

TEST(G711, SilenceDecodesToAboutZero) {
  for (const Codec codec : {Codec::kPcmu, Codec::kPcma}) {
    const std::array in = {silence(codec)};
    std::array<std::int16_t, 1> out;
    decode(codec, in, out);
    EXPECT_LE(std::abs(out[0]), 8) << name(codec);
  }
}

}  // namespace
}  // namespace carillon::media
