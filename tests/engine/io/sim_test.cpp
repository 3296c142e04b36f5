#include "engine/io/sim.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace carillon::io {
namespace {

const Endpoint kA = Endpoint::v4(10, 0, 0, 1, 5060), kB = Endpoint::v4(10, 0, 0, 2, 5060);

// Two ports on one network; `a` sends numbered packets to `b`.
struct Pair {
  explicit Pair(SimFaults faults = {}, std::uint64_t seed = 7, std::size_t inbox = 65536)
      : network(seed, faults), a(network.make_port()), b(network.make_port(inbox)) {
    from = *a->open(kA, false);
    to = *b->open(kB, false);
  }
  void send(int first, int count) {
    for (int i = first; i < first + count; ++i) {
      const auto text = std::to_string(i);
      const Outgoing out{.socket = from, .peer = kB, .head = bytes_of(text), .body = {}};
      a->transmit(std::span(&out, 1));
    }
  }
  std::vector<int> arrived() {
    std::vector<int> numbers;
    for (const Received& in : b->receive(100'000)) numbers.push_back(std::stoi(std::string(text_of(in.data))));
    return numbers;
  }
  SimNetwork network;
  std::unique_ptr<Port> a, b;
  SocketId from, to;
};

TEST(SimNetwork, PacketArrivesAfterTheDelayAndNotBefore) {
  Pair pair({.delay = 10ms});
  pair.send(1, 1);
  EXPECT_EQ(pair.network.next(), TimePoint(10ms));
  pair.network.deliver_until(TimePoint(9ms));
  EXPECT_THAT(pair.arrived(), testing::IsEmpty());
  pair.network.deliver_until(TimePoint(15ms));
  const auto packets = pair.b->receive(8);
  ASSERT_EQ(packets.size(), 1u);
  EXPECT_EQ(packets[0].arrival, TimePoint(10ms));
  EXPECT_EQ(packets[0].peer, kA);
  EXPECT_EQ(packets[0].socket, pair.to);
  EXPECT_EQ(pair.network.next(), TimePoint::max());
}

TEST(SimNetwork, JitterKeepsTheOrderOfAFlow) {
  Pair pair({.delay = 10ms, .jitter = 50ms});
  pair.send(0, 200);
  pair.network.deliver_until(TimePoint(1s));
  const auto numbers = pair.arrived();
  ASSERT_EQ(numbers.size(), 200u);
  EXPECT_TRUE(std::ranges::is_sorted(numbers));
}

TEST(SimNetwork, ReorderedPacketsAreOvertaken) {
  Pair pair({.reorder_rate = 0.2});
  pair.send(0, 500);
  pair.network.deliver_until(TimePoint(1s));
  const auto numbers = pair.arrived();
  EXPECT_EQ(numbers.size(), 500u);
  EXPECT_FALSE(std::ranges::is_sorted(numbers));
  EXPECT_NEAR(static_cast<double>(pair.network.counters().reordered), 100, 50);
}

TEST(SimNetwork, LosesAndDoublesTheShareItIsTold) {
  Pair pair({.loss_rate = 0.1, .duplicate_rate = 0.05});
  pair.send(0, 10'000);
  pair.network.deliver_until(TimePoint(1s));
  const auto& counters = pair.network.counters();
  EXPECT_NEAR(static_cast<double>(counters.lost), 1000, 150);
  EXPECT_NEAR(static_cast<double>(counters.duplicated), 450, 100);
  EXPECT_EQ(counters.delivered, counters.sent - counters.lost + counters.duplicated);
  EXPECT_EQ(pair.arrived().size(), counters.delivered);
}

TEST(SimNetwork, SameSeedSameDay) {
  const SimFaults faults{.delay = 5ms, .jitter = 20ms, .loss_rate = 0.1, .duplicate_rate = 0.1, .reorder_rate = 0.1};
  const auto day = [&](std::uint64_t seed) {
    Pair pair(faults, seed);
    pair.send(0, 1000);
    pair.network.deliver_until(TimePoint(1s));
    return pair.arrived();
  };
  EXPECT_EQ(day(3), day(3));
  EXPECT_NE(day(3), day(4));
}

TEST(SimNetwork, FullInboxDropsAndCounts) {
  Pair pair({}, 7, 10);
  pair.send(0, 25);
  pair.network.deliver_until(TimePoint(1s));
  EXPECT_EQ(pair.arrived().size(), 10u);
  EXPECT_EQ(pair.b->counters().receive_full, 15u);
}

TEST(SimNetwork, SilencedPeerIsHeardAgainAfterwards) {
  Pair pair;
  pair.network.silence(kB, true);
  pair.send(0, 1);
  pair.network.silence(kB, false);
  pair.send(1, 1);
  pair.network.deliver_until(TimePoint(1s));
  EXPECT_THAT(pair.arrived(), testing::ElementsAre(1));
}

TEST(SimNetwork, NobodyThereIsCounted) {
  Pair pair;
  pair.b->close(pair.to);
  pair.send(0, 3);
  pair.network.deliver_until(TimePoint(1s));
  EXPECT_EQ(pair.network.counters().nobody, 3u);
}

// A packet in flight to a socket that was closed and whose slot was taken again reaches neither.
TEST(SimNetwork, ClosedSocketsPacketsDoNotReachTheNextOwner) {
  Pair pair;
  pair.send(0, 1);
  pair.network.deliver_until(TimePoint(1s));  // in the inbox, not yet received
  pair.b->close(pair.to);
  EXPECT_EQ(pair.b->open(Endpoint::v4(10, 0, 0, 2, 9), false), pair.to);
  EXPECT_THAT(pair.arrived(), testing::IsEmpty());
}

TEST(SimNetwork, AddressesAreTakenOnceUnlessShared) {
  SimNetwork network(1);
  const auto a = network.make_port(), b = network.make_port();
  ASSERT_TRUE(a->open(kA, true));
  EXPECT_EQ(b->open(kA, false).error(), IoError::kAddressInUse);
  EXPECT_TRUE(b->open(kA, true));
  const auto chosen = a->open(Endpoint::v4(10, 0, 0, 1, 0), false);
  ASSERT_TRUE(chosen);
  EXPECT_NE(a->local(*chosen).port, 0);
}

TEST(SimNetwork, SharedAddressSteersASourceAlwaysToTheSame) {
  SimNetwork network(1);
  const auto a = network.make_port(), b = network.make_port(), sender = network.make_port();
  ASSERT_TRUE(a->open(kB, true) && b->open(kB, true));
  for (std::uint16_t i = 0; i < 40; ++i) {
    const auto socket = *sender->open(Endpoint::v4(10, 0, 0, 9, static_cast<std::uint16_t>(1000 + i)), false);
    for (int twice = 0; twice < 2; ++twice) {
      const Outgoing out{.socket = socket, .peer = kB, .head = bytes_of("x"), .body = {}};
      sender->transmit(std::span(&out, 1));
    }
  }
  network.deliver_until(TimePoint(1s));
  const auto to_a = a->receive(100).size(), to_b = b->receive(100).size();
  EXPECT_EQ(to_a + to_b, 80u);
  EXPECT_EQ(to_a % 2, 0u);
  EXPECT_GT(to_a, 0u);
  EXPECT_GT(to_b, 0u);
}

TEST(SimNetwork, UnspecifiedAddressTakesWhatNoExactOneTakes) {
  SimNetwork network(1);
  const auto any = network.make_port(), sender = network.make_port();
  ASSERT_TRUE(any->open(Endpoint::v4(0, 0, 0, 0, 5060), false));
  const auto socket = *sender->open(kA, false);
  const Outgoing out{.socket = socket, .peer = kB, .head = bytes_of("x"), .body = bytes_of("y")};
  sender->transmit(std::span(&out, 1));
  network.deliver_until(TimePoint(1s));
  const auto packets = any->receive(8);
  ASSERT_EQ(packets.size(), 1u);
  EXPECT_EQ(text_of(packets[0].data), "xy");
}

}  // namespace
}  // namespace carillon::io
