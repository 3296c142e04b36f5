// Packets through SRTP: published vectors, what a hostile wire may do, and bursts against single packets.
// Agreement with another implementation is srtp_oracle_test.cpp's.

#include "engine/rtp/srtp_batch.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "tests/engine/rtp/srtp_packets.h"

namespace carillon::rtp {
namespace {

using Role = SrtpContext::Role;

// RFC 7714 §16 and §17 give session keys, not master keys.
struct SrtpVector : testing::Test {
  SrtpBatch batch;
  const Bytes salt = hex("517569642070726f2071756f");
  const Bytes rtp =
      hex("8040f17b 8041f8d3 5501a0b2 47616c6c 69612065 7374206f 6d6e6973 20646976 69736120 696e2070 61727465 73207472"
          "6573");
  const Bytes rtcp =
      hex("81c8000d 4d617273 4e545031 4e545032 52545020 0000042a 0000e930 4c756e61 deadbeef deadbeef deadbeef deadbeef"
          "deadbeef");

  SrtpContext context(SrtpProfile profile, Role role, bool encrypts_rtcp = true) {
    SrtpSession session;
    session.profile = profile;
    session.encrypts_rtcp = encrypts_rtcp;
    for (auto* keys : {&session.rtp, &session.rtcp}) {
      for (std::size_t i = 0; i < sizes_of(profile).key; ++i) keys->key[i] = static_cast<std::byte>(i);
      std::copy(salt.begin(), salt.end(), keys->salt.begin());
    }
    return SrtpContext(batch.crypto(), session, role);
  }
  void check_rtp(SrtpProfile profile, const Bytes& expected) {
    auto sender = context(profile, Role::kSender), receiver = context(profile, Role::kReceiver);
    Bytes wire = rtp;
    EXPECT_EQ(protect(batch, sender, wire), SrtpResult::kOk);
    EXPECT_EQ(wire, expected);
    EXPECT_EQ(unprotect(batch, receiver, wire), SrtpResult::kOk);
    EXPECT_EQ(wire, rtp);
  }
  void check_rtcp(SrtpProfile profile, bool encrypts, const Bytes& expected) {
    auto sender = context(profile, Role::kSender, encrypts), receiver = context(profile, Role::kReceiver, encrypts);
    ASSERT_TRUE(sender.resume_rtcp(0x4d617273, 0x5d3));
    Bytes wire = rtcp;
    EXPECT_EQ(protect_rtcp(batch, sender, wire), SrtpResult::kOk);
    EXPECT_EQ(wire, expected);
    EXPECT_EQ(unprotect_rtcp(batch, receiver, wire), SrtpResult::kOk);
    EXPECT_EQ(wire, rtcp);
  }
};

TEST_F(SrtpVector, Gcm128) {
  check_rtp(SrtpProfile::kAesGcm128,
            hex("8040f17b 8041f8d3 5501a0b2 f24de3a3 fb34de6c acba861c 9d7e4bca be633bd5 0d294e6f 42a5f47a 51c7d19b"
                "36de3adf 8833899d 7f27beb1 6a9152cf 765ee439 0cce"));
  check_rtcp(SrtpProfile::kAesGcm128, true,
             hex("81c8000d 4d617273 63e94885 dcdab67c a727d766 2f6b7e99 7ff5c0f7 6c06f32d c676a5f1 730d6fda 4ce09b46"
                 "86303ded 0bb9275b c84aa458 96cf4d2f c5abf872 45d9eade 800005d4"));
  check_rtcp(SrtpProfile::kAesGcm128, false,
             hex("81c8000d 4d617273 4e545031 4e545032 52545020 0000042a 0000e930 4c756e61 deadbeef deadbeef deadbeef"
                 "deadbeef deadbeef 841dd968 3dd78ec9 2ae58790 125f62b3 000005d4"));
}

TEST_F(SrtpVector, Gcm256) {
  check_rtp(SrtpProfile::kAesGcm256,
            hex("8040f17b 8041f8d3 5501a0b2 32b1de78 a822fe12 ef9f78fa 332e33aa b1801238 9a58e2f3 b50b2a02 76ffae0f"
                "1ba63799 b87b7aa3 db36dfff d6b0f9bb 7878d7a7 6c13"));
  check_rtcp(SrtpProfile::kAesGcm256, true,
             hex("81c8000d 4d617273 d50ae4d1 f5ce5d30 4ba297e4 7d470c28 2c3ece5d bffe0a50 a2eaa5c1 110555be 8415f658"
                 "c61de047 6f1b6fad 1d1eb30c 4446839f 57ff6f6c b26ac3be 800005d4"));
}

struct SrtpBatchTest : testing::TestWithParam<SrtpProfile> {
  SrtpBatch batch;
  Random random{3};
  Keying keying{GetParam(), random};
  SrtpContext sender = keying.context(batch.crypto(), Role::kSender);
  SrtpContext receiver = keying.context(batch.crypto(), Role::kReceiver);
  const SrtpSizes sizes = sizes_of(GetParam());

