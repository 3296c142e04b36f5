#include "engine/rtp/source.h"

#include <gtest/gtest.h>

namespace carillon::rtp {
namespace {

using Verdict = Source::Verdict;

const Endpoint kPeer = Endpoint::v4(192, 0, 2, 1, 4000);
const Endpoint kPeersOtherPort = Endpoint::v4(192, 0, 2, 1, 4002);
const Endpoint kOutside = Endpoint::v4(203, 0, 113, 5, 61000);
const Endpoint kOutsideOtherPort = Endpoint::v4(203, 0, 113, 5, 61007);
const Endpoint kStranger = Endpoint::v4(198, 51, 100, 66, 9);

struct SourceTest : testing::Test {
  TimePoint now = TimePoint{} + 100s;
  Source source;
  Verdict judge(const Endpoint& from, std::uint32_t ssrc = 1) { return source.judge(from, ssrc, now); }
};

TEST_F(SourceTest, WithoutTheNatMarkNothingIsLearned) {
  source.configure(kPeer, false, now);
  EXPECT_EQ(judge(kStranger), Verdict::kForeign);
  EXPECT_EQ(judge(kPeersOtherPort), Verdict::kForeign) << "another port is another source";
  EXPECT_FALSE(source.has_source());
  EXPECT_EQ(judge(kPeer), Verdict::kChanged);
  EXPECT_EQ(judge(kPeer), Verdict::kSame);
  now += 10s;
  EXPECT_EQ(judge(kStranger), Verdict::kForeign) << "nor after silence";
  EXPECT_EQ(judge(kPeersOtherPort), Verdict::kForeign);
  EXPECT_EQ(source.destination(), kPeer);
}

TEST_F(SourceTest, TheSsrcIsLocked) {
  source.configure(kPeer, false, now);
  now += 3s;
  EXPECT_EQ(judge(kPeer, 1), Verdict::kChanged);
  EXPECT_EQ(judge(kPeer, 2), Verdict::kForeign);
  now += 1999ms;
  EXPECT_EQ(judge(kPeer, 2), Verdict::kForeign);
  now += 1ms;
  EXPECT_EQ(judge(kPeer, 2), Verdict::kChanged) << "two seconds of silence from the locked one";
  EXPECT_EQ(judge(kPeer, 1), Verdict::kForeign);
}

TEST_F(SourceTest, ForeignPacketsDoNotKeepTheLockAliveNorEndTheSilence) {
  source.configure(kPeer, false, now);
  judge(kPeer, 1);
  for (int i = 0; i < 199; ++i) {
    now += 10ms;
    judge(kStranger, 1);
  }
  now += 10ms;
  EXPECT_EQ(judge(kStranger, 1), Verdict::kForeign);
  EXPECT_EQ(judge(kPeer, 2), Verdict::kChanged);
}

TEST_F(SourceTest, ANewAgreementLetsTheSsrcChangeOnceWithinTwoSeconds) {
  source.configure(kPeer, false, now);
  judge(kPeer, 1);
  now += 60s;
  judge(kPeer, 1);
  source.configure(kPeer, false, now);
  EXPECT_EQ(judge(kPeer, 1), Verdict::kSame) << "the old one may go on";
  now += 100ms;
  EXPECT_EQ(judge(kPeer, 2), Verdict::kChanged);
  EXPECT_EQ(judge(kPeer, 3), Verdict::kForeign) << "once";
  source.configure(kPeer, false, now);
  for (int i = 0; i < 100; ++i, now += 20ms) judge(kPeer, 2);
  EXPECT_EQ(judge(kPeer, 3), Verdict::kForeign) << "the time is over";
}

TEST_F(SourceTest, ANewAddressStartsAfresh) {
  source.configure(kPeer, false, now);
  judge(kPeer, 1);
  source.configure(kOutside, false, now);
  EXPECT_EQ(judge(kPeer, 1), Verdict::kForeign);
  EXPECT_EQ(judge(kOutside, 9), Verdict::kChanged);
  EXPECT_EQ(source.destination(), kOutside);
}

TEST_F(SourceTest, BehindNatTheFirstSourceIsLearnedAndLocked) {
  source.configure(kPeer, true, now);
  EXPECT_EQ(source.destination(), kPeer);
  EXPECT_EQ(judge(kOutside), Verdict::kChanged);
  EXPECT_EQ(source.destination(), kOutside);
  EXPECT_EQ(judge(kStranger), Verdict::kForeign) << "no better than what is known";
  now += 251ms;
  EXPECT_EQ(judge(kPeer), Verdict::kForeign) << "even the SDP address, once learning is over";
  EXPECT_EQ(judge(kOutside), Verdict::kSame);
}

TEST_F(SourceTest, BehindNatTheSdpAddressWinsInTheFirst250Milliseconds) {
  source.configure(kPeer, true, now);
  EXPECT_EQ(judge(kStranger), Verdict::kChanged);
  now += 100ms;
  EXPECT_EQ(judge(kPeersOtherPort), Verdict::kChanged) << "its address with another port is better";
  EXPECT_EQ(judge(kStranger), Verdict::kForeign);
  now += 150ms;
  EXPECT_EQ(judge(kPeer), Verdict::kChanged) << "its very endpoint is best";
  EXPECT_EQ(judge(kPeersOtherPort), Verdict::kForeign);
  EXPECT_EQ(source.destination(), kPeer);
}

TEST_F(SourceTest, LearningEndsAfterFivePackets) {
  source.configure(kPeer, true, now);
  for (int i = 0; i < 5; ++i) EXPECT_NE(judge(kOutside), Verdict::kForeign);
  EXPECT_EQ(judge(kPeer), Verdict::kForeign);
}

TEST_F(SourceTest, BehindNatTheSameAddressMayComeBackFromAnotherPortAfterSilence) {
  source.configure(kPeer, true, now);
  judge(kOutside);
  now += 1s;
  judge(kOutside);
  now += 1999ms;
  EXPECT_EQ(judge(kOutsideOtherPort), Verdict::kForeign) << "the window after configure() has ended too";
  now += 1ms;
  EXPECT_EQ(judge(kStranger), Verdict::kForeign) << "only the same address";
  EXPECT_EQ(judge(kOutsideOtherPort), Verdict::kChanged);
  EXPECT_EQ(source.destination(), kOutsideOtherPort);
  EXPECT_EQ(judge(kOutside), Verdict::kForeign);
}

TEST_F(SourceTest, OldStyleHoldLetsNobodyNewIn) {
  const Endpoint nowhere = Endpoint::v4(0, 0, 0, 0, 4000);
  source.configure(nowhere, true, now);
  EXPECT_EQ(judge(kStranger), Verdict::kForeign);
  source.configure(kPeer, true, now);
  judge(kOutside);
  now += 1s;
  judge(kOutside);
  source.configure(nowhere, true, now);
  EXPECT_EQ(judge(kStranger), Verdict::kForeign);
  EXPECT_EQ(judge(kOutside), Verdict::kSame);
}

TEST_F(SourceTest, RtcpComesFromWhereSdpSays) {
  const Endpoint rtcp = Endpoint::v4(192, 0, 2, 1, 4001);
  source.configure(kPeer, false, now);
  judge(kPeer);
  EXPECT_TRUE(source.takes_rtcp(rtcp, rtcp));
  EXPECT_FALSE(source.takes_rtcp(kPeersOtherPort, rtcp));
  source.configure(kPeer, true, now);
  EXPECT_FALSE(source.takes_rtcp(kOutside, rtcp)) << "nothing learned yet";
  judge(kOutside);
  EXPECT_TRUE(source.takes_rtcp(kOutsideOtherPort, rtcp));
  EXPECT_FALSE(source.takes_rtcp(kStranger, rtcp));
}

}  // namespace
}  // namespace carillon::rtp
