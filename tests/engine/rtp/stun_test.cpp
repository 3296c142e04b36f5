#include "engine/rtp/stun.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/engine/rtp/samples.h"
#include "tests/engine/rtp/srtp_packets.h"

namespace carillon::rtp {
namespace {

// RFC 5769 §2: what others made, to be read and proved.
constexpr std::string_view kPassword = "VOkJxbRl1RmTxUk/WvJxBt";
const Bytes kTransaction = hex("b7e7a701bc34d686fa87dfae");
const Bytes kSampleRequest =
    hex("00010058 2112a442 b7e7a701bc34d686fa87dfae 80220010 5354554e207465737420636c69656e74"
        "00240004 6e0001ff 80290008 932ff9b151263b36 00060009 6576746a3a68367659202020"
        "00080014 9aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a2 80280004 e57a3bcf");
const Bytes kSampleResponse4 =
    hex("0101003c 2112a442 b7e7a701bc34d686fa87dfae 8022000b 7465737420766563746f7220"
        "00200008 0001a147e112a643 00080014 2b91f599fd9e90c38c7489f92af9ba53f06be7d7 80280004 c07d4c96");
const Bytes kSampleResponse6 =
    hex("01010048 2112a442 b7e7a701bc34d686fa87dfae 8022000b 7465737420766563746f7220"
        "00200014 0002a1470113a9faa5d3f179bc25f4b5bed2b9d9"
        "00080014 a382954e4be67bf11784c97c8292c275bfe3ed41 80280004 c8fb0b4c");

StunTransaction transaction(int fill = 7) {
  StunTransaction made;
  made.fill(static_cast<std::byte>(fill));
  return made;
}

TEST(Stun, ReadsTheSampleRequest) {
  const auto message = parse_stun(kSampleRequest);
  ASSERT_TRUE(message);
  EXPECT_EQ(message->kind, StunClass::kRequest);
  EXPECT_EQ(message->method, kStunBinding);
  EXPECT_TRUE(std::ranges::equal(message->transaction, kTransaction));
  EXPECT_EQ(message->username, "evtj:h6vY");
  EXPECT_EQ(message->priority, 0x6e0001ffu);
  EXPECT_EQ(message->ice_controlled, 0x932ff9b151263b36u);
  EXPECT_FALSE(message->ice_controlling);
  EXPECT_FALSE(message->use_candidate);
  EXPECT_TRUE(message->has_fingerprint);
  EXPECT_EQ(message->unknown_count, 0);
  EXPECT_TRUE(is_authentic(*message, StunKey(kPassword)));
  EXPECT_FALSE(is_authentic(*message, StunKey("VOkJxbRl1RmTxUk/WvJxBu")));
}

TEST(Stun, ReadsTheSampleResponses) {
  for (const auto& [wire, expected] :
       {std::pair{kSampleResponse4, Endpoint::v4(192, 0, 2, 1, 32853)},
        {kSampleResponse6, *Endpoint::parse("2001:db8:1234:5678:11:2233:4455:6677", 32853)}}) {
    const auto message = parse_stun(wire);
    ASSERT_TRUE(message);
    EXPECT_EQ(message->kind, StunClass::kSuccess);
    ASSERT_TRUE(message->mapped);
    EXPECT_EQ(*message->mapped, expected) << message->mapped->text();
    EXPECT_TRUE(message->has_fingerprint);
    EXPECT_TRUE(is_authentic(*message, StunKey(kPassword)));
  }
}

// Written anew the samples differ in nothing but their padding, which is free (RFC 5769 pads with blanks).
TEST(Stun, WritesWhatTheSamplesHold) {
  StunTransaction id;
  std::ranges::copy(kTransaction, id.begin());
  const StunKey key(kPassword);
  std::array<std::byte, 200> out;
  const auto wire = StunWriter(out, StunClass::kRequest, id)
                        .software("STUN test client")
                        .priority(0x6e0001ff)
                        .ice_controlled(0x932ff9b151263b36)
                        .username("evtj:h6vY")
                        .sign(key)
                        .fingerprint()
                        .finish();
  ASSERT_EQ(wire.size(), kSampleRequest.size());
  EXPECT_TRUE(std::ranges::equal(wire.first(72 + 1), ByteView(kSampleRequest).first(72 + 1)));
  const auto read = parse_stun(wire);
  ASSERT_TRUE(read);
  EXPECT_TRUE(read->has_fingerprint);
  EXPECT_TRUE(is_authentic(*read, key));
}

TEST(Stun, WritesAndReadsEveryAttribute) {
  const StunKey key("a password that is longer than a block of SHA-1, which has 64 bytes, so it is hashed");
  const auto endpoint = *Endpoint::parse("2001:db8::17", 65535);
  std::array<std::byte, 400> out;
  const auto wire = StunWriter(out, StunClass::kRequest, transaction())
                        .username("ours:theirs")
                        .priority(1)
                        .ice_controlling(0xFFFF'FFFF'FFFF'FFFF)
                        .ice_controlled(0)
                        .use_candidate()
                        .xor_mapped_address(endpoint)
                        .attribute(0x7FFF, bytes_of("odd"))
                        .attribute(0x8FFF, bytes_of("optional"))
                        .sign(key)
                        .fingerprint()
                        .finish();
  const auto message = parse_stun(wire);
  ASSERT_TRUE(message);
  EXPECT_EQ(message->username, "ours:theirs");
  EXPECT_EQ(message->priority, 1u);
  EXPECT_EQ(message->ice_controlling, 0xFFFF'FFFF'FFFF'FFFFu);
  EXPECT_EQ(message->ice_controlled, 0u);
  EXPECT_TRUE(message->use_candidate);
  EXPECT_EQ(message->mapped, endpoint);
  ASSERT_EQ(message->unknown_count, 1);
  EXPECT_EQ(message->unknown[0], 0x7FFF);
  EXPECT_TRUE(is_authentic(*message, key));
}

TEST(Stun, ErrorsCarryCodeAndUnknownAttributes) {
  for (const int code : {400, 401, 420, 487, 300, 699}) {
    std::array<std::byte, 200> out;
    const std::uint16_t unknown[] = {0x0021, 0x7001, 0x0003};
    const auto wire =
        StunWriter(out, StunClass::kError, transaction()).error(code).unknown_attributes(unknown).finish();
    const auto message = parse_stun(wire);
    ASSERT_TRUE(message) << code;
    EXPECT_EQ(message->kind, StunClass::kError);
    EXPECT_EQ(message->error_code, code);
    EXPECT_EQ(message->integrity_at, 0u);
    EXPECT_FALSE(is_authentic(*message, StunKey("x")));
  }
}

TEST(Stun, AnyChangedBitIsSeen) {
  const StunKey key(kPassword);
  for (std::size_t bit = 0; bit < 8 * kSampleRequest.size(); ++bit) {
    Bytes wire = kSampleRequest;
    wire[bit / 8] ^= static_cast<std::byte>(1 << bit % 8);
    const auto message = parse_stun(wire);  // a bit of a type or length may hide the fingerprint, never keep it right
    EXPECT_FALSE(message && message->has_fingerprint) << bit;
  }
  Bytes bare(kSampleRequest.begin(), kSampleRequest.end() - 8);  // without the fingerprint the integrity does
  bare[3] = static_cast<std::byte>(bare.size() - kStunHeaderSize);
  ASSERT_TRUE(parse_stun(bare));
  ASSERT_TRUE(is_authentic(*parse_stun(bare), key));
  for (std::size_t bit = 0; bit < 8 * bare.size(); ++bit) {
    Bytes wire = bare;
    wire[bit / 8] ^= static_cast<std::byte>(1 << bit % 8);
    const auto message = parse_stun(wire);
    EXPECT_FALSE(message && is_authentic(*message, key)) << bit;
  }
}

TEST(Stun, NoPrefixIsAMessage) {
  for (std::size_t size = 0; size < kSampleRequest.size(); ++size)
    EXPECT_FALSE(parse_stun(ByteView(kSampleRequest).first(size))) << size;
}

// What stands behind the integrity is nobody's word (RFC 8489 §14.5).
TEST(Stun, AttributesBehindTheIntegrityAreIgnored) {
  const StunKey key("secret");
  std::array<std::byte, 200> out;
  const auto wire = StunWriter(out, StunClass::kRequest, transaction())
                        .username("a:b")
                        .sign(key)
                        .use_candidate()
                        .attribute(0x7777, {})
                        .fingerprint()
                        .finish();
  const auto message = parse_stun(wire);
  ASSERT_TRUE(message);
  EXPECT_FALSE(message->use_candidate);
  EXPECT_EQ(message->unknown_count, 0);
  EXPECT_TRUE(is_authentic(*message, key));
}

TEST(Stun, MalformedMessagesHaveTheirReason) {
  const auto error = [](std::string_view text) { return parse_stun(hex(text)).error(); };
  EXPECT_EQ(error(""), StunError::kShort);
  EXPECT_EQ(error("80010000 2112a442 070707070707070707070707"), StunError::kNotStun);
  EXPECT_EQ(error("00010000 2112a443 070707070707070707070707"), StunError::kNotStun);
  EXPECT_EQ(error("00010004 2112a442 070707070707070707070707"), StunError::kShort);
  EXPECT_EQ(error("00010000 2112a442 070707070707070707070707 00"), StunError::kShort);
  EXPECT_EQ(error("00010004 2112a442 070707070707070707070707 00060004"), StunError::kAttribute);
  EXPECT_EQ(error("00010008 2112a442 070707070707070707070707 00240003 01020300"), StunError::kAttribute);
  EXPECT_EQ(error("0001000c 2112a442 070707070707070707070707 00240008 0102030405060708"), StunError::kAttribute);
  EXPECT_EQ(error("00010008 2112a442 070707070707070707070707 00080004 01020304"), StunError::kAttribute);
  EXPECT_EQ(error("0001000c 2112a442 070707070707070707070707 00200008 0003a147e112a643"), StunError::kAttribute);
  EXPECT_EQ(error("0001000c 2112a442 070707070707070707070707 80280004 00000000 80220000"), StunError::kAttribute);
  EXPECT_EQ(error("00010008 2112a442 070707070707070707070707 80280004 00000000"), StunError::kFingerprint);
}

TEST(Stun, LongMessagesAreRefused) {
  Bytes wire(2000);
  StunWriter writer(wire, StunClass::kRequest, transaction());
  const Bytes filler(400);
  for (int i = 0; i < 4; ++i) writer.attribute(0x8001, filler);
  EXPECT_EQ(parse_stun(writer.finish()).error(), StunError::kTooLong);
}

TEST(Stun, MoreUnknownAttributesThanNamedAreNoTrouble) {
  Bytes wire(400);
  StunWriter writer(wire, StunClass::kRequest, transaction());
  for (std::uint16_t i = 0; i < 40; ++i) writer.attribute(static_cast<std::uint16_t>(0x4000 + i), {});
  const auto message = parse_stun(writer.finish());
  ASSERT_TRUE(message);
  EXPECT_EQ(message->unknown_count, kStunUnknownMax);
  EXPECT_EQ(message->unknown[7], 0x4007);
}

TEST(Stun, WriterNeverWritesPastItsBuffer) {
  const StunKey key("secret");
  for (std::size_t room = 0; room <= 120; ++room) {
    Bytes buffer(room + 8, std::byte{0xEE});
    const auto wire = StunWriter(std::span(buffer).first(room), StunClass::kSuccess, transaction())
                          .xor_mapped_address(Endpoint::v4(192, 0, 2, 1, 1))
                          .sign(key)
                          .fingerprint()
                          .finish();
    EXPECT_EQ(wire.empty(), room < 20 + 12 + 24 + 8) << room;
    for (std::size_t i = room; i < buffer.size(); ++i) EXPECT_EQ(buffer[i], std::byte{0xEE});
  }
}

// CRC-32's check value, and RFC 8489 §14.7's way to write it.
TEST(Stun, CrcIsTheOneOfGzip) { EXPECT_EQ(stun_crc32(bytes_of("123456789")), 0xCBF4'3926u); }

// Shared samples: checks as Chromium and Firefox sent them.
TEST(StunSamples, BrowsersChecksAreRead) {
  const auto found = samples("stun/browser_live");
  if (found.empty()) GTEST_SKIP() << "no shared samples here";
  int checks = 0;
  for (const auto& sample : found) {
    const auto message = parse_stun(sample.bytes);
    if (!message) {  // a name looked up by mDNS, which the capture took along
      EXPECT_EQ(message.error(), StunError::kNotStun) << sample.name;
      continue;
    }
    EXPECT_EQ(message->unknown_count, 0) << sample.name;
    if (message->kind == StunClass::kRequest && !message->username.empty()) {
      ++checks;
      EXPECT_TRUE(message->priority && message->has_fingerprint && message->integrity_at != 0) << sample.name;
      EXPECT_TRUE(message->ice_controlled || message->ice_controlling) << sample.name;
    }
  }
  EXPECT_GE(checks, 2);
}

TEST(StunSamples, OthersTestsDoNoHarm) {
  const auto found = samples("stun");
  if (found.empty()) GTEST_SKIP() << "no shared samples here";
  int read = 0;
  for (const auto& sample : found)
    if (const auto message = parse_stun(sample.bytes)) {
      ++read;
      (void)is_authentic(*message, StunKey(kPassword));
    }
  EXPECT_GT(read, 5);
}

}  // namespace
}  // namespace carillon::rtp