  Bytes sealed(std::uint16_t sequence, std::uint32_t ssrc = 7) {
    Bytes wire = random_rtp(random, ssrc, sequence);
    EXPECT_EQ(protect(batch, sender, wire), SrtpResult::kOk);
    return wire;
  }
  SrtpResult open(Bytes wire) { return unprotect(batch, receiver, wire); }
  Bytes sealed_report() {
    Bytes wire = random_rtcp(random, 7);
    EXPECT_EQ(protect_rtcp(batch, sender, wire), SrtpResult::kOk);
    return wire;
  }
  SrtpResult open_report(Bytes wire) { return unprotect_rtcp(batch, receiver, wire); }
};

INSTANTIATE_TEST_SUITE_P(Profiles, SrtpBatchTest, testing::ValuesIn(kSrtpProfiles),
                         [](const auto& info) { return name_of(info.param); });

TEST_P(SrtpBatchTest, TheHeaderStaysReadableAndThePayloadDoesNot) {
  const Bytes plain = [&] {
    Bytes wire = random_rtp(random, 7, 1);
    while (wire.size() < 300) wire = random_rtp(random, 7, 1);
    return wire;
  }();
  Bytes wire = plain;
  ASSERT_EQ(protect(batch, sender, wire), SrtpResult::kOk);
  ASSERT_EQ(wire.size(), plain.size() + sizes.rtp_tag);
  EXPECT_TRUE(std::equal(plain.begin(), plain.begin() + kHeaderSize, wire.begin()));
  const auto same = std::inner_product(plain.end() - 200, plain.end(),
                                       wire.begin() + (static_cast<std::ptrdiff_t>(plain.size()) - 200), 0,
                                       std::plus<>(), [](std::byte a, std::byte b) { return a == b ? 1 : 0; });
  EXPECT_LT(same, 20);
}

TEST_P(SrtpBatchTest, AReplayIsRefused) {
  const Bytes wire = sealed(10);
  EXPECT_EQ(open(wire), SrtpResult::kOk);
  EXPECT_EQ(open(wire), SrtpResult::kReplay);
  const Bytes report = sealed_report();
  EXPECT_EQ(open_report(report), SrtpResult::kOk);
  EXPECT_EQ(open_report(report), SrtpResult::kReplay);
}

TEST_P(SrtpBatchTest, ALatePacketIsTakenWithinTheWindow) {
  const Bytes late = sealed(0xFFFE), too_late = sealed(0xFFFD);
  ASSERT_EQ(open(sealed(0xFFFC)), SrtpResult::kOk);
  for (std::uint32_t i = 0; i < 126; ++i)
    ASSERT_EQ(open(sealed(static_cast<std::uint16_t>(0xFFFF + i))), SrtpResult::kOk);
  EXPECT_EQ(open(late), SrtpResult::kOk) << "126 behind, across the wrap";
  ASSERT_EQ(open(sealed(126)), SrtpResult::kOk);
  EXPECT_EQ(open(too_late), SrtpResult::kTooOld);
}

TEST_P(SrtpBatchTest, AnySingleFlippedBitIsSeen) {
  for (const bool report : {false, true}) {
    const Bytes wire = report ? sealed_report() : sealed(10);
    for (std::size_t bit = 0; bit < 8 * wire.size(); ++bit) {
      Bytes bent = wire;
      bent[bit / 8] ^= static_cast<std::byte>(1 << bit % 8);
      const auto result = report ? open_report(bent) : open(bent);
      ASSERT_NE(result, SrtpResult::kOk) << bit;
    }
    EXPECT_EQ(report ? open_report(wire) : open(wire), SrtpResult::kOk) << "and nothing of that did harm";
  }
}

TEST_P(SrtpBatchTest, ACutPacketIsRefusedAtAnyLength) {
  for (const bool report : {false, true}) {
    const Bytes wire = report ? sealed_report() : sealed(10);
    for (std::size_t size = 0; size < wire.size(); ++size) {
      const Bytes cut(wire.begin(), wire.begin() + static_cast<std::ptrdiff_t>(size));
      ASSERT_NE(report ? open_report(cut) : open(cut), SrtpResult::kOk) << size;
    }
    EXPECT_EQ(open(Bytes(kHeaderSize + sizes.rtp_tag - 1, std::byte{0x80})), SrtpResult::kShort);
    EXPECT_EQ(report ? open_report(wire) : open(wire), SrtpResult::kOk);
  }
}

// Of a packet whose tag is wrong the caller gets nothing: neither a size nor deciphered bytes.
TEST_P(SrtpBatchTest, UnverifiedBytesAreNeverReleased) {
  Bytes plain(kHeaderSize + 160, std::byte{0x5A});
  plain[0] = std::byte{0x80};
  Bytes wire = plain;
  ASSERT_EQ(protect(batch, sender, wire), SrtpResult::kOk);
  wire.back() ^= std::byte{1};
  SrtpJob job{.context = &receiver, .buffer = wire, .size = wire.size()};
  batch.unprotect(std::span(&job, 1));
  EXPECT_EQ(job.result, SrtpResult::kAuth);
  EXPECT_EQ(job.size, 0u);
  EXPECT_EQ(std::search_n(wire.begin() + kHeaderSize, wire.end(), 8, std::byte{0x5A}), wire.end());

  Bytes report(8 + 160, std::byte{0x5A});
  report[0] = std::byte{0x80};
  ASSERT_EQ(protect_rtcp(batch, sender, report), SrtpResult::kOk);
  report[20] ^= std::byte{1};
  job = {.context = &receiver, .buffer = report, .size = report.size()};
  batch.unprotect_rtcp(std::span(&job, 1));
  EXPECT_EQ(job.result, SrtpResult::kAuth);
  EXPECT_EQ(job.size, 0u);
  EXPECT_EQ(std::search_n(report.begin() + 8, report.end(), 8, std::byte{0x5A}), report.end());
}

TEST_P(SrtpBatchTest, WhatCannotBeProtectedStaysAsItWas) {
  const auto result_of = [&](Bytes wire, std::size_t room) {
    Bytes before = wire;
    wire.resize(wire.size() + room);
    SrtpJob job{.context = &sender, .buffer = wire, .size = before.size()};
    batch.protect(std::span(&job, 1));
    wire.resize(before.size());
    if (job.result != SrtpResult::kOk) {
      EXPECT_EQ(wire, before);
      EXPECT_EQ(job.size, 0u);
    }
    return job.result;
  };
  const Bytes good = random_rtp(random, 7, 5);
  EXPECT_EQ(result_of(good, sizes.rtp_tag - 1), SrtpResult::kRoom);
  EXPECT_EQ(result_of({}, 16), SrtpResult::kShort);
  EXPECT_EQ(result_of(Bytes(11, std::byte{0x80}), 16), SrtpResult::kShort);
  EXPECT_EQ(result_of(Bytes(12, std::byte{0x81}), 16), SrtpResult::kShort) << "a CSRC that is not there";
  EXPECT_EQ(result_of(Bytes(14, std::byte{0x90}), 16), SrtpResult::kShort) << "half an extension";
  EXPECT_EQ(result_of(Bytes(20, std::byte{0x90}), 16), SrtpResult::kShort) << "an extension of 0x9090 words";
  EXPECT_EQ(result_of(Bytes(12, std::byte{0x40}), 16), SrtpResult::kVersion);
  EXPECT_EQ(result_of(good, sizes.rtp_tag), SrtpResult::kOk) << "room to the byte";
  EXPECT_EQ(result_of(good, 16), SrtpResult::kReplay) << "the same key stream twice would give both away";
  Bytes report(7, std::byte{0x80});
  EXPECT_EQ(protect_rtcp(batch, sender, report), SrtpResult::kShort);
  report.assign(8, std::byte{0x40});
  EXPECT_EQ(protect_rtcp(batch, sender, report), SrtpResult::kVersion);
}

TEST_P(SrtpBatchTest, AnEndedKeyProtectsNothingMore) {
  ASSERT_TRUE(sender.resume(7, SrtpContext::kRtpMax - 2));
  ASSERT_TRUE(sender.resume_rtcp(7, 0x7FFF'FFFE));
  Bytes last = random_rtp(random, 7, 0xFFFF), next = random_rtp(random, 7, 0);
  EXPECT_EQ(protect(batch, sender, last), SrtpResult::kOk);
  EXPECT_EQ(protect(batch, sender, next), SrtpResult::kLifetime);
  Bytes last_report = random_rtcp(random, 7), next_report = random_rtcp(random, 7);
  EXPECT_EQ(protect_rtcp(batch, sender, last_report), SrtpResult::kOk);
  EXPECT_EQ(protect_rtcp(batch, sender, next_report), SrtpResult::kLifetime);
}

TEST_P(SrtpBatchTest, ForgedSourcesTakeNoPlace) {
  Keying stranger(GetParam(), random);
  SrtpContext foreign = stranger.context(batch.crypto(), Role::kSender);
  SrtpContext more = stranger.context(batch.crypto(), Role::kSender),
              yet_more = stranger.context(batch.crypto(), Role::kSender);
  std::uint32_t ssrc = 100;
  for (auto* context : {&foreign, &more, &yet_more}) {
    for (std::size_t i = 0; i < SrtpContext::kSourcesMax; ++i) {
      Bytes wire = random_rtp(random, ssrc++, 1);
      ASSERT_EQ(protect(batch, *context, wire), SrtpResult::kOk);
      ASSERT_EQ(open(wire), SrtpResult::kAuth);
    }
  }
  for (std::uint32_t own = 1; own <= SrtpContext::kSourcesMax; ++own) EXPECT_EQ(open(sealed(1, own)), SrtpResult::kOk);
  Bytes ninth = random_rtp(random, 99, 1);
  EXPECT_EQ(protect(batch, sender, ninth), SrtpResult::kSources);
}

// Whatever comes in one burst, ends as if it had come packet by packet: wraps, jumps that only the packet before makes
// understandable, new sources, doubles, forgeries, several contexts of other profiles.
TEST_P(SrtpBatchTest, ABurstEndsAsSinglePacketsDo) {
  constexpr std::size_t kContexts = 3;
  const std::array<Keying, kContexts> keys{keying, Keying(SrtpProfile::kAesGcm128, random),
                                           Keying(SrtpProfile::kAesCm128Sha1_80, random)};
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    Random dice(seed);
    struct Side {
      SrtpContext sender, burst, single;
      Side(SrtpCrypto& crypto, const Keying& key)
          : sender(key.context(crypto, Role::kSender)),
            burst(key.context(crypto, Role::kReceiver)),
            single(key.context(crypto, Role::kReceiver)) {}
      std::uint32_t at[2] = {30'000, 65'530};
    };
    std::array<Side, kContexts> sides{Side(batch.crypto(), keys[0]), Side(batch.crypto(), keys[1]),
                                      Side(batch.crypto(), keys[2])};
    struct Sent {
      std::size_t side;
      Bytes wire;
    };
    std::vector<Sent> sent;
    for (int i = 0; i < 400; ++i) {
      const std::size_t side = dice.below(kContexts);
      const std::size_t source = dice.below(2);
      auto& at = sides[side].at[source];
      at += 1 + static_cast<std::uint32_t>(dice.below(3) ? dice.below(3) : dice.below(32'000));
      Bytes wire = random_rtp(dice, static_cast<std::uint32_t>(source), static_cast<std::uint16_t>(at));
      if (protect(batch, sides[side].sender, wire) != SrtpResult::kOk) continue;
      if (dice.below(10) == 0) wire[wire.size() - 1 - dice.below(20)] ^= std::byte{4};
      sent.push_back({side, wire});
      if (dice.below(6) == 0) sent.push_back(sent[sent.size() - 1 - dice.below(std::min<std::size_t>(sent.size(), 9))]);
    }
    for (std::size_t i = 1; i < sent.size(); ++i)
      if (dice.below(5) == 0) std::swap(sent[i], sent[i - 1]);
    auto copies = sent;
    std::vector<SrtpJob> burst;
    for (auto& packet : sent)
      burst.push_back({.context = &sides[packet.side].burst, .buffer = packet.wire, .size = packet.wire.size()});
    batch.unprotect(burst);
    std::size_t ok = 0;
    for (std::size_t i = 0; i < sent.size(); ++i) {
      SrtpJob single{.context = &sides[copies[i].side].single, .buffer = copies[i].wire, .size = copies[i].wire.size()};
      batch.unprotect(std::span(&single, 1));
      // what only packets of its own burst put behind the window may be called a replay or forged
      const bool both_stale = single.result == SrtpResult::kTooOld && burst[i].result != SrtpResult::kOk;
      if (!both_stale) {
        ASSERT_EQ(burst[i].result, single.result) << "seed " << seed << " packet " << i;
      }
      ASSERT_EQ(burst[i].size, single.size);
      if (single.result != SrtpResult::kOk) continue;
      ++ok;
      ASSERT_TRUE(std::equal(sent[i].wire.begin(), sent[i].wire.begin() + static_cast<std::ptrdiff_t>(single.size),
                             copies[i].wire.begin()));
    }
    ASSERT_GT(ok, 100u) << "seed " << seed;
  }
}

TEST_P(SrtpBatchTest, AnEmptyPayloadIsStillVerified) {
  Bytes wire(kHeaderSize);
  wire[0] = std::byte{0x80};
  ASSERT_EQ(protect(batch, sender, wire), SrtpResult::kOk);
  EXPECT_EQ(wire.size(), kHeaderSize + sizes.rtp_tag);
  Bytes bent = wire;
  bent[4] ^= std::byte{1};
  EXPECT_EQ(open(bent), SrtpResult::kAuth);
  EXPECT_EQ(open(wire), SrtpResult::kOk);
}

}  // namespace
}  // namespace carillon::rtp
