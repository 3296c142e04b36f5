// UDP over IPv4, from wire bytes to payloads and back.

#include "tests/engine/net/fixture.h"

namespace carillon::net {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

TEST_F(StackTest, GivesAPayloadToTheSocketOfItsPort) {
  const auto a = open(kOur4, 20000), b = open(kOur4, 20002);
  port_.arrive(udp_frame(kPeer4, kOur4, 4000, 20002, text("hello")));
  port_.arrive(udp_frame(kFar4, kOur4, 4001, 20000, text("odd")));
  const auto got = receive();
  ASSERT_THAT(got, SizeIs(2));
  EXPECT_EQ(got[0].data, text("hello"));
  EXPECT_EQ(got[0].peer, endpoint(kPeer4, 4000));
  EXPECT_EQ(got[0].socket, b);
  EXPECT_EQ(got[0].arrival, now_);
  EXPECT_EQ(got[1].data, text("odd"));
  EXPECT_EQ(got[1].peer, endpoint(kFar4, 4001));
  EXPECT_EQ(got[1].socket, a);
  EXPECT_EQ(stack().counters().packets_in, 2u);
  EXPECT_EQ(stack().counters().bytes_in, 8u);
}

TEST_F(StackTest, SendsWhatTheRfcsDraw) {
  const auto socket = open(kOur4, 20000);
  settled();
  meet();
  send(socket, endpoint(kPeer4, 4000), text("head12bytes!"), text("and an odd body"));
  const auto sent = port_.take_sent();
  // the first packet to a neighbour that we only heard asks it to confirm (RFC 4861 §7.3.3)
  ASSERT_THAT(sent, SizeIs(2));
  EXPECT_EQ(sent[0], ethernet(kPeer, kUs, 0x0806, arp(1, kUs, kOur4, repeat(6), kPeer4)) + repeat(18));
  Bytes expected =
      ethernet(kPeer, kUs, 0x0800,
               ipv4(kOur4, kPeer4, 17, udp(kOur4, kPeer4, 20000, 4000, text("head12bytes!and an odd body")), 0x4000));
  expected[15] = 0xB8;
  put16(expected, 24, 0);
  put16(expected, 24, slow_checksum(Bytes(expected.begin() + 14, expected.begin() + 34)));
  EXPECT_EQ(sent[1], expected);
  EXPECT_EQ(stack().counters().packets_out, 1u);
  EXPECT_EQ(stack().counters().bytes_out, 27u);
}

TEST_F(StackTest, SendsEveryPayloadLengthWithRightChecksums) {
  const auto socket = open(kOur4, 20000);
  settled();
  meet();
  Bytes payload;
  for (int size = 0; size < 200; ++size, payload.push_back(static_cast<std::uint8_t>(size * 73 + 250))) {
    send(socket, endpoint(kPeer4, 4000), payload);
    const Bytes frame = port_.take_sent().back();
    EXPECT_EQ(frame.size(), std::max<std::size_t>(60, 42 + payload.size()));
    EXPECT_EQ(slow_checksum(Bytes(frame.begin() + 14, frame.begin() + 34)), 0);
    EXPECT_EQ(Bytes(frame.begin() + 34, frame.begin() + 42 + size), udp(kOur4, kPeer4, 20000, 4000, payload));
  }
  EXPECT_EQ(counters().templates_built, 1u);  // one peer, one header
}

TEST_F(StackTest, AsksForAnUnknownNeighbourAndSendsWhatWaited) {
  const auto socket = open(kOur4, 20000);
  settled();
  send(socket, endpoint(kPeer4, 4000), text("one"));
  send(socket, endpoint(kPeer4, 4000), text("two"));
  EXPECT_THAT(port_.take_sent(),
              ElementsAre(ethernet(kEverybody, kUs, 0x0806, arp(1, kUs, kOur4, repeat(6), kPeer4)) + repeat(18)));
  arrive(ethernet(kUs, kPeer, 0x0806, arp(2, kPeer, kPeer4, kUs, kOur4)));
  const auto sent = port_.take_sent();
  ASSERT_THAT(sent, SizeIs(2));
  EXPECT_EQ(Bytes(sent[0].begin(), sent[0].begin() + 6), kPeer);
  EXPECT_EQ(Bytes(sent[0].begin() + 42, sent[0].begin() + 45), text("one"));
  EXPECT_EQ(Bytes(sent[1].begin() + 42, sent[1].begin() + 45), text("two"));
  send(socket, endpoint(kPeer4, 4000), text("three"));
  EXPECT_THAT(port_.take_sent(), SizeIs(1));
}

TEST_F(StackTest, SendsByTheGatewayWhatIsNotOnTheLink) {
  const auto socket = open(kOur4, 20000);
  settled();
  send(socket, endpoint(kFar4, 4000), text("far"));
  EXPECT_THAT(port_.take_sent(),
              ElementsAre(ethernet(kEverybody, kUs, 0x0806, arp(1, kUs, kOur4, repeat(6), kRouter4)) + repeat(18)));
  arrive(ethernet(kUs, kRouterMac, 0x0806, arp(2, kRouterMac, kRouter4, kUs, kOur4)));
  const auto sent = port_.take_sent();
  ASSERT_THAT(sent, SizeIs(1));
  EXPECT_EQ(Bytes(sent[0].begin(), sent[0].begin() + 6), kRouterMac);
  EXPECT_EQ(Bytes(sent[0].begin() + 30, sent[0].begin() + 34), kFar4);
}

TEST_F(StackTest, AnswersArpForItsAddressesOnly) {
  settled();
  arrive(ethernet(kEverybody, kPeer, 0x0806, arp(1, kPeer, kPeer4, repeat(6), kOur4)));
  EXPECT_THAT(port_.take_sent(),
              ElementsAre(ethernet(kPeer, kUs, 0x0806, arp(2, kUs, kOur4, kPeer, kPeer4)) + repeat(18)));
  arrive(ethernet(kEverybody, kPeer, 0x0806, arp(1, kPeer, kPeer4, repeat(6), ip4(10, 0, 0, 3))));
  EXPECT_THAT(port_.take_sent(), IsEmpty());
}

}  // namespace
}  // namespace carillon::net
