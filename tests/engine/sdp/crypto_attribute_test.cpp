#include "engine/sdp/crypto_attribute.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace carillon::sdp {
namespace {

constexpr std::string_view kKey = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";  // RFC 4568's example

CryptoError error_of(std::string_view value) {
  const auto crypto = parse_crypto(value);
  EXPECT_FALSE(crypto) << value;
  return crypto ? CryptoError{} : crypto.error();
}

TEST(CryptoAttribute, ReadsTheRfcsExample) {
  const auto crypto = parse_crypto("1 AES_CM_128_HMAC_SHA1_80 inline:" + std::string(kKey) + "|2^20");
  ASSERT_TRUE(crypto);
  EXPECT_EQ(crypto->tag, 1u);
  EXPECT_EQ(crypto->suite, CryptoSuite::kAesCm128Sha1_80);
  EXPECT_EQ(text_of(crypto->key()), "YS___semctl () {");
  EXPECT_EQ(text_of(crypto->salt()), std::string_view("\t220;}\n}\nunles"));
  EXPECT_TRUE(crypto->encrypts_rtcp);
}

TEST(CryptoAttribute, EverySuiteReadsBackAsWritten) {
  for (const auto suite :
       {CryptoSuite::kAesCm128Sha1_80, CryptoSuite::kAesCm128Sha1_32, CryptoSuite::kAesGcm128, CryptoSuite::kAesGcm256})
    for (const bool encrypts_rtcp : {true, false}) {
      Crypto crypto{.tag = 999'999'999, .suite = suite, .material = {}, .encrypts_rtcp = encrypts_rtcp};
      const auto sizes = sizes_of(suite);
      for (std::size_t i = 0; i < sizes.key + sizes.salt; ++i) crypto.material[i] = static_cast<std::byte>(255 - 5 * i);
      const auto text = write(crypto);
      const auto read = parse_crypto(text);
      ASSERT_TRUE(read) << text.view();
      EXPECT_EQ(read->tag, crypto.tag);
      EXPECT_EQ(read->suite, suite);
      EXPECT_EQ(read->material, crypto.material);
      EXPECT_EQ(read->encrypts_rtcp, encrypts_rtcp);
    }
}

TEST(CryptoAttribute, WritesAsPhonesExpect) {
  Crypto crypto{.tag = 2};
  EXPECT_EQ(write(crypto).view(), "2 AES_CM_128_HMAC_SHA1_80 inline:" + std::string(40, 'A'));
  crypto.suite = CryptoSuite::kAesGcm128;  // 28 bytes: two letters of padding
  EXPECT_EQ(write(crypto).view(), "2 AEAD_AES_128_GCM inline:" + std::string(38, 'A') + "==");
  crypto.suite = CryptoSuite::kAesGcm256;  // 44 bytes
  EXPECT_EQ(write(crypto).view(), "2 AEAD_AES_256_GCM inline:" + std::string(59, 'A') + "=");
}

// As seen: small letters, no padding, a lifetime in figures, several blanks, hints.
TEST(CryptoAttribute, WhatDevicesWriteIsTaken) {
  const std::string key(kKey);
  EXPECT_TRUE(parse_crypto("1 aes_cm_128_hmac_sha1_80 inline:" + key));
  EXPECT_TRUE(parse_crypto("1 AES_CM_128_HMAC_SHA1_32 INLINE:" + key + "|2^31"));
  EXPECT_TRUE(parse_crypto("1 AES_CM_128_HMAC_SHA1_80 inline:" + key + "|2^48"));
  EXPECT_TRUE(parse_crypto("1 AES_CM_128_HMAC_SHA1_80 inline:" + key + "|1048576"));
  EXPECT_TRUE(parse_crypto("1  AES_CM_128_HMAC_SHA1_80   inline:" + key + "  WSH=128 -X=1"));
  EXPECT_TRUE(parse_crypto("1 AEAD_AES_128_GCM inline:" + std::string(38, 'a')));
  EXPECT_TRUE(parse_crypto("1 AEAD_AES_128_GCM inline:" + std::string(38, 'a') + "=="));
  EXPECT_FALSE(parse_crypto("1 AES_CM_128_HMAC_SHA1_80 inline:" + key + " UNENCRYPTED_SRTCP")->encrypts_rtcp);
}

TEST(CryptoAttribute, WhatWeCannotDoHasItsReason) {
  const std::string start = "1 AES_CM_128_HMAC_SHA1_80 inline:" + std::string(kKey);
  EXPECT_EQ(error_of(start + "|2^20|1:4"), CryptoError::kMki);
  EXPECT_EQ(error_of(start + "|1:4"), CryptoError::kMki);
  EXPECT_EQ(error_of(start + "|2^20;inline:" + std::string(kKey) + "|2^20|2:4"), CryptoError::kManyKeys);
  EXPECT_EQ(error_of(start + "|2^19"), CryptoError::kLifetime);
  EXPECT_EQ(error_of(start + " KDR=1"), CryptoError::kParameter);
  EXPECT_EQ(error_of(start + " UNENCRYPTED_SRTP"), CryptoError::kParameter);
  EXPECT_EQ(error_of(start + " UNAUTHENTICATED_SRTP"), CryptoError::kParameter);
  EXPECT_EQ(error_of(start + " FEC_ORDER=FEC_SRTP"), CryptoError::kParameter);
  EXPECT_EQ(error_of("1 F8_128_HMAC_SHA1_80 inline:" + std::string(kKey)), CryptoError::kSuite);
  EXPECT_EQ(error_of("1 AES_CM_128_HMAC_SHA1_80 uri:" + std::string(kKey)), CryptoError::kKeyMethod);
}

TEST(CryptoAttribute, MalformedLinesAreRefused) {
  const std::string key(kKey);
  const std::string tail = " AES_CM_128_HMAC_SHA1_80 inline:" + key;
  for (const std::string& value :
       {std::string(), std::string("1"), std::string("1 AES_CM_128_HMAC_SHA1_80"), "0" + tail, "-1" + tail, "+1" + tail,
        "1000000000" + tail, "99999999999999999999" + tail, "x" + tail, "1" + tail + "A", "1" + tail + "====",
        "1" + tail.substr(0, tail.size() - 1), "1" + tail.substr(0, tail.size() - 1) + "!", "1" + tail + "|2^49",
        "1" + tail + "|2^", "1" + tail + "|2^20|2^20", "1" + tail + "|0x100000", "1" + tail + "|-5"}) {
    EXPECT_EQ(error_of(value), CryptoError::kSyntax) << value;
  }
}

}  // namespace
}  // namespace carillon::sdp
