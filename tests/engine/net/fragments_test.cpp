// Datagrams longer than a frame, in and out.

#include <numeric>

#include "tests/engine/net/fixture.h"

namespace carillon::net {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

class FragmentTest : public StackTest {
 protected:
  FragmentTest() : payload_(3000) { std::iota(payload_.begin(), payload_.end(), 0); }

  /// Cuts a datagram to port 5060 at the given offsets (multiples of 8).
  std::vector<Bytes> cut4(std::vector<std::size_t> cuts, std::size_t id = 7, std::size_t port = 5060) {
    const Bytes whole = udp(kPeer4, kOur4, 5060, port, payload_);
    std::vector<Bytes> frames;
    cuts.push_back(whole.size());
    std::size_t from = 0;
    for (const std::size_t to : cuts) {
      frames.push_back(fragment4(
          Bytes(whole.begin() + static_cast<std::ptrdiff_t>(from), whole.begin() + static_cast<std::ptrdiff_t>(to)),
          from, to != whole.size(), id));
      from = to;
    }
    return frames;
  }
  Bytes fragment4(const Bytes& part, std::size_t offset, bool more, std::size_t id = 7) {
    return ethernet(kUs, kPeer, 0x0800, ipv4(kPeer4, kOur4, 17, part, offset / 8 | (more ? 0x2000 : 0), id));
  }
  Bytes fragment6(const Bytes& part, std::size_t offset, bool more, std::size_t id = 7) {
    return ethernet(kUs, kPeer, 0x86DD,
                    ipv6(kPeer6, kOur6, 44, Bytes{17, 0} + be16(offset | (more ? 1 : 0)) + be32(id) + part));
  }
  std::vector<Got> arrive_all(const std::vector<Bytes>& frames) {
    for (const Bytes& frame : frames) port_.arrive(frame);
    return receive();
  }
  Bytes payload_;
};

TEST_F(FragmentTest, AnyOrderMakesTheWhole) {
  const auto socket = open(kOur4, 5060, true);
  std::vector<Bytes> frames = cut4({1000, 2000});
  std::ranges::sort(frames);
  std::size_t id = 0;
  do {
    const auto got = arrive_all(frames);
    ASSERT_THAT(got, SizeIs(1)) << ++id;
    EXPECT_EQ(got[0].data, payload_);
    EXPECT_EQ(got[0].peer, endpoint(kPeer4, 5060));
    EXPECT_EQ(got[0].socket, socket);
  } while (std::ranges::next_permutation(frames).found);
  EXPECT_EQ(counters().reassembled, 6u);
  EXPECT_EQ(counters().fragments_full, 0u);
}

TEST_F(FragmentTest, Ipv6TooAndWithinASecondDatagramOfTheSamePeer) {
  open(kOur6, 5060, true);
  const Bytes whole = udp(kPeer6, kOur6, 5060, 5060, payload_);
  const Bytes first(whole.begin(), whole.begin() + 1200), last(whole.begin() + 1200, whole.end());
  EXPECT_THAT(arrive_all({fragment6(last, 1200, false, 1)}), IsEmpty());
  EXPECT_THAT(arrive_all({fragment6(first, 0, true, 2)}), IsEmpty());
  EXPECT_THAT(arrive_all({fragment6(first, 0, true, 1)}), SizeIs(1));
  EXPECT_THAT(arrive_all({fragment6(last, 1200, false, 2)}), SizeIs(1));
}

TEST_F(FragmentTest, AnAtomicFragmentIsAWholePacket) {
  open(kOur6, 20000);  // RTP even: nothing to put together (RFC 6946)
  const auto got = arrive(fragment6(udp(kPeer6, kOur6, 1, 20000, text("atom")), 0, false));
  ASSERT_THAT(got, SizeIs(1));
  EXPECT_EQ(got[0].data, text("atom"));
}

TEST_F(FragmentTest, AnOverlapEndsTheDatagramAndWhatFollowsOfIt) {
  open(kOur4, 5060, true);
  const Bytes whole = udp(kPeer4, kOur4, 5060, 5060, payload_);
  const auto part = [&](std::size_t from, std::size_t to) {
    return Bytes(whole.begin() + static_cast<std::ptrdiff_t>(from), whole.begin() + static_cast<std::ptrdiff_t>(to));
  };
  arrive_all({fragment4(part(0, 1000), 0, true), fragment4(part(992, 2000), 992, true)});
  EXPECT_EQ(counters().fragments_overlap, 1u);
  EXPECT_THAT(arrive_all({fragment4(part(1000, 2000), 1000, true), fragment4(part(2000, 3008), 2000, false)}),
              IsEmpty());
  EXPECT_EQ(counters().fragments_refused, 2u);
  // another end than the one that was named
  arrive_all({fragment4(part(2000, 3008), 2000, false, 8), fragment4(part(8, 1000), 8, false, 8)});
  EXPECT_EQ(counters().fragments_overlap, 2u);
  // … and something beyond it
  arrive_all({fragment4(part(0, 1000), 0, true, 9), fragment4(part(2000, 3008), 2000, true, 9),
              fragment4(part(1000, 1100), 1000, false, 9)});
  EXPECT_EQ(counters().fragments_overlap, 3u);
}

TEST_F(FragmentTest, ADuplicateChangesNothingButALieDoes) {
  open(kOur4, 5060, true);
  const auto frames = cut4({1000, 2000});
  EXPECT_THAT(arrive_all({frames[0], frames[0], frames[2], frames[2], frames[1]}), SizeIs(1));
  EXPECT_EQ(counters().fragments_overlap, 0u);
  Bytes lie = frames[0];
  lie.back() ^= 1;
  EXPECT_THAT(arrive_all({frames[0], lie, frames[1], frames[2]}), IsEmpty());
  EXPECT_EQ(counters().fragments_overlap, 1u);
}

TEST_F(FragmentTest, OnlySharedSocketsTakeFragments) {
  open(kOur4, 20000);
  open(kOur4, 5060, true);
  EXPECT_THAT(arrive_all(cut4({1000}, 7, 20000)), IsEmpty());
  EXPECT_THAT(arrive_all(cut4({1000}, 8, 20001)), IsEmpty());
  EXPECT_EQ(counters().fragments_refused, 4u);
  EXPECT_THAT(arrive_all(cut4({1000}, 9)), SizeIs(1));
}

TEST_F(FragmentTest, WhatStaysIncompleteGoesAfterHalfAMinute) {
  open(kOur4, 5060, true);
  settled();
  const auto frames = cut4({1000});
  arrive(frames[0]);
  EXPECT_EQ(stack().next_deadline(), now_ + 30s);
  now_ += 30s;
  receive();
  EXPECT_EQ(counters().fragments_expired, 1u);
  EXPECT_THAT(arrive(frames[1]), IsEmpty());
}

TEST_F(FragmentTest, TooManyDatagramsGiveUpTheOldest) {
  open(kOur4, 5060, true);
  settled();
  std::vector<std::vector<Bytes>> all;
  for (std::size_t id = 0; id < 65; ++id, now_ += 1ms) {
    all.push_back(cut4({1000}, id));
    arrive(all.back()[0]);
  }
  EXPECT_EQ(counters().fragments_full, 1u);
  EXPECT_THAT(arrive(all[64][1]), SizeIs(1));
  EXPECT_THAT(arrive(all[1][1]), SizeIs(1));
  EXPECT_THAT(arrive(all[0][1]), IsEmpty());
}

TEST_F(FragmentTest, LongerThanSixteenKibibytesIsRefused) {
  open(kOur4, 5060, true);
  EXPECT_THAT(arrive(fragment4(repeat(1000), 16'000, true)), IsEmpty());
  EXPECT_THAT(arrive(fragment4(repeat(1000), 65'528, false, 8)), IsEmpty());  // the ping of death
  EXPECT_THAT(arrive(fragment4(repeat(1001), 0, true, 9)), IsEmpty());
  EXPECT_EQ(counters().fragments_refused, 3u);
}

TEST_F(FragmentTest, ABrokenWholeIsDropped) {
  open(kOur4, 5060, true);
  auto frames = cut4({1000});
  frames[1].back() ^= 1;
  EXPECT_THAT(arrive_all(frames), IsEmpty());
  EXPECT_EQ(counters().bad_checksum, 1u);
  for (std::size_t id = 100; id < 300; ++id) EXPECT_THAT(arrive_all(cut4({1000}, id)), SizeIs(1));  // none is kept
}

TEST_F(FragmentTest, SixtyFourWholeDatagramsInOneBurstAreLentAtOnce) {
  open(kOur4, 5060, true);
  std::vector<Bytes> first, second;
  for (std::size_t id = 0; id < 30; ++id)
    for (const Bytes& frame : cut4({1000}, id)) first.push_back(frame);
  EXPECT_THAT(arrive_all(first), SizeIs(30));
  EXPECT_THAT(arrive_all(first), SizeIs(30));
}

TEST_F(FragmentTest, SendsALongAnswerInPieces) {
  config_.addresses = {{endpoint(kOur4, 0), 24}, {endpoint(kOur6, 0), 64}};
  const auto four = open(kOur4, 5060, true), six = open(kOur6, 5060, true);
  settled();
  meet();
  const Bytes head(payload_.begin(), payload_.begin() + 1001), body(payload_.begin() + 1001, payload_.end());
  send(four, endpoint(kPeer4, 5060), head, body);
  auto sent = port_.take_sent();
  ASSERT_THAT(sent, SizeIs(4));  // one is the probe of the neighbour
  Bytes whole;
  for (std::size_t i = 1; i < 4; ++i) {
    EXPECT_EQ(slow_checksum(Bytes(sent[i].begin() + 14, sent[i].begin() + 34)), 0);
    EXPECT_EQ(sent[i][15], 0xA0);
    EXPECT_EQ(sent[i][18] << 8 | sent[i][19], sent[1][18] << 8 | sent[1][19]);
    EXPECT_EQ(sent[i][20] << 8 | sent[i][21], static_cast<int>(whole.size() / 8 | (i < 3 ? 0x2000 : 0)));
    EXPECT_LE(sent[i].size(), 1514u);
    whole += Bytes(sent[i].begin() + 34, sent[i].end());
  }
  EXPECT_EQ(whole, udp(kOur4, kPeer4, 5060, 5060, payload_));
  EXPECT_EQ(stack().counters().packets_out, 1u);
  EXPECT_EQ(stack().counters().bytes_out, 3000u);

  send(six, endpoint(kPeer6, 5060), head, body);  // waits for the neighbour, as a whole
  port_.take_sent();
  const Bytes na = Bytes{136, 0, 0, 0, 0x60, 0, 0, 0} + kPeer6 + Bytes{2, 1} + kPeer;
  arrive(ethernet(kUs, kPeer, 0x86DD, ipv6(kPeer6, kOur6, 58, icmp6(kPeer6, kOur6, na), 255)));
  sent = port_.take_sent();
  ASSERT_THAT(sent, SizeIs(3));
  whole.clear();
  for (const Bytes& frame : sent) {
    EXPECT_EQ(frame[20], 44);
    EXPECT_EQ(frame[54], 17);
    EXPECT_EQ(static_cast<std::size_t>((frame[56] << 8 | frame[57]) & ~7), whole.size());
    whole += Bytes(frame.begin() + 62, frame.end());
  }
  EXPECT_EQ(whole, udp(kOur6, kPeer6, 5060, 5060, payload_));
}

TEST_F(FragmentTest, SendsTheLongestDatagramAndRefusesLonger) {
  const auto socket = open(kOur4, 5060, true);
  settled();
  meet();
  send(socket, endpoint(kPeer4, 5060), repeat(65'507));
  EXPECT_THAT(port_.take_sent(), SizeIs(1 + 45));
  send(socket, endpoint(kPeer4, 5060), repeat(65'508));
  EXPECT_THAT(port_.take_sent(), IsEmpty());
  EXPECT_EQ(counters().too_long, 1u);
  EXPECT_EQ(stack().counters().send_refused, 1u);
}

}  // namespace
}  // namespace carillon::net
