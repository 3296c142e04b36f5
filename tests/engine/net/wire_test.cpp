// What a hostile or plain wrong wire brings, and what runs short: counted, never more.

#include "engine/net/checksum.h"
#include "tests/engine/net/fixture.h"

namespace carillon::net {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

// RFC 1071 §3: 00 01 f2 03 f4 f5 f6 f7 sums to ddf2.
TEST(Checksum, HoldsTheVectorsOfTheRfc) {
  const Bytes bytes = {0x00, 0x01, 0xF2, 0x03, 0xF4, 0xF5, 0xF6, 0xF7};
  const auto view = std::as_bytes(std::span(bytes));
  EXPECT_EQ(to_be16(fold(sum(view))), 0xDDF2);
  EXPECT_EQ(to_be16(checksum(sum(view))), 0x220D);
}

TEST(Checksum, AgreesWithTheSlowWayForEveryLengthAndStart) {
  Bytes bytes(300);
  for (std::size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = static_cast<std::uint8_t>(i * 151 + (i % 3 == 0 ? 0xFF : 0));
  for (std::size_t from = 0; from < 9; ++from)
    for (std::size_t size = 0; size + from <= bytes.size(); ++size) {
      const Bytes part(bytes.begin() + static_cast<std::ptrdiff_t>(from),
                       bytes.begin() + static_cast<std::ptrdiff_t>(from + size));
      const auto view = std::as_bytes(std::span(bytes)).subspan(from, size);
      ASSERT_EQ(to_be16(checksum(sum(view))), slow_checksum(part)) << from << " " << size;
    }
  const Bytes ones(65'534, 0xFF);
  EXPECT_EQ(checksum(sum(std::as_bytes(std::span(ones)))), 0);
  EXPECT_EQ(udp_checksum(sum(std::as_bytes(std::span(ones)))), 0xFFFF);
}

class WireTest : public StackTest {
 protected:
  Bytes good() { return ipv4(kPeer4, kOur4, 17, udp(kPeer4, kOur4, 4000, 20000, text("good"))); }
  /// Changes the header and makes its checksum right again.
  Bytes with(std::size_t at, std::uint8_t value) {
    Bytes packet = good();
    packet[at] = value;
    put16(packet, 10, 0);
    put16(packet, 10, slow_checksum(Bytes(packet.begin(), packet.begin() + 20)));
    return ethernet(kUs, kPeer, 0x0800, packet);
  }
  Bytes good6() { return ipv6(kPeer6, kOur6, 17, udp(kPeer6, kOur6, 4000, 20000, text("good"))); }
};

TEST_F(WireTest, VerifiesWhatTheDeviceHasNot) {
  open(kOur4, 20000);
  Bytes frame = ethernet(kUs, kPeer, 0x0800, good());
  EXPECT_THAT(arrive(frame), SizeIs(1));
  Bytes bad_payload = frame, bad_header = frame;
  bad_payload.back() ^= 1;
  bad_header[22] ^= 1;  // time to live
  EXPECT_THAT(arrive(bad_payload), IsEmpty());
  EXPECT_THAT(arrive(bad_header), IsEmpty());
  EXPECT_EQ(counters().bad_checksum, 2u);
  EXPECT_THAT(arrive(bad_payload, io::Frame::kChecksumGood), SizeIs(1));  // it is the device's word
  EXPECT_THAT(arrive(frame, io::Frame::kChecksumBad), SizeIs(1));         // doubt is not proof: we look ourselves
}

TEST_F(WireTest, Ipv4MaySendNoUdpChecksumIpv6MayNot) {
  open(kOur4, 20000);
  open(kOur6, 20000);
  Bytes packet = good();
  put16(packet, 26, 0);
  EXPECT_THAT(arrive(ethernet(kUs, kPeer, 0x0800, packet)), SizeIs(1));
  EXPECT_THAT(arrive(ethernet(kUs, kPeer, 0x86DD, good6())), SizeIs(1));
  packet = good6();
  put16(packet, 46, 0);
  EXPECT_THAT(arrive(ethernet(kUs, kPeer, 0x86DD, packet)), IsEmpty());
  EXPECT_EQ(counters().bad_checksum, 1u);
}

TEST_F(WireTest, SkipsOptionsAndExtensionHeaders) {
  open(kOur4, 20000);
  open(kOur6, 20000);
  const Bytes datagram = udp(kPeer4, kOur4, 4000, 20000, text("four"));
  const auto four = arrive(ethernet(kUs, kPeer, 0x0800, ipv4(kPeer4, kOur4, 17, datagram, 0, 1, {1, 1, 1, 0})));
  ASSERT_THAT(four, SizeIs(1));
  EXPECT_EQ(four[0].data, text("four"));
  const Bytes extensions = Bytes{60, 0, 1, 4, 0, 0, 0, 0} + Bytes{17, 1} + repeat(14);
  const auto six = arrive(
      ethernet(kUs, kPeer, 0x86DD, ipv6(kPeer6, kOur6, 0, extensions + udp(kPeer6, kOur6, 4000, 20000, text("six")))));
  ASSERT_THAT(six, SizeIs(1));
  EXPECT_EQ(six[0].data, text("six"));
}

TEST_F(WireTest, IgnoresWhatPadsAShortFrame) {
  open(kOur4, 20000);
  const auto got = arrive(ethernet(kUs, kPeer, 0x0800, good()) + repeat(14, 0xEE));
  ASSERT_THAT(got, SizeIs(1));
  EXPECT_EQ(got[0].data, text("good"));
}

TEST_F(WireTest, LengthsThatContradictEachOtherAreMalformed) {
  open(kOur4, 20000);
  const Bytes frame = ethernet(kUs, kPeer, 0x0800, good());
  arrive(with(0, 0x44));                             // a header of 16 bytes
  arrive(with(0, 0x65));                             // version 6
  arrive(with(3, 200));                              // longer than the frame
  arrive(with(3, 19));                               // shorter than its header
  arrive(with(3, 27));                               // shorter than UDP's header
  arrive(Bytes(frame.begin(), frame.begin() + 20));  // cut
  Bytes udp_long = frame, udp_short = frame;
  put16(udp_long, 38, 13);
  put16(udp_short, 38, 7);
  arrive(udp_long);
  arrive(udp_short);
  EXPECT_EQ(counters().malformed, 8u);
  EXPECT_EQ(stack().counters().packets_in, 0u);
}

TEST_F(WireTest, Ipv6HeadersThatContradictEachOtherAreMalformed) {
  open(kOur6, 20000);
  const auto six = [&](int next, const Bytes& payload) {
    arrive(ethernet(kUs, kPeer, 0x86DD, ipv6(kPeer6, kOur6, next, payload)));
  };
  six(60, {17, 9, 0, 0, 0, 0, 0, 0});                                 // longer than the packet
  six(60, {17, 0, 0, 0});                                             // cut
  six(60, Bytes{0, 0, 1, 4, 0, 0, 0, 0} + Bytes{17, 0} + repeat(6));  // hop-by-hop, not first
  six(43, Bytes{17, 0, 0, 1} + repeat(4));                            // a route with a segment left
  Bytes longer = ethernet(kUs, kPeer, 0x86DD, good6());
  put16(longer, 18, 500);
  arrive(longer);
  EXPECT_EQ(counters().malformed, 5u);
  Bytes chain;
  for (int i = 0; i < 20; ++i) chain += Bytes{60, 0, 1, 4, 0, 0, 0, 0};
  six(60, chain);
  EXPECT_EQ(counters().not_ours, 1u);  // more of them than anybody needs: not UDP, as far as we look
}

TEST_F(WireTest, SourcesThatNobodyHasAreMartians) {
  open(kOur4, 20000);
  open(kOur6, 20000);
  for (const Bytes& from :
       {ip4(0, 0, 0, 0), ip4(127, 0, 0, 1), ip4(224, 0, 0, 1), ip4(255, 255, 255, 255), ip4(240, 0, 0, 1), kOur4})
    EXPECT_THAT(arrive(udp_frame(from, kOur4, 4000, 20000, text("x"))), IsEmpty());
  const Bytes mapped = repeat(10) + Bytes{0xFF, 0xFF, 10, 0, 0, 2};
  for (const Bytes& from : {repeat(16), repeat(15) + Bytes{1}, Bytes{0xFF, 2} + repeat(14), mapped, kOur6})
    EXPECT_THAT(arrive(udp_frame(from, kOur6, 4000, 20000, text("x"))), IsEmpty());
  EXPECT_EQ(counters().martian, 11u);
}

TEST_F(WireTest, FramesForOthersAreNotOurs) {
  open(kOur4, 20000);
  arrive(ethernet(mac(77), kPeer, 0x0800, good()));     // a promiscuous device
  arrive(ethernet(kEverybody, kPeer, 0x0800, good()));  // unicast in a broadcast (RFC 1122 §3.3.6)
  arrive(udp_frame(kPeer4, ip4(10, 0, 0, 77), 4000, 20000, text("x")));
  arrive(ethernet(kUs, kPeer, 0x88CC, repeat(50)));  // LLDP
  EXPECT_EQ(counters().not_ours, 4u);
  arrive(Bytes(13));
  arrive(ethernet(kUs, kPeer, 0x8100, {0}));
  EXPECT_EQ(counters().malformed, 2u);
  EXPECT_EQ(stack().counters().packets_in, 0u);
}

// ---- what runs short

TEST_F(WireTest, APoolThatIsEmptyDropsAndCounts) {
  const auto socket = open(kOur4, 20000);
  settled();
  meet();
  send(socket, endpoint(kPeer4, 1), text("x"));
  port_.take_sent();
  std::vector<io::Frame> hoard(pool_.left() - 5);
  ASSERT_TRUE(pool_.lend(hoard));
  std::vector<io::Outgoing> batch(16, {socket, endpoint(kPeer4, 1), bytes_of("media"), {}});
  stack().transmit(batch);  // 16, 8: no; 4: yes; then 4 buffers less the wire's are back
  EXPECT_EQ(port_.take_sent().size() + counters().no_frame, 16u);
  EXPECT_EQ(stack().counters().packets_out - 1 + stack().counters().send_refused, 16u);
  EXPECT_GE(stack().counters().packets_out, 5u);

  std::vector<io::Frame> rest(pool_.left());
  ASSERT_TRUE(pool_.lend(rest));
  const auto refused = stack().counters().send_refused;
  stack().transmit(batch);
  EXPECT_EQ(stack().counters().send_refused, refused + 16);
  EXPECT_THAT(port_.take_sent(), IsEmpty());
  port_.release(hoard);
  port_.release(rest);
  stack().transmit(batch);
  EXPECT_THAT(port_.take_sent(), SizeIs(16));
}

TEST_F(WireTest, WhatWaitsIsDroppedWhenThePoolIsEmptyAtTheAnswer) {
  const auto socket = open(kOur4, 20000);
  settled();
  send(socket, endpoint(kPeer4, 1), text("x"));
  port_.arrive(ethernet(kUs, kPeer, 0x0806, arp(2, kPeer, kPeer4, kUs, kOur4)));
  std::vector<io::Frame> hoard(pool_.left() - 1);
  ASSERT_TRUE(pool_.lend(hoard));
  receive();
  EXPECT_EQ(counters().pending_dropped, 1u);
  EXPECT_EQ(counters().no_frame, 1u);
  port_.release(hoard);
}

// ---- sockets

TEST_F(WireTest, OpensWhatIsOursAndFree) {
  using io::IoError;
  const auto open_error = [&](const Bytes& ip, std::uint16_t port) { return stack().open(endpoint(ip, port), false); };
  const auto socket = open(kOur4, 20000);
  EXPECT_EQ(stack().local(socket), endpoint(kOur4, 20000));
  EXPECT_EQ(open_error(kOur4, 20000).error(), IoError::kAddressInUse);
  EXPECT_EQ(open_error(ip4(0, 0, 0, 0), 20000).error(), IoError::kAddressInUse);
  EXPECT_EQ(open_error(kPeer4, 20000).error(), IoError::kNoSuchAddress);
  EXPECT_TRUE(open_error(kOur6, 20000).has_value());
  const auto any = stack().open(endpoint(kOur4, 0), false), other = stack().open(endpoint(kOur4, 0), false);
  EXPECT_GE(stack().local(*any).port, 49'152);
  EXPECT_NE(stack().local(*any).port, stack().local(*other).port);
  stack().close(socket);
  stack().close(socket);  // twice does no harm
  EXPECT_THAT(arrive(udp_frame(kPeer4, kOur4, 4000, 20000, text("x"))), IsEmpty());
  EXPECT_EQ(counters().no_socket, 1u);
  for (std::uint16_t i = 0; stack().open(endpoint(kOur4, static_cast<std::uint16_t>(1000 + i)), false); ++i)
    ASSERT_LT(i, 64);
  EXPECT_EQ(open_error(kOur4, 3000).error(), IoError::kFull);
}

TEST_F(WireTest, ASocketOnAllAddressesAnswersFromTheNearest) {
  config_.addresses.insert(config_.addresses.begin(), {endpoint(ip4(172, 16, 0, 1), 0), 24});
  settled();
  meet();
  const auto socket = open(ip4(0, 0, 0, 0), 5060, true);
  EXPECT_THAT(arrive(udp_frame(kPeer4, kOur4, 5060, 5060, text("x"))), SizeIs(1));
  EXPECT_THAT(arrive(udp_frame(kPeer4, ip4(172, 16, 0, 1), 5060, 5060, text("x"))), SizeIs(1));
  send(socket, endpoint(kPeer4, 5060), text("x"));
  const Bytes sent = port_.take_sent().back();
  EXPECT_EQ(Bytes(sent.begin() + 26, sent.begin() + 30), kOur4);
}

TEST_F(WireTest, RefusesToSendWhereNothingLeads) {
  config_.gateway_v4 = {};
  const auto socket = open(kOur4, 20000);
  settled();
  for (const Bytes& to : {kFar4, kOur4, ip4(0, 0, 0, 0), ip4(224, 0, 0, 1), ip4(127, 0, 0, 1)})
    send(socket, endpoint(to, 1), text("x"));
  EXPECT_EQ(counters().no_route, 5u);
  send(socket, endpoint(kPeer6, 1), text("x"));
  send(socket, endpoint(kPeer4, 0), text("x"));
  send(io::SocketId{63}, endpoint(kPeer4, 1), text("x"));
  send(io::SocketId{9999}, endpoint(kPeer4, 1), text("x"));
  EXPECT_EQ(stack().counters().send_refused, 9u);
  EXPECT_THAT(port_.take_sent(), IsEmpty());
}

TEST_F(WireTest, AClosedSocketsHeaderDoesNotServeTheNext) {
  config_.sockets_max = 1;
  settled();
  meet();
  const auto first = open(kOur4, 20000);
  send(first, endpoint(kPeer4, 1), text("x"));
  stack().close(first);
  port_.take_sent();
  send(first, endpoint(kPeer4, 1), text("x"));
  EXPECT_THAT(port_.take_sent(), IsEmpty());
  const auto second = open(kOur4, 30000);
  ASSERT_EQ(second, first);
  send(second, endpoint(kPeer4, 1), text("x"));
  const Bytes sent = port_.take_sent().back();
  EXPECT_EQ(sent[34] << 8 | sent[35], 30000);
}

TEST_F(WireTest, LetsTheDeviceSumWhereItOffersTo) {
  port_.sums = true;
  const auto four = open(kOur4, 20000), six = open(kOur6, 20000);
  settled();
  meet();
  send(four, endpoint(kPeer4, 4000), text("summed"));
  const auto sent = port_.sent.back();
  EXPECT_EQ(sent.flags, io::Frame::kWantsChecksums);
  EXPECT_EQ(Bytes(sent.bytes.begin() + 24, sent.bytes.begin() + 26), be16(0));
  const auto pseudo_sum = static_cast<std::uint16_t>(~slow_checksum(pseudo(kOur4, kPeer4, 17, 14)));
  EXPECT_EQ(sent.bytes[40] << 8 | sent.bytes[41], pseudo_sum);
  EXPECT_EQ(port_.sent.front().flags, 0);  // ARP
  port_.take_sent();
  const Bytes na = Bytes{136, 0, 0, 0, 0x60, 0, 0, 0} + kPeer6 + Bytes{2, 1} + kPeer;
  send(six, endpoint(kPeer6, 4000), text("summed"));
  arrive(ethernet(kUs, kPeer, 0x86DD, ipv6(kPeer6, kOur6, 58, icmp6(kPeer6, kOur6, na), 255)));
  send(six, endpoint(kPeer6, 4000), text("summed"));
  // the one that waited and the one that did not: the same packet, the same flags
  ASSERT_THAT(port_.sent, SizeIs(3));
  EXPECT_EQ(port_.sent[1].bytes, port_.sent[2].bytes);
  EXPECT_EQ(port_.sent[1].flags, io::Frame::kWantsChecksums | io::Frame::kIsV6);
  EXPECT_EQ(port_.sent[2].flags, io::Frame::kWantsChecksums | io::Frame::kIsV6);
}

TEST(StackConfig, NamesItsFirstFault) {
  StackConfig good;
  good.addresses = {{endpoint(kOur4, 0), 24}};
  EXPECT_EQ(good.fault(), "");
  const auto fault = [&](auto&& change) {
    StackConfig config = good;
    change(config);
    return config.fault();
  };
  EXPECT_EQ(fault([](auto& c) { c.addresses.clear(); }), "addresses: 1 to 15");
  EXPECT_EQ(fault([](auto& c) { c.addresses[0].prefix = 33; }), "addresses: prefix: 1 to 32, or to 128 for IPv6");
  EXPECT_EQ(fault([](auto& c) { c.addresses.push_back(c.addresses[0]); }), "addresses: one is there twice");
  EXPECT_EQ(fault([](auto& c) { c.addresses[0].address = endpoint(ip4(224, 0, 0, 1), 0); }),
            "addresses: not the address of a host");
  EXPECT_EQ(fault([](auto& c) { c.gateway_v4 = endpoint(kFar4, 0); }), "gateway_v4: on none of our networks");
  EXPECT_EQ(fault([](auto& c) { c.gateway_v6 = endpoint(kFar6, 0); }), "gateway_v6: on none of our networks");
  EXPECT_EQ(fault([](auto& c) { c.vlan = 4095; }), "vlan: 1 to 4094");
  EXPECT_EQ(fault([](auto& c) { c.shard = 1; }), "shard: less than shards");
  EXPECT_EQ(fault([](auto& c) { c.kernel_shard = 1; }), "kernel_shard: less than shards");
  EXPECT_EQ(fault([](auto& c) {
              c.shards = 4;
              c.port_block_first = 20000;
              c.port_block_bits = 14;
            }),
            "port_block_first: the last block ends beyond 65535");
}

}  // namespace
}  // namespace carillon::net
