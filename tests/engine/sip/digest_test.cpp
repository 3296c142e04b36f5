#include "engine/sip/digest.h"

#include <gtest/gtest.h>

namespace carillon::sip {
namespace {

// RFC 2617 §3.5.
TEST(Digest, Rfc2617Example) {
  Hasher hasher;
  const auto secret = ha1(hasher, Algorithm::kMd5, "Mufasa", "testrealm@host.com", "Circle Of Life");
  EXPECT_EQ(digest_response(hasher, Algorithm::kMd5, secret, "dcd98b7102dd2f0e8b11d0f600bfb0c093", "00000001",
                            "0a4f113b", "auth", "GET", "/dir/index.html")
                .view(),
            "6629fae49393a05397450978507c4ef1");
}

// RFC 7616 §3.9.1, both algorithms.
TEST(Digest, Rfc7616Examples) {
  Hasher hasher;
  const std::string_view nonce = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v";
  const std::string_view cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
  for (const auto& [algorithm, expected] :
       {std::pair{Algorithm::kMd5, "8ca523f5e9506fed4657c9700eebdbec"},
        std::pair{Algorithm::kSha256, "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"}}) {
    const auto secret = ha1(hasher, algorithm, "Mufasa", "http-auth@example.org", "Circle of Life");
    EXPECT_EQ(
        digest_response(hasher, algorithm, secret, nonce, "00000001", cnonce, "auth", "GET", "/dir/index.html").view(),
        expected);
  }
}

// RFC 4868 §2.7.2.1, AUTH256-1, of which we keep the first half.
TEST(Digest, HmacIsSha256s) {
  Hasher hasher;
  std::array<std::uint8_t, 32> key;
  key.fill(0x0B);
  EXPECT_EQ(hasher.hmac(key, "Hi There").view(), "198a607eb44bfbc69903a0f1cf2bbdc5");
}

TEST(Digest, ChallengesAreRead) {
  const auto full = Challenge::parse(
      R"(Digest realm="a, b", domain="sip:x", qop="auth-int, auth", nonce="n=1", opaque="o", stale=TRUE, algorithm=SHA-256)");
  ASSERT_TRUE(full);
  EXPECT_EQ(full->realm, "a, b");
  EXPECT_EQ(full->nonce, "n=1");
  EXPECT_EQ(full->opaque, "o");
  EXPECT_TRUE(full->is_stale);
  EXPECT_TRUE(full->has_qop);
  EXPECT_EQ(full->algorithm, Algorithm::kSha256);
  EXPECT_TRUE(Challenge::parse("digest nonce=x"));
  EXPECT_FALSE(Challenge::parse("Basic realm=\"x\""));
  EXPECT_FALSE(Challenge::parse("Digest realm=\"x\""));
  EXPECT_FALSE(Challenge::parse("Digest nonce=x, algorithm=MD5-sess"));
  EXPECT_FALSE(Challenge::parse("Digest nonce=x, qop=\"auth-int\""));
}

TEST(Digest, AnswersAreRead) {
  const auto answer = DigestAnswer::parse(
      R"(Digest username="u", realm="r", nonce="n", uri="sip:x", response="abc", cnonce="c", qop=auth, nc=0000000a)");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->nc, 10u);
  EXPECT_FALSE(DigestAnswer::parse("Digest nonce=n, response=x, qop=auth, nc=1"));
  EXPECT_FALSE(DigestAnswer::parse("Digest nonce=n, response=x, qop=auth-int, nc=00000001"));
  EXPECT_FALSE(DigestAnswer::parse("Digest response=x"));
}

TEST(Nonces, OnlyOursAndOnlyForAWhile) {
  Hasher hasher;
  std::array<std::uint8_t, 32> key{1}, other{2};
  const Nonces ours(key), theirs(other);
  const TimePoint now{1h};
  const auto nonce = ours.make(hasher, 7, now);
  EXPECT_EQ(Nonces(key).check(hasher, nonce, 60s, now + 59s), Nonces::Verdict::kGood);
  EXPECT_EQ(ours.check(hasher, nonce, 60s, now + 61s), Nonces::Verdict::kExpired);
  EXPECT_EQ(theirs.check(hasher, nonce, 60s, now), Nonces::Verdict::kForged);
  std::string changed(nonce.view());
  changed[3] = changed[3] == '0' ? '1' : '0';
  EXPECT_EQ(ours.check(hasher, changed, 60s, now), Nonces::Verdict::kForged);
  EXPECT_EQ(ours.check(hasher, "x", 60s, now), Nonces::Verdict::kForged);
}

}  // namespace
}  // namespace carillon::sip
