// ICMP and ICMPv6: echo, errors in and out, and the path's MTU.

#include "tests/engine/net/fixture.h"

namespace carillon::net {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

class IcmpTest : public StackTest {
 protected:
  Bytes echo4(const Bytes& to, const Bytes& data) {
    return ipv4(kPeer4, to, 1, icmp4(Bytes{8, 0, 0, 0, 0x12, 0x34, 0, 1} + data));
  }
  Bytes error4(std::uint8_t type, std::uint8_t code, std::size_t mtu, const Bytes& quoted) {
    const Bytes body = Bytes{type, code, 0, 0, 0, 0} + be16(mtu) + quoted;
    return ethernet(kUs, kRouterMac, 0x0800, ipv4(kRouter4, kOur4, 1, icmp4(body)));
  }
  /// As a router sends it back: the header and eight bytes.
  Bytes quote4(std::size_t from_port, const Bytes& to = kFar4) {
    const Bytes whole = ipv4(kOur4, to, 17, udp(kOur4, to, from_port, 4000, repeat(1400)));
    return Bytes(whole.begin(), whole.begin() + 28);
  }
  Bytes error6(std::uint8_t type, std::size_t value, const Bytes& quoted) {
    const Bytes body = Bytes{type, 0, 0, 0} + be32(value) + quoted;
    return ethernet(kUs, kRouterMac, 0x86DD, ipv6(kRouter6, kOur6, 58, icmp6(kRouter6, kOur6, body)));
  }
};

TEST_F(IcmpTest, AnswersAnEchoInKind) {
  settled();
  for (const std::size_t size : {0u, 1u, 56u, 1472u}) {
    Bytes expected = ipv4(kOur4, kPeer4, 1, icmp4(Bytes{0, 0, 0, 0, 0x12, 0x34, 0, 1} + repeat(size, 7)));
    arrive(ethernet(kUs, kPeer, 0x0800, echo4(kOur4, repeat(size, 7))));
    auto sent = port_.take_sent();
    ASSERT_THAT(sent, SizeIs(1));
    put16(expected, 4, sent[0][18] << 8 | sent[0][19]);  // any id
    put16(expected, 10, 0);
    put16(expected, 10, slow_checksum(Bytes(expected.begin(), expected.begin() + 20)));
    Bytes frame = ethernet(kPeer, kUs, 0x0800, expected);
    if (frame.size() < 60) frame += repeat(60 - frame.size());
    EXPECT_EQ(sent[0], frame);
  }
  EXPECT_EQ(counters().echo_answered, 4u);
}

TEST_F(IcmpTest, AnswersAnEchoWhoseHeaderHasOptions) {
  settled();
  const Bytes echo = icmp4(Bytes{8, 0, 0, 0, 0, 1, 0, 1} + text("options"));
  arrive(ethernet(kUs, kPeer, 0x0800, ipv4(kPeer4, kOur4, 1, echo, 0, 1, {1, 1, 1, 0})));
  const auto sent = port_.take_sent();
  ASSERT_THAT(sent, SizeIs(1));
  EXPECT_EQ(sent[0][14], 0x45);
  EXPECT_EQ(Bytes(sent[0].begin() + 34, sent[0].begin() + 49), icmp4(Bytes{0, 0, 0, 0, 0, 1, 0, 1} + text("options")));
}

TEST_F(IcmpTest, AnswersAnIpv6Echo) {
  settled();
  const Bytes ask = Bytes{128, 0, 0, 0, 9, 9, 0, 1} + text("six and odd");
  arrive(ethernet(kUs, kPeer, 0x86DD, ipv6(kPeer6, kOur6, 58, icmp6(kPeer6, kOur6, ask))));
  Bytes answer = ask;
  answer[0] = 129;
  EXPECT_THAT(port_.take_sent(),
              ElementsAre(ethernet(kPeer, kUs, 0x86DD, ipv6(kOur6, kPeer6, 58, icmp6(kOur6, kPeer6, answer)))));
}

TEST_F(IcmpTest, EchoesOutOfPlaceAreNotAnswered) {
  settled();
  arrive(ethernet(kEverybody, kPeer, 0x0800, echo4(ip4(10, 0, 0, 255), text("smurf"))));
  arrive(ethernet(kEverybody, kPeer, 0x0800, echo4(kOur4, text("smurf"))));
  arrive(ethernet(kUs, kPeer, 0x0800, echo4(ip4(10, 0, 0, 77), text("not us"))));
  Bytes broken = ethernet(kUs, kPeer, 0x0800, echo4(kOur4, text("broken")));
  broken.back() ^= 1;
  arrive(broken);
  EXPECT_THAT(port_.take_sent(), IsEmpty());
  EXPECT_EQ(counters().bad_checksum, 1u);
  EXPECT_EQ(counters().not_ours, 3u);
}

TEST_F(IcmpTest, AFloodOfEchoesIsAnsweredWithinItsLimit) {
  config_.echo_per_second = 100;
  settled();
  for (int i = 0; i < 500; ++i) arrive(ethernet(kUs, kPeer, 0x0800, echo4(kOur4, text("flood"))));
  EXPECT_EQ(counters().echo_answered, 10u);
  EXPECT_EQ(counters().echo_limited, 490u);
  now_ += 50ms;
  for (int i = 0; i < 500; ++i) arrive(ethernet(kUs, kPeer, 0x0800, echo4(kOur4, text("flood"))));
  EXPECT_EQ(counters().echo_answered, 15u);
}

TEST_F(IcmpTest, SaysWhenNobodyListensWithinItsLimit) {
  config_.errors_per_second = 10;
  settled();
  const Bytes datagram = ipv4(kPeer4, kOur4, 17, udp(kPeer4, kOur4, 4000, 9999, repeat(700, 3)));
  arrive(ethernet(kUs, kPeer, 0x0800, datagram));
  const auto sent = port_.take_sent();
  ASSERT_THAT(sent, SizeIs(1));
  ASSERT_THAT(sent[0], SizeIs(14 + 576));  // as much as fits (RFC 1812 §4.3.2.3)
  EXPECT_EQ(slow_checksum(Bytes(sent[0].begin() + 14, sent[0].begin() + 34)), 0);
  EXPECT_EQ(Bytes(sent[0].begin() + 26, sent[0].begin() + 34), kOur4 + kPeer4);
  EXPECT_EQ(Bytes(sent[0].begin() + 34, sent[0].end()),
            icmp4(Bytes{3, 3, 0, 0, 0, 0, 0, 0} + Bytes(datagram.begin(), datagram.begin() + 548)));
  arrive(ethernet(kUs, kPeer, 0x0800, datagram));
  EXPECT_EQ(counters().errors_sent, 1u);
  EXPECT_EQ(counters().errors_limited, 1u);
  EXPECT_EQ(counters().no_socket, 2u);
  now_ += 100ms;
  arrive(ethernet(kUs, kPeer, 0x0800, datagram));
  EXPECT_EQ(counters().errors_sent, 2u);
}

TEST_F(IcmpTest, SaysSoOverIpv6Too) {
  settled();
  const Bytes datagram = ipv6(kPeer6, kOur6, 17, udp(kPeer6, kOur6, 4000, 9999, repeat(1400, 3)));
  arrive(ethernet(kUs, kPeer, 0x86DD, datagram));
  const auto sent = port_.take_sent();
  ASSERT_THAT(sent, SizeIs(1));
  ASSERT_THAT(sent[0], SizeIs(14 + 1280));
  EXPECT_EQ(Bytes(sent[0].begin() + 54, sent[0].end()),
            icmp6(kOur6, kPeer6, Bytes{1, 4, 0, 0, 0, 0, 0, 0} + Bytes(datagram.begin(), datagram.begin() + 1232)));
}

TEST_F(IcmpTest, CountsWhatDidNotArrive) {
  settled();
  open(kOur4, 20000);
  open(kOur6, 20000);
  arrive(error4(3, 3, 0, quote4(20000)));
  arrive(error4(11, 0, 0, quote4(20000)));
  const Bytes quoted = ipv6(kOur6, kFar6, 17, udp(kOur6, kFar6, 20000, 1, {}));
  arrive(error6(1, 0, quoted));
  EXPECT_EQ(counters().unreachable_in, 3u);
  arrive(error4(3, 3, 0, quote4(20001)));  // no such socket
  Bytes cut = quote4(20000);
  cut.resize(20);
  arrive(error4(3, 3, 0, cut));
  EXPECT_EQ(counters().unreachable_in, 3u);
  EXPECT_EQ(counters().not_ours, 2u);
}

TEST_F(IcmpTest, ANarrowPathFragmentsForItsDestinationOnly) {
  settled();
  const auto socket = open(kOur4, 20000);
  arrive(ethernet(kUs, kRouterMac, 0x0806, arp(1, kRouterMac, kRouter4, repeat(6), kOur4)));
  send(socket, endpoint(kFar4, 4000), repeat(1400));
  port_.take_sent();
  arrive(error4(3, 4, 1000, quote4(20000)));
  EXPECT_EQ(counters().too_big_in, 1u);
  send(socket, endpoint(kFar4, 4000), repeat(1400));
  const auto sent = port_.take_sent();
  ASSERT_THAT(sent, SizeIs(2));
  EXPECT_EQ(sent[0].size(), 14u + 996);  // (1000 - 20) / 8 * 8 + 20
  send(socket, endpoint(ip4(192, 0, 2, 8), 4000), repeat(1400));
  EXPECT_THAT(port_.take_sent(), SizeIs(1));
  now_ += 11 * 60s;  // forgotten, and with it the neighbour
  receive();
  arrive(ethernet(kUs, kRouterMac, 0x0806, arp(1, kRouterMac, kRouter4, repeat(6), kOur4)));
  port_.take_sent();
  send(socket, endpoint(kFar4, 4000), repeat(1400));
  EXPECT_EQ(port_.take_sent().back().size(), 14u + 1428);
}

TEST_F(IcmpTest, ALieAboutThePathIsBounded) {
  settled();
  const auto socket = open(kOur4, 20000), six = open(kOur6, 20000);
  meet(kRouterMac, kRouter4);
  arrive(error4(3, 4, 68, quote4(20000)));
  send(socket, endpoint(kFar4, 4000), repeat(540));
  EXPECT_EQ(port_.take_sent().back().size(), 14u + 568);  // 576 at least
  const Bytes quoted = ipv6(kOur6, kFar6, 17, udp(kOur6, kFar6, 20000, 1, {}));
  arrive(error6(2, 68, quoted));
  send(six, endpoint(kFar6, 4000), repeat(1200));
  const Bytes ask = port_.take_sent().back();  // the gateway is not known yet; what matters is that one piece waits
  EXPECT_EQ(counters().fragmented, 0u);
  for (int i = 0; i < 1000; ++i) arrive(error4(3, 4, 600, quote4(20000, ip4(192, 0, 2, i % 250))));
  EXPECT_LT(counters().templates_built, 20u);
}

}  // namespace
}  // namespace carillon::net
