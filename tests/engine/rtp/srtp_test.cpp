// What is kept per key: windows, rollover, bounds, session keys. No packet here; those are in srtp_batch_test.cpp.

#include "engine/rtp/srtp.h"

#include <gtest/gtest.h>

#include <memory>
#include <set>

#include "tests/engine/rtp/srtp_packets.h"

namespace carillon::rtp {
namespace {

using Role = SrtpContext::Role;

TEST(SrtpWindow, TellsReplayFromLateFromNew) {
  SrtpWindow window;
  EXPECT_EQ(window.judge(1000), SrtpResult::kOk);
  window.take(1000);
  EXPECT_EQ(window.judge(1000), SrtpResult::kReplay);
  EXPECT_EQ(window.judge(1001), SrtpResult::kOk);
  EXPECT_EQ(window.judge(1000 - 127), SrtpResult::kOk) << "late, within 128";
  EXPECT_EQ(window.judge(1000 - 128), SrtpResult::kTooOld);
  window.take(1000 - 127);
  EXPECT_EQ(window.judge(1000 - 127), SrtpResult::kReplay);
  window.take(1001);
  EXPECT_EQ(window.judge(1000 - 127), SrtpResult::kTooOld);
  EXPECT_EQ(window.judge(1000), SrtpResult::kReplay);
}

// Against the definition: a set of what was taken.
TEST(SrtpWindow, AgreesWithASetUnderRandomJumps) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Random random(seed);
    SrtpWindow window;
    std::set<std::uint64_t> taken;
    std::uint64_t at = 1'000'000;
    for (int i = 0; i < 2000; ++i) {
      const std::uint64_t jump = random.below(10) ? 3 : 200;
      at += random.below(jump);
      const std::uint64_t index = at - random.below(150);
      const bool late = !taken.empty() && index + SrtpWindow::kWidth <= *taken.rbegin();
      const auto expected = late ? SrtpResult::kTooOld : taken.contains(index) ? SrtpResult::kReplay : SrtpResult::kOk;
      ASSERT_EQ(window.judge(index), expected) << "seed " << seed << " step " << i;
      if (expected != SrtpResult::kOk) continue;
      window.take(index);
      taken.insert(index);
    }
  }
}

struct SrtpContextTest : testing::Test {
  SrtpCrypto crypto;
  Random random{1};
  Keying keying{SrtpProfile::kAesCm128Sha1_80, random};
  SrtpContext context = keying.context(crypto, Role::kReceiver);

  std::uint64_t index_of(std::uint16_t sequence) { return context.estimate(7, sequence).index; }
  SrtpResult verdict_of(std::uint16_t sequence) { return context.estimate(7, sequence).verdict; }
  SrtpResult take(std::uint16_t sequence) { return context.take(7, index_of(sequence)); }
};

