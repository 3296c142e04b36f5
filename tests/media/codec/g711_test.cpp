#include "media/codec/g711.h"

#include <gtest/gtest.h>
#include <spandsp.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "tests/media/targets.h"

namespace carillon::media {
namespace {

std::vector<std::int16_t> every_sample() {
  std::vector<std::int16_t> samples;
  for (int sample = -32768; sample <= 32767; ++sample) samples.push_back(static_cast<std::int16_t>(sample));
  return samples;
}
std::vector<std::byte> every_code() {
  std::vector<std::byte> codes;
  for (int code = 0; code < 256; ++code) codes.push_back(static_cast<std::byte>(code));
  return codes;
}

TEST(G711, EncodesEverySampleAsSpanDspDoes) {
  const auto in = every_sample();
  std::vector<std::byte> ulaw(in.size()), alaw(in.size());
  const int targets = test::on_each_target([&] {
    encode(Codec::kPcmu, in, ulaw);
    encode(Codec::kPcma, in, alaw);
    for (std::size_t i = 0; i < in.size(); ++i) {
      ASSERT_EQ(static_cast<int>(ulaw[i]), linear_to_ulaw(in[i])) << in[i];
      ASSERT_EQ(static_cast<int>(alaw[i]), linear_to_alaw(in[i])) << in[i];
    }
  });
  EXPECT_GE(targets, 2) << "this processor has nothing but the plain path";
}

TEST(G711, DecodesEveryCodeAsSpanDspDoes) {
  const auto in = every_code();
  std::vector<std::int16_t> ulaw(in.size()), alaw(in.size());
  test::on_each_target([&] {
    decode(Codec::kPcmu, in, ulaw);
    decode(Codec::kPcma, in, alaw);
    for (std::size_t i = 0; i < in.size(); ++i) {
      ASSERT_EQ(ulaw[i], ulaw_to_linear(static_cast<std::uint8_t>(i))) << i;
      ASSERT_EQ(alaw[i], alaw_to_linear(static_cast<std::uint8_t>(i))) << i;
    }
  });
}

TEST(G711, TranscodesEveryCodeByTheTablesOfTheRecommendation) {
  const auto in = every_code();
  std::vector<std::byte> alaw(in.size()), ulaw(in.size()), same(in.size());
  test::on_each_target([&] {
    transcode(Codec::kPcmu, Codec::kPcma, in, alaw);
    transcode(Codec::kPcma, Codec::kPcmu, in, ulaw);
    transcode(Codec::kPcma, Codec::kPcma, in, same);
    for (std::size_t i = 0; i < in.size(); ++i) {
      ASSERT_EQ(static_cast<int>(alaw[i]), ulaw_to_alaw(static_cast<std::uint8_t>(i))) << i;
      ASSERT_EQ(static_cast<int>(ulaw[i]), alaw_to_ulaw(static_cast<std::uint8_t>(i))) << i;
    }
    EXPECT_EQ(same, in);
  });
}

// Whatever does not fill a register is done too, and nothing behind it is touched.
TEST(G711, TakesAnyNumberOfSamples) {
  constexpr std::int16_t kGuard = 12345;
  constexpr std::byte kGuardCode{0x5A};
  const auto all = every_code();
  std::vector<std::int16_t> expected(all.size());
  decode(Codec::kPcmu, all, expected);
  test::on_each_target([&] {
    for (std::size_t count = 0; count <= 200; ++count) {
      const auto codes = std::span(all).first(count);
      std::vector<std::int16_t> samples(count + 1, kGuard);
      decode(Codec::kPcmu, codes, std::span(samples).first(count));
      ASSERT_TRUE(std::equal(samples.begin(), samples.end() - 1, expected.begin())) << count;
      ASSERT_EQ(samples.back(), kGuard) << count;

      std::vector<std::byte> again(count + 1, kGuardCode);
      encode(Codec::kPcmu, std::span(samples).first(count), std::span(again).first(count));
      for (std::size_t i = 0; i < count; ++i) ASSERT_EQ(again[i], all[i] == std::byte{0x7F} ? std::byte{0xFF} : all[i]);
      ASSERT_EQ(again.back(), kGuardCode) << count;

      std::vector<std::byte> in_place(all.begin(), all.end());
      transcode(Codec::kPcmu, Codec::kPcma, codes, again = std::vector<std::byte>(count));
      transcode(Codec::kPcmu, Codec::kPcma, std::span(in_place).first(count), std::span(in_place).first(count));
      ASSERT_TRUE(std::equal(again.begin(), again.end(), in_place.begin())) << count;
      ASSERT_TRUE(std::equal(in_place.begin() + static_cast<std::ptrdiff_t>(count), in_place.end(),
                             all.begin() + static_cast<std::ptrdiff_t>(count)))
          << count;
    }
  });
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
