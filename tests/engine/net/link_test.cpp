// ARP, NDP and the ageing of neighbours, in simulated time.

#include "tests/engine/net/fixture.h"

namespace carillon::net {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using State = Neighbours::State;

const Bytes kPad = repeat(18);  // a 42-byte ARP frame is filled up to 60

class LinkTest : public StackTest {
 protected:
  Bytes request(const Bytes& from, const Bytes& target, const Bytes& from_mac = kPeer) {
    return ethernet(kEverybody, from_mac, 0x0806, arp(1, from_mac, from, repeat(6), target));
  }
  Bytes reply(const Bytes& from, const Bytes& from_mac = kPeer) {
    return ethernet(kUs, from_mac, 0x0806, arp(2, from_mac, from, kUs, kOur4));
  }
  Bytes asks(const Bytes& target, const Bytes& to = kEverybody) {
    return ethernet(to, kUs, 0x0806, arp(1, kUs, kOur4, repeat(6), target)) + kPad;
  }
  State state(const Bytes& ip) { return stack().neighbours().state(address(ip)); }
  Bytes group_of(const Bytes& target) {
    return Bytes{0xFF, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xFF} + Bytes(target.begin() + 13, target.end());
  }
  Bytes group_mac(const Bytes& group) { return Bytes{0x33, 0x33} + Bytes(group.begin() + 12, group.end()); }
  Bytes solicitation(const Bytes& from_mac, const Bytes& from, const Bytes& to, const Bytes& target,
                     const Bytes& options, int hops = 255) {
    const Bytes to_mac = to[0] == 0xFF ? group_mac(to) : kUs;
    return ethernet(to_mac, from_mac, 0x86DD,
                    ipv6(from, to, 58, icmp6(from, to, Bytes{135, 0, 0, 0, 0, 0, 0, 0} + target + options), hops));
  }
  Bytes advertisement(const Bytes& to_mac, const Bytes& from_mac, const Bytes& from, const Bytes& to,
                      const Bytes& target, std::uint8_t flags, const Bytes& mac) {
    return ethernet(
        to_mac, from_mac, 0x86DD,
        ipv6(from, to, 58, icmp6(from, to, Bytes{136, 0, 0, 0, flags, 0, 0, 0} + target + Bytes{2, 1} + mac), 255));
  }
  const Bytes kAll = Bytes{0xFF, 2} + repeat(13) + Bytes{1};
};

TEST_F(LinkTest, AnnouncesItsAddressesTwiceAtTheStartAndWhenTheLinkComesBack) {
  config_.addresses.resize(1);
  config_.gateway_v6 = {};
  const Bytes announcement = ethernet(kEverybody, kUs, 0x0806, arp(1, kUs, kOur4, repeat(6), kOur4)) + kPad;
  receive();
  EXPECT_THAT(port_.take_sent(), ElementsAre(announcement));
  EXPECT_EQ(stack().next_deadline(), now_ + 2s);
  now_ += 2s;
  receive();
  EXPECT_THAT(port_.take_sent(), ElementsAre(announcement));
  EXPECT_EQ(stack().next_deadline(), TimePoint::max());
  port_.link = false;
  now_ += 100ms;
  receive();
  now_ += 60s;
  receive();
  EXPECT_THAT(port_.take_sent(), IsEmpty());
  port_.link = true;
  now_ += 100ms;
  receive();
  EXPECT_THAT(port_.take_sent(), ElementsAre(announcement));
}

TEST_F(LinkTest, AnnouncesIpv6AddressesToAllNodes) {
  config_.addresses = {{endpoint(kOur6, 0), 64}};
  config_.gateway_v4 = {};
  receive();
  const Bytes own_link_local = Bytes{0xFE, 0x80} + repeat(6) + Bytes{0, 0, 0, 0xFF, 0xFE, 0, 0, 1};
  EXPECT_THAT(port_.take_sent(),
              ElementsAre(advertisement(group_mac(kAll), kUs, kOur6, kAll, kOur6, 0x20, kUs),
                          advertisement(group_mac(kAll), kUs, own_link_local, kAll, own_link_local, 0x20, kUs)));
}

TEST_F(LinkTest, WaitsNoLongerThanItsOwnDeadline) {
  settled();
  const auto socket = open(kOur4, 20000);
  send(socket, endpoint(kPeer4, 1), text("x"));
  stack().wait(now_ + 10s);
  EXPECT_EQ(port_.waited_until, now_ + 1s);
  stack().wait(now_ + 10ms);
  EXPECT_EQ(port_.waited_until, now_ + 10ms);
}

TEST_F(LinkTest, AnswersAProbeAndLearnsNothingFromIt) {
  settled();
  arrive(request(ip4(0, 0, 0, 0), kOur4));
  EXPECT_THAT(port_.take_sent(),
              ElementsAre(ethernet(kPeer, kUs, 0x0806, arp(2, kUs, kOur4, kPeer, ip4(0, 0, 0, 0))) + kPad));
  EXPECT_EQ(stack().neighbours().size(), 0u);
}

TEST_F(LinkTest, LearnsFromRequestsForItButNotFromOthers) {
  settled();
  arrive(request(kPeer4, ip4(10, 0, 0, 9)));
  EXPECT_EQ(state(kPeer4), State::kFree);
  arrive(reply(ip4(10, 0, 0, 3)));
  EXPECT_EQ(state(ip4(10, 0, 0, 3)), State::kFree);  // nobody asked
  arrive(request(kPeer4, kOur4));
  EXPECT_EQ(state(kPeer4), State::kStale);
  arrive(request(ip4(172, 16, 0, 1), kOur4));  // on none of our networks: answered, not kept
  EXPECT_EQ(state(ip4(172, 16, 0, 1)), State::kFree);
}

TEST_F(LinkTest, GratuitousArpMovesAKnownNeighbourAndItsSockets) {
  settled();
  const auto socket = open(kOur4, 20000);
  meet();
  send(socket, endpoint(kPeer4, 1), text("x"));
  arrive(reply(kPeer4));
  port_.take_sent();
  EXPECT_EQ(state(kPeer4), State::kReachable);
  arrive(request(kPeer4, kPeer4, mac(3)));  // a standby takes over
  EXPECT_EQ(state(kPeer4), State::kStale);
  send(socket, endpoint(kPeer4, 1), text("x"));
  const auto sent = port_.take_sent();
  ASSERT_THAT(sent, SizeIs(2));
  EXPECT_EQ(sent[0], asks(kPeer4, mac(3)));
  EXPECT_EQ(Bytes(sent[1].begin(), sent[1].begin() + 6), mac(3));
}

TEST_F(LinkTest, CountsAConflictAndDefendsOncePerTenSeconds) {
  settled();
  const Bytes claim = request(kOur4, kOur4, mac(9));
  arrive(claim);
  EXPECT_THAT(port_.take_sent(), ElementsAre(asks(kOur4)));
  arrive(claim);
  EXPECT_THAT(port_.take_sent(), IsEmpty());
  now_ += 10s;
  arrive(claim);
  EXPECT_THAT(port_.take_sent(), SizeIs(1));
  EXPECT_EQ(counters().address_conflicts, 3u);
  EXPECT_EQ(stack().neighbours().size(), 0u);
}

TEST_F(LinkTest, AsksThreeTimesASecondApartThenGivesUp) {
  settled();
  const auto socket = open(kOur4, 20000);
  send(socket, endpoint(kPeer4, 1), text("x"));
  EXPECT_THAT(port_.take_sent(), ElementsAre(asks(kPeer4)));
  for (int i = 0; i < 2; ++i) {
    now_ += 999ms;
    receive();
    EXPECT_THAT(port_.take_sent(), IsEmpty());
    now_ += 1ms;
    receive();
    EXPECT_THAT(port_.take_sent(), ElementsAre(asks(kPeer4)));
  }
  now_ += 1s;
  receive();
  EXPECT_THAT(port_.take_sent(), IsEmpty());
  EXPECT_EQ(state(kPeer4), State::kFree);
  EXPECT_EQ(counters().neighbours_failed, 1u);
  EXPECT_EQ(counters().pending_dropped, 1u);
  EXPECT_EQ(stack().next_deadline(), TimePoint::max());
}

TEST_F(LinkTest, KeepsTheNewestFourPacketsOfAnUnknownNeighbour) {
  settled();
  const auto socket = open(kOur4, 20000);
  for (std::uint8_t i = 0; i < 6; ++i) send(socket, endpoint(kPeer4, 1), Bytes{i});
  port_.take_sent();
  arrive(reply(kPeer4));
  const auto sent = port_.take_sent();
  ASSERT_THAT(sent, SizeIs(4));
  for (std::uint8_t i = 0; i < 4; ++i) EXPECT_EQ(sent[i][42], i + 2);
  EXPECT_EQ(counters().pending_dropped, 2u);
  EXPECT_EQ(stack().counters().packets_out, 4u);
  EXPECT_EQ(stack().counters().bytes_out, 4u);
}

TEST_F(LinkTest, ProbesANeighbourInUseEveryHalfMinuteWithoutLosingAPacket) {
  settled();
  const auto socket = open(kOur4, 20000);
  meet();
  send(socket, endpoint(kPeer4, 1), text("x"));
  arrive(reply(kPeer4));
  port_.take_sent();
  for (int round = 0; round < 3; ++round) {
    int packets = 0, probes = 0;
    for (int i = 0; i < 300; ++i, now_ += 100ms) {
      receive();
      send(socket, endpoint(kPeer4, 1), text("x"));
      for (const Bytes& frame : port_.take_sent()) {
        if (frame[13] == 6) {
          EXPECT_EQ(frame, asks(kPeer4, kPeer));
          ++probes;
          arrive(reply(kPeer4));
        } else {
          ++packets;
        }
      }
    }
    EXPECT_EQ(packets, 300);
    EXPECT_LE(probes, 1);
    EXPECT_GE(probes, round == 0 ? 0 : 1);
  }
}

TEST_F(LinkTest, ANeighbourThatAnswersNoProbeIsAskedForAnew) {
  settled();
  const auto socket = open(kOur4, 20000);
  meet();
  send(socket, endpoint(kPeer4, 1), text("x"));
  EXPECT_EQ(state(kPeer4), State::kProbe);
  port_.take_sent();
  for (int i = 0; i < 2; ++i) {
    now_ += 1s;
    receive();
    EXPECT_THAT(port_.take_sent(), ElementsAre(asks(kPeer4, kPeer)));
  }
  now_ += 1s;
  receive();
  EXPECT_EQ(state(kPeer4), State::kFree);
  send(socket, endpoint(kPeer4, 1), text("x"));
  EXPECT_THAT(port_.take_sent(), ElementsAre(asks(kPeer4)));
}

TEST_F(LinkTest, AnUnusedNeighbourIsForgottenAfterTenMinutes) {
  settled();
  meet();
  now_ += 10 * 60s - 1s;
  receive();
  EXPECT_EQ(state(kPeer4), State::kStale);
  now_ += 1s;
  receive();
  EXPECT_EQ(stack().neighbours().size(), 0u);
}

TEST_F(LinkTest, AFloodOfStrangersDoesNotEvictWhomWeTalkTo) {
  settled();
  std::vector<io::SocketId> sockets;
  for (int i = 0; i < 8; ++i) {
    sockets.push_back(open(kOur4, static_cast<std::uint16_t>(20000 + i)));
    meet(mac(100 + i), ip4(10, 0, 0, 100 + i));
    send(sockets.back(), endpoint(ip4(10, 0, 0, 100 + i), 1), text("x"));
    arrive(reply(ip4(10, 0, 0, 100 + i), mac(100 + i)));
  }
  port_.take_sent();
  for (int i = 0; i < 5000; ++i) arrive(request(ip4(10, 0, 0, 2 + i % 90), kOur4, mac(i % 256)));
  port_.take_sent();
  for (int i = 0; i < 8; ++i) {
    EXPECT_EQ(state(ip4(10, 0, 0, 100 + i)), State::kReachable);
    send(sockets[static_cast<std::size_t>(i)], endpoint(ip4(10, 0, 0, 100 + i), 1), text("x"));
    EXPECT_THAT(port_.take_sent(), SizeIs(1));
  }
  EXPECT_LE(stack().neighbours().size(), 16u);
}

TEST_F(LinkTest, MalformedArpIsCountedAndChangesNothing) {
  settled();
  const Bytes good = request(kPeer4, kOur4);
  for (const std::size_t at : {15u, 16u, 18u, 19u}) {  // hardware type, protocol, the two lengths
    Bytes bad = good;
    bad[at] ^= 0x40;
    arrive(bad);
  }
  arrive(Bytes(good.begin(), good.end() - 1));
  Bytes group_sender = good;
  group_sender[22] |= 1;
  arrive(group_sender);
  EXPECT_EQ(counters().malformed, 6u);
  EXPECT_THAT(port_.take_sent(), IsEmpty());
  EXPECT_EQ(stack().neighbours().size(), 0u);
}

// ---- IPv6

TEST_F(LinkTest, AnswersASolicitationForItsAddress) {
  settled();
  const Bytes group = group_of(kOur6);
  arrive(solicitation(kPeer, kPeer6, group, kOur6, Bytes{1, 1} + kPeer));
  EXPECT_THAT(port_.take_sent(), ElementsAre(advertisement(kPeer, kUs, kOur6, kPeer6, kOur6, 0x60, kUs)));
  EXPECT_EQ(state(kPeer6), State::kStale);
  arrive(solicitation(kPeer, kPeer6, kOur6, kOur6, {}));  // unicast, without its MAC address
  EXPECT_THAT(port_.take_sent(), SizeIs(1));
}

TEST_F(LinkTest, AnswersForItsLinkLocalAddress) {
  settled();
  const Bytes ours = Bytes{0xFE, 0x80} + repeat(6) + Bytes{0, 0, 0, 0xFF, 0xFE, 0, 0, 1};
  const Bytes theirs = Bytes{0xFE, 0x80} + repeat(7) + repeat(6) + Bytes{2};
  arrive(solicitation(kPeer, theirs, group_of(ours), ours, Bytes{1, 1} + kPeer));
  EXPECT_THAT(port_.take_sent(), ElementsAre(advertisement(kPeer, kUs, ours, theirs, ours, 0x60, kUs)));
}

TEST_F(LinkTest, TellsAllNodesWhoProbesForItsAddress) {
  settled();
  arrive(solicitation(kPeer, repeat(16), group_of(kOur6), kOur6, {}));
  EXPECT_THAT(port_.take_sent(), ElementsAre(advertisement(group_mac(kAll), kUs, kOur6, kAll, kOur6, 0x20, kUs)));
  EXPECT_EQ(counters().address_conflicts, 1u);
  EXPECT_EQ(stack().neighbours().size(), 0u);
}

TEST_F(LinkTest, BelievesOnlySolicitationsFromThisLink) {
  settled();
  const Bytes group = group_of(kOur6);
  arrive(solicitation(kPeer, kPeer6, group, kOur6, Bytes{1, 1} + kPeer, 254));
  arrive(solicitation(kPeer, kPeer6, group, kOur6, Bytes{1, 0} + kPeer));      // an empty option
  arrive(solicitation(kPeer, kPeer6, group, kOur6, Bytes{1, 2} + kPeer));      // longer than the packet
  arrive(solicitation(kPeer, repeat(16), group, kOur6, Bytes{1, 1} + kPeer));  // a probe that names its MAC
  arrive(solicitation(kPeer, repeat(16), kOur6, kOur6, {}));                   // a probe to one host
  arrive(solicitation(kPeer, kPeer6, group, Bytes{0xFF} + repeat(15), {}));    // for a group
  EXPECT_EQ(counters().malformed, 6u);
  Bytes broken = solicitation(kPeer, kPeer6, group, kOur6, Bytes{1, 1} + kPeer);
  broken.back() ^= 1;
  arrive(broken);
  EXPECT_EQ(counters().bad_checksum, 1u);
  EXPECT_THAT(port_.take_sent(), IsEmpty());
  EXPECT_EQ(stack().neighbours().size(), 0u);
}

TEST_F(LinkTest, SolicitsAnUnknownNeighbourAndSendsWhatWaited) {
  settled();
  const auto socket = open(kOur6, 20000);
  send(socket, endpoint(kPeer6, 4000), text("six"));
  const Bytes group = group_of(kPeer6);
  EXPECT_THAT(port_.take_sent(),
              ElementsAre(ethernet(
                  group_mac(group), kUs, 0x86DD,
                  ipv6(kOur6, group, 58,
                       icmp6(kOur6, group, Bytes{135, 0, 0, 0, 0, 0, 0, 0} + kPeer6 + Bytes{1, 1} + kUs), 255))));
  arrive(advertisement(kUs, kPeer, kPeer6, kOur6, kPeer6, 0x60, kPeer));
  Bytes expected = ethernet(kPeer, kUs, 0x86DD, ipv6(kOur6, kPeer6, 17, udp(kOur6, kPeer6, 20000, 4000, text("six"))));
  expected[14] = 0x6B;  // traffic class 0xB8
  expected[15] = 0x80;
  EXPECT_THAT(port_.take_sent(), ElementsAre(expected));
  EXPECT_EQ(state(kPeer6), State::kReachable);
}

TEST_F(LinkTest, AnAdvertisementWithoutOverrideOnlyRaisesDoubt) {
  settled();
  const auto socket = open(kOur6, 20000);
  send(socket, endpoint(kPeer6, 4000), text("six"));
  arrive(advertisement(kUs, kPeer, kPeer6, kOur6, kPeer6, 0x60, kPeer));
  port_.take_sent();
  arrive(advertisement(kUs, mac(9), kPeer6, kOur6, kPeer6, 0x40, mac(9)));
  EXPECT_EQ(state(kPeer6), State::kStale);
  send(socket, endpoint(kPeer6, 4000), text("six"));
  for (const Bytes& frame : port_.take_sent()) EXPECT_EQ(Bytes(frame.begin(), frame.begin() + 6), kPeer);
  EXPECT_EQ(state(kPeer6), State::kProbe);
}

TEST_F(LinkTest, LearnsADefaultRouterOnlyIfTold) {
  const Bytes router = Bytes{0xFE, 0x80} + repeat(13) + Bytes{0xFE};
  const auto advertises = [&](std::size_t lifetime) {
    const Bytes body = Bytes{134, 0, 0, 0, 64, 0} + be16(lifetime) + repeat(8) + Bytes{1, 1} + kRouterMac;
    return ethernet(group_mac(kAll), kRouterMac, 0x86DD, ipv6(router, kAll, 58, icmp6(router, kAll, body), 255));
  };
  config_.gateway_v6 = {};
  settled();
  const auto socket = open(kOur6, 20000);
  arrive(advertises(1800));
  send(socket, endpoint(kFar6, 1), text("x"));
  EXPECT_EQ(counters().no_route, 1u);

  stack_.reset();
  config_.learns_router = true;
  settled();
  (void)open(kOur6, 20000);
  arrive(advertises(1800));
  send(socket, endpoint(kFar6, 1), text("x"));
  auto sent = port_.take_sent();
  ASSERT_THAT(sent, SizeIs(2));  // it probes whom it only heard, and sends
  EXPECT_EQ(Bytes(sent[1].begin(), sent[1].begin() + 6), kRouterMac);
  arrive(advertises(0));
  send(socket, endpoint(kFar6, 1), text("x"));
  EXPECT_EQ(counters().no_route, 1u);
}

// ---- VLAN

TEST_F(LinkTest, OneVlanIsOursAndCarriesAllWeSend) {
  config_.vlan = 42;
  config_.addresses.resize(1);
  config_.gateway_v6 = {};
  settled();
  const auto socket = open(kOur4, 20000);
  const Bytes ask = arp(1, kPeer, kPeer4, repeat(6), kOur4);
  arrive(tagged(kEverybody, kPeer, 42 | 5 << 13, 0x0806, ask));  // priority 5 does not matter
  EXPECT_THAT(port_.take_sent(),
              ElementsAre(tagged(kPeer, kUs, 42, 0x0806, arp(2, kUs, kOur4, kPeer, kPeer4)) + repeat(14)));
  arrive(tagged(kEverybody, kPeer, 43, 0x0806, ask));
  arrive(ethernet(kEverybody, kPeer, 0x0806, ask));
  EXPECT_EQ(counters().wrong_vlan, 2u);
  EXPECT_THAT(port_.take_sent(), IsEmpty());
  const Bytes in = ipv4(kPeer4, kOur4, 17, udp(kPeer4, kOur4, 1, 20000, text("in")));
  EXPECT_THAT(arrive(tagged(kUs, kPeer, 42, 0x0800, in)), SizeIs(1));
  send(socket, endpoint(kPeer4, 1), text("out"));
  const Bytes sent = port_.take_sent().back();
  EXPECT_EQ(Bytes(sent.begin(), sent.begin() + 18), kPeer + kUs + be16(0x8100) + be16(42) + be16(0x0800));
  EXPECT_EQ(Bytes(sent.begin() + 38, sent.begin() + 49), udp(kOur4, kPeer4, 20000, 1, text("out")));
}

TEST_F(LinkTest, AFrameThatOnlyHasAPriorityIsUntagged) {
  settled();
  open(kOur4, 20000);
  const Bytes in = ipv4(kPeer4, kOur4, 17, udp(kPeer4, kOur4, 1, 20000, text("in")));
  EXPECT_THAT(arrive(tagged(kUs, kPeer, 5 << 13, 0x0800, in)), SizeIs(1));
  EXPECT_THAT(arrive(tagged(kUs, kPeer, 7, 0x0800, in)), IsEmpty());
}

}  // namespace
}  // namespace carillon::net