TEST_F(SrtpContextTest, TheCounterRollsOverForwardAndBack) {
  EXPECT_EQ(take(65534), SrtpResult::kOk);
  EXPECT_EQ(index_of(65535), 65535u);
  EXPECT_EQ(index_of(0), 0x1'0000u) << "the wrap";
  EXPECT_EQ(index_of(32765), 0x1'0000u + 32765) << "half a circle ahead";
  EXPECT_EQ(index_of(32766), 32766u);
  EXPECT_EQ(take(2), SrtpResult::kOk);
  EXPECT_EQ(index_of(1), 0x1'0001u);
  EXPECT_EQ(index_of(65535), 65535u) << "late, from before the wrap";
  EXPECT_EQ(take(65535), SrtpResult::kOk);
  EXPECT_EQ(verdict_of(65535), SrtpResult::kReplay);
  EXPECT_EQ(verdict_of(65534), SrtpResult::kReplay);
  EXPECT_EQ(index_of(3), 0x1'0003u) << "a late one does not move the highest";
}

TEST_F(SrtpContextTest, BeforeTheStreamBeganIsTooOld) {
  EXPECT_EQ(take(5), SrtpResult::kOk);
  EXPECT_EQ(verdict_of(4), SrtpResult::kOk);
  EXPECT_EQ(verdict_of(65535), SrtpResult::kTooOld) << "ROC would be -1";
}

TEST_F(SrtpContextTest, RollsOverManyTimes) {
  std::uint64_t expected = 100;
  for (int i = 0; i < 100; ++i, expected += 20'000) {
    ASSERT_EQ(index_of(static_cast<std::uint16_t>(expected)), expected);
    ASSERT_EQ(take(static_cast<std::uint16_t>(expected)), SrtpResult::kOk);
  }
}

TEST_F(SrtpContextTest, AResumedStreamKnowsItsCounterAndRefusesThePast) {
  ASSERT_TRUE(context.resume(7, 0x5'0010));
  EXPECT_FALSE(context.resume(7, 0x6'0000)) << "known by now";
  EXPECT_EQ(verdict_of(0x10), SrtpResult::kReplay);
  EXPECT_EQ(verdict_of(0x0F), SrtpResult::kReplay);
  EXPECT_EQ(index_of(0x11), 0x5'0011u);
  EXPECT_EQ(verdict_of(0x11), SrtpResult::kOk);
}

TEST_F(SrtpContextTest, AKeyEndsWithItsLastIndex) {
  ASSERT_TRUE(context.resume(7, SrtpContext::kRtpMax - 3));
  EXPECT_EQ(take(0xFFFE), SrtpResult::kOk);
  EXPECT_EQ(take(0xFFFF), SrtpResult::kOk);
  EXPECT_EQ(verdict_of(0), SrtpResult::kLifetime) << "ROC would wrap";
  EXPECT_EQ(context.estimate(8, 1).verdict, SrtpResult::kLifetime) << "2^48 packets under one key, whatever their SSRC";
  EXPECT_FALSE(context.resume(9, SrtpContext::kRtpMax));
}

TEST_F(SrtpContextTest, AKeyEndsWithItsLastReport) {
  ASSERT_TRUE(context.resume_rtcp(7, 0x7FFF'FFFD));
  EXPECT_EQ(context.next_rtcp(7), 0x7FFF'FFFEu);
  EXPECT_EQ(context.take_rtcp(7, 0x7FFF'FFFE), SrtpResult::kOk);
  EXPECT_EQ(context.take_rtcp(7, 0x7FFF'FFFF), SrtpResult::kOk);
  EXPECT_EQ(context.judge_rtcp(7, context.next_rtcp(7)), SrtpResult::kLifetime);
  EXPECT_EQ(context.judge_rtcp(8, 0), SrtpResult::kLifetime);
}

TEST_F(SrtpContextTest, SourcesAreBoundedAndEachHasItsOwnWindow) {
  for (std::uint32_t ssrc = 0; ssrc < SrtpContext::kSourcesMax; ++ssrc) {
    EXPECT_EQ(context.take(ssrc, 50), SrtpResult::kOk);
    EXPECT_EQ(context.take_rtcp(ssrc, 50), SrtpResult::kOk);
  }
  EXPECT_EQ(context.take(3, 50), SrtpResult::kReplay);
  EXPECT_EQ(context.take(3, 51), SrtpResult::kOk);
  EXPECT_EQ(context.estimate(99, 1).verdict, SrtpResult::kSources);
  EXPECT_EQ(context.take(99, 1), SrtpResult::kSources);
  EXPECT_EQ(context.judge_rtcp(99, 1), SrtpResult::kSources);
  EXPECT_FALSE(context.resume(99, 1));
  EXPECT_EQ(context.take(0, 51), SrtpResult::kOk) << "the full table hurts nobody in it";
}

// RFC 3711 B.2
TEST(SrtpVectors, KeyStream) {
  SrtpCrypto crypto;
  std::array<std::byte, 16> iv{};
  const Bytes salt = hex("F0F1F2F3F4F5F6F7F8F9FAFBFCFD");
  std::copy(salt.begin(), salt.end(), iv.begin());
  Bytes stream(48);
  crypto.key_stream(hex("2B7E151628AED2A6ABF7158809CF4F3C"), iv, stream);
  EXPECT_EQ(stream,
            hex("E03EAD0935C95E80E166B16DD92B4EB4 D23513162B02D0F72A43A2FE4A5F97AB 41E95B3BB0A2E8DD477901E4FCA894C0"));
}

// RFC 3711 B.3; of the authentication key the 20 bytes that HMAC-SHA1 takes.
TEST(SrtpVectors, KeyDerivation) {
  SrtpCrypto crypto;
  const Bytes key = hex("E1F97A0D3E018BE0D64FA32C06DE4139"), salt = hex("0EC675AD498AFEEBB6960B3AABE6");
  SrtpSession session;
  derive(crypto, {.profile = SrtpProfile::kAesCm128Sha1_80, .key = key, .salt = salt}, session);
  const auto head = [](const auto& bytes, std::size_t size) { return Bytes(bytes.begin(), bytes.begin() + size); };
  EXPECT_EQ(head(session.rtp.key, 16), hex("C61E7A93744F39EE10734AFE3FF7A087"));
  EXPECT_EQ(head(session.rtp.salt, 14), hex("30CBBC08863D8C85D49DB34A9AE1"));
  EXPECT_EQ(head(session.rtp.auth, 20), hex("CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4"));
}

TEST(SrtpMaster, KnowsWhetherItIsWhole) {
  Random random(1);
  Keying keying(SrtpProfile::kAesGcm128, random);
  EXPECT_TRUE(keying.master().is_whole());
  keying.salt.push_back({});
  EXPECT_FALSE(keying.master().is_whole());
  keying.salt.resize(12);
  keying.key.resize(32);
  EXPECT_FALSE(keying.master().is_whole());
}

// Secrets do not outlive their context: the place where it lay has neither the session salt nor any round key.
TEST(SrtpContextMemory, IsWipedOnDestruction) {
  SrtpCrypto crypto;
  Random random(2);
  for (const auto profile : kSrtpProfiles) {
    const Keying keying(profile, random);
    SrtpSession session;
    derive(crypto, keying.master(), session);
    alignas(64) static std::array<std::byte, sizeof(SrtpContext)> place;
    place.fill({});
    auto* context = new (place.data()) SrtpContext(crypto, session, Role::kSender);
    const auto holds = [](const auto& secret, std::size_t size) {
      return std::search(place.begin(), place.end(), secret.begin(), secret.begin() + size) != place.end();
    };
    const auto sizes = sizes_of(profile);
    EXPECT_TRUE(holds(session.rtp.key, 16)) << "a schedule begins with its key";
    EXPECT_TRUE(holds(session.rtcp.key, sizes.key));
    context->~SrtpContext();
    EXPECT_FALSE(holds(session.rtp.key, 16));
    EXPECT_FALSE(holds(session.rtp.salt, sizes.salt));
    EXPECT_FALSE(holds(session.rtcp.key, sizes.key));
    EXPECT_FALSE(holds(session.rtcp.auth, 20));
    EXPECT_FALSE(holds(session.rtcp.salt, sizes.salt));
    EXPECT_LT(std::count_if(place.begin(), place.end(), [](std::byte b) { return b != std::byte{}; }), 32)
        << "of the schedule and the hash keys nothing is left";
  }
}

}  // namespace
}  // namespace carillon::rtp
