// Both kernel back ends over loopback through one suite. Waiting here is the subject: what is awaited is a packet that
// is already in the kernel, a wake or a time a few milliseconds away.

#include "engine/io/port.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <thread>

#include "engine/io/make_port.h"

namespace carillon::io {
namespace {

const Endpoint kLoopback = Endpoint::v4(127, 0, 0, 1, 0);

struct Packet {
  std::string data;
  Endpoint peer;
  SocketId socket;
};

class PortTest : public testing::TestWithParam<BackEnd> {
 protected:
  std::unique_ptr<Port> make(PortConfig config = {}) {
    config.back_end = GetParam();
    auto made = make_port(config);
    if (!made) {
      EXPECT_EQ(GetParam(), BackEnd::kUring) << text(made.error());
      return nullptr;
    }
    return std::move(made->port);
  }
  void SetUp() override {
    port_ = make();
    if (!port_) GTEST_SKIP() << "io_uring is refused on this machine";
  }

  static SocketId open(Port& port, const Endpoint& local = kLoopback) {
    const auto socket = port.open(local, false);
    EXPECT_TRUE(socket) << text(socket.error());
    return socket.value_or(SocketId{});
  }
  static void send(Port& port, SocketId from, const Endpoint& to, std::string_view head, std::string_view body = {}) {
    const Outgoing out{.socket = from, .peer = to, .head = bytes_of(head), .body = bytes_of(body)};
    port.transmit(std::span(&out, 1));
  }
  // Takes in until there are so many, or nothing comes for two seconds.
  static std::vector<Packet> collect(Port& port, std::size_t count, int most = 64) {
    std::vector<Packet> packets;
    while (packets.size() < count) {
      const auto before = packets.size();
      port.wait(MonoClock::now() + 2s);
      for (;;) {
        const auto batch = port.receive(most);
        EXPECT_LE(batch.size(), static_cast<std::size_t>(most));
        for (const Received& in : batch) packets.push_back({std::string(text_of(in.data)), in.peer, in.socket});
        if (batch.empty()) break;
      }
      if (packets.size() == before) break;
    }
    return packets;
  }

  std::unique_ptr<Port> port_;
};

TEST_P(PortTest, SendsHeadThenBodyAndTellsWhoSent) {
  const auto a = open(*port_), b = open(*port_);
  send(*port_, a, port_->local(b), "head", "body");
  const auto packets = collect(*port_, 1);
  ASSERT_EQ(packets.size(), 1u);
  EXPECT_EQ(packets[0].data, "headbody");
  EXPECT_EQ(packets[0].peer, port_->local(a));
  EXPECT_EQ(packets[0].socket, b);
  EXPECT_EQ(port_->counters().packets_out, 1u);
  EXPECT_EQ(port_->counters().bytes_out, 8u);
  EXPECT_EQ(port_->counters().packets_in, 1u);
  EXPECT_EQ(port_->counters().bytes_in, 8u);
}

TEST_P(PortTest, EmptyDatagramIsAPacket) {
  const auto a = open(*port_), b = open(*port_);
  send(*port_, a, port_->local(b), "");
  send(*port_, a, port_->local(b), "x");
  EXPECT_EQ(collect(*port_, 2).size(), 2u);
}

TEST_P(PortTest, PortZeroIsChosenByTheKernel) {
  const auto a = open(*port_), b = open(*port_);
  EXPECT_NE(port_->local(a).port, 0);
  EXPECT_NE(port_->local(a).port, port_->local(b).port);
  EXPECT_TRUE(port_->local(a).same_address(kLoopback));
}

TEST_P(PortTest, TakenAddressIsSaid) {
  const auto a = open(*port_);
  EXPECT_EQ(port_->open(port_->local(a), false).error(), IoError::kAddressInUse);
  EXPECT_EQ(port_->open(port_->local(a), true).error(), IoError::kAddressInUse);
  EXPECT_EQ(port_->open(Endpoint::v4(192, 0, 2, 1, 0), false).error(), IoError::kNoSuchAddress);
}

TEST_P(PortTest, BurstComesInWholeAndInOrder) {
  const auto a = open(*port_), b = open(*port_);
  const auto to = port_->local(b);
  std::vector<std::string> texts;
  for (int i = 0; i < 600; ++i) texts.push_back(std::to_string(i));
  std::vector<Outgoing> batch;
  for (const auto& text : texts) batch.push_back({.socket = a, .peer = to, .head = bytes_of(text), .body = {}});
  // The socket's own buffer holds a few hundred small packets even where its size may not be raised.
  std::vector<Packet> packets;
  for (std::size_t at = 0; at < batch.size(); at += 150) {
    port_->transmit(std::span(batch).subspan(at, 150));
    for (auto& packet : collect(*port_, 150, 7)) packets.push_back(std::move(packet));
  }
  ASSERT_EQ(packets.size(), texts.size());
  for (std::size_t i = 0; i < texts.size(); ++i) EXPECT_EQ(packets[i].data, texts[i]);
}

TEST_P(PortTest, TwoPortsEcho) {
  const auto other = make();
  const auto a = open(*port_), b = open(*other);
  for (int round = 0; round < 20; ++round) {
    for (int i = 0; i < 50; ++i) send(*port_, a, other->local(b), "ping", std::to_string(i));
    const auto pings = collect(*other, 50);
    ASSERT_EQ(pings.size(), 50u);
    for (const auto& ping : pings) send(*other, b, ping.peer, ping.data);
    ASSERT_EQ(collect(*port_, 50).size(), 50u);
  }
}

TEST_P(PortTest, ThousandsOfSocketsEachGetTheirOwn) {
  constexpr std::size_t kSockets = 4000;
  const auto sender = make();
  const auto from = open(*sender);
  std::map<std::uint16_t, SocketId> by_port;
  for (std::size_t i = 0; i < kSockets; ++i) {
    const auto socket = open(*port_);
    by_port[port_->local(socket).port] = socket;
  }
  ASSERT_EQ(by_port.size(), kSockets);
  std::size_t seen = 0;
  std::vector<std::pair<std::string, Endpoint>> texts;
  for (const auto& [port, socket] : by_port) texts.emplace_back(std::to_string(port), port_->local(socket));
  for (std::size_t at = 0; at < kSockets; at += 500) {
    std::vector<Outgoing> batch;
    for (std::size_t i = at; i < at + 500; ++i)
      batch.push_back({.socket = from, .peer = texts[i].second, .head = bytes_of(texts[i].first), .body = {}});
    sender->transmit(batch);
    for (const auto& packet : collect(*port_, 500)) {
      EXPECT_EQ(by_port.at(static_cast<std::uint16_t>(std::stoi(packet.data))), packet.socket);
      ++seen;
    }
  }
  EXPECT_EQ(seen, kSockets);
  for (const auto& [port, socket] : by_port) port_->close(socket);
  for (std::size_t i = 0; i < kSockets; ++i) open(*port_);
}

TEST_P(PortTest, FullTableIsSaidAndASlotComesBack) {
  auto small = make({.sockets_max = 2});
  const auto a = open(*small);
  open(*small);
  EXPECT_EQ(small->open(kLoopback, false).error(), IoError::kFull);
  small->close(a);
  EXPECT_TRUE(small->open(kLoopback, false));
}

// A socket is closed with packets in flight; its slot and its port are taken again at once and see none of them.
TEST_P(PortTest, ClosedSocketIsSilentAndItsPortFreeAtOnce) {
  const auto sender = make();
  const auto from = open(*sender);
  auto socket = open(*port_);
  const auto address = port_->local(socket);
  collect(*port_, 0);
  for (int round = 0; round < 200; ++round) {
    for (int i = 0; i < 3; ++i) send(*sender, from, address, "old");
    if (round % 2) port_->receive(1);  // some are already on their way up
    port_->close(socket);
    EXPECT_EQ(port_->local(socket), Endpoint{});
    const auto again = port_->open(address, false);
    ASSERT_TRUE(again) << text(again.error());
    EXPECT_EQ(*again, socket);
    send(*sender, from, address, "new");
    const auto packets = collect(*port_, 1);
    ASSERT_EQ(packets.size(), 1u);
    EXPECT_EQ(packets[0].data, "new");
    socket = *again;
  }
}

TEST_P(PortTest, ClosedSocketsSendsAreRefusedNotMisdirected) {
  const auto a = open(*port_), b = open(*port_);
  const auto to = port_->local(b);
  port_->close(a);
  port_->close(a);  // twice is nothing
  send(*port_, a, to, "x");
  EXPECT_EQ(port_->counters().send_refused, 1u);
  EXPECT_EQ(port_->counters().packets_out, 0u);
}

TEST_P(PortTest, SharedPortIsHeldByTwo) {
  const auto other = make();
  const auto mine = port_->open(kLoopback, true);
  ASSERT_TRUE(mine);
  const auto address = port_->local(*mine);
  const auto theirs = other->open(address, true);
  ASSERT_TRUE(theirs) << text(theirs.error());
  const auto sender = make();
  for (int i = 0; i < 64; ++i) send(*sender, open(*sender), address, "x");
  std::size_t mine_count = 0, theirs_count = 0;
  while (mine_count + theirs_count < 64) {
    const auto before = mine_count + theirs_count;
    port_->wait(MonoClock::now() + 20ms);
    mine_count += port_->receive(64).size();
    other->wait(MonoClock::now() + 20ms);
    theirs_count += other->receive(64).size();
    if (mine_count + theirs_count == before) break;
  }
  EXPECT_EQ(mine_count + theirs_count, 64u);
  EXPECT_GT(mine_count, 0u);  // 64 sources by a hash: one side empty has a chance of 2^-63
  EXPECT_GT(theirs_count, 0u);
}

TEST_P(PortTest, SpeaksIpv6) {
  const auto local = *Endpoint::parse("::1", 0);
  const auto a = port_->open(local, false);
  if (!a) GTEST_SKIP() << "no IPv6 on this machine";
  const auto b = open(*port_, local);
  send(*port_, *a, port_->local(b), "six");
  const auto packets = collect(*port_, 1);
  ASSERT_EQ(packets.size(), 1u);
  EXPECT_EQ(packets[0].data, "six");
  EXPECT_EQ(packets[0].peer, port_->local(*a));
}

TEST_P(PortTest, DatagramLongerThanABufferIsDroppedAndCounted) {
  auto small = make({.receive_bytes = 512});
  const auto a = open(*small), b = open(*small);
  send(*small, a, small->local(b), std::string(513, 'l'));
  send(*small, a, small->local(b), std::string(512, 'f'));
  const auto packets = collect(*small, 1);
  ASSERT_EQ(packets.size(), 1u);
  EXPECT_EQ(packets[0].data, std::string(512, 'f'));
  EXPECT_EQ(small->counters().truncated, 1u);
}

// Nobody listens there: ICMP port unreachable comes back. Both directions go on working.
TEST_P(PortTest, UnreachablePeerHarmsNobody) {
  const auto gone = open(*port_);
  const auto nowhere = port_->local(gone);
  port_->close(gone);
  const auto a = open(*port_), b = open(*port_);
  for (int i = 0; i < 20; ++i) {
    send(*port_, a, nowhere, "lost");
    port_->receive(8);
    send(*port_, a, port_->local(b), "there");
    ASSERT_EQ(collect(*port_, 1).size(), 1u);
    send(*port_, b, port_->local(a), "back");
    ASSERT_EQ(collect(*port_, 1).size(), 1u);
  }
}

TEST_P(PortTest, RefusedSendIsCountedAndTheRestOfTheBatchLeaves) {
  const auto a = open(*port_), b = open(*port_);
  const std::string huge(70'000, 'h');  // no UDP packet is that long
  const auto to = port_->local(b);
  const std::vector<Outgoing> batch = {{.socket = a, .peer = to, .head = bytes_of("1"), .body = {}},
                                       {.socket = a, .peer = to, .head = bytes_of(huge), .body = {}},
                                       {.socket = a, .peer = to, .head = bytes_of("2"), .body = {}}};
  port_->transmit(batch);
  const auto packets = collect(*port_, 2);
  ASSERT_EQ(packets.size(), 2u);
  EXPECT_EQ(packets[1].data, "2");
  EXPECT_EQ(port_->counters().send_refused, 1u);
  EXPECT_EQ(port_->counters().packets_out, 2u);
  EXPECT_EQ(port_->counters().bytes_out, 2u);
}

// More packets than there are buffers: what fits in the kernel's socket buffer comes later, and receiving goes on.
TEST_P(PortTest, MorePacketsThanBuffersAreHeldBack) {
  auto small = make({.receive_buffers = 16, .batch = 4});
  const auto sender = make();
  const auto from = open(*sender);
  const auto socket = open(*small);
  small->receive(0);
  for (int round = 0; round < 5; ++round) {
    for (int i = 0; i < 100; ++i) send(*sender, from, small->local(socket), std::to_string(i));
    const auto packets = collect(*small, 100, 4);
    ASSERT_EQ(packets.size(), 100u);
    for (int i = 0; i < 100; ++i) EXPECT_EQ(packets[static_cast<std::size_t>(i)].data, std::to_string(i));
  }
  const bool has_ring = GetParam() == BackEnd::kUring;
  EXPECT_EQ(small->counters().receive_full > 0, has_ring);  // mmsg leaves everything in the kernel until it has room
}

// After a stall every socket has packets waiting, far more than there are buffers for.
TEST_P(PortTest, AllSocketsRunDryAtOnce) {
  constexpr int kSockets = 400, kEach = 10;
  auto stalled = make({.receive_buffers = 64, .batch = 16});
  const auto sender = make();
  const auto from = open(*sender);
  std::vector<SocketId> sockets;
  for (int i = 0; i < kSockets; ++i) sockets.push_back(open(*stalled));
  for (int round = 0; round < 3; ++round) {
    stalled->receive(0);  // all listen
    for (int i = 0; i < kEach; ++i)
      for (const auto socket : sockets) send(*sender, from, stalled->local(socket), std::to_string(i));
    EXPECT_EQ(collect(*stalled, kSockets * kEach, 16).size(), std::size_t{kSockets * kEach});
  }
}

// ---- a socket that expects one peer

// A socket on a port of its own, as only those can be connected.
SocketId open_named(Port& port, bool shared = false) {
  for (;;) {
    const auto chosen = port.open(kLoopback, false);
    const auto address = port.local(*chosen);
    port.close(*chosen);
    if (const auto named = port.open(address, shared)) return *named;
  }
}

TEST_P(PortTest, ExpectedPeerIsHeardAndAnswered) {
  const auto a = open_named(*port_), b = open_named(*port_);
  port_->expect(a, port_->local(b));
  port_->expect(b, port_->local(a));
  const std::string longer(700, 'l');
  for (const std::string_view text : {std::string_view("short"), std::string_view(longer), std::string_view()}) {
    send(*port_, a, port_->local(b), text);
    send(*port_, b, port_->local(a), text.substr(0, 3), text.substr(std::min<std::size_t>(3, text.size())));
    const auto packets = collect(*port_, 2);
    ASSERT_EQ(packets.size(), 2u);
    for (const auto& packet : packets) {
      EXPECT_EQ(packet.data, text);
      EXPECT_EQ(packet.peer, port_->local(packet.socket == a ? b : a));
    }
  }
  EXPECT_EQ(port_->counters().send_refused, 0u);
}

TEST_P(PortTest, StrangersAreNotHeardUntilTheHintIsTakenBack) {
  const auto a = open_named(*port_), b = open_named(*port_), stranger = open_named(*port_);
  port_->receive(0);
  port_->expect(a, port_->local(b));
  send(*port_, stranger, port_->local(a), "stranger");
  send(*port_, b, port_->local(a), "peer");
  auto packets = collect(*port_, 1);
  ASSERT_EQ(packets.size(), 1u);
  EXPECT_EQ(packets[0].data, "peer");

  const auto address = port_->local(a);
  port_->expect_any(a);
  port_->expect_any(a);  // twice is nothing
  send(*port_, stranger, address, "stranger");
  packets = collect(*port_, 1);
  ASSERT_EQ(packets.size(), 1u);  // address and port have stayed
  EXPECT_EQ(packets[0].data, "stranger");
  send(*port_, a, port_->local(stranger), "answer");
  packets = collect(*port_, 1);
  ASSERT_EQ(packets.size(), 1u);
  EXPECT_EQ(packets[0].peer, address);
}

TEST_P(PortTest, PacketsForOthersLeaveFromASocketThatExpectsAPeer) {
  const auto a = open_named(*port_), b = open_named(*port_), other = open(*port_);
  port_->expect(a, port_->local(b));
  send(*port_, a, port_->local(other), "elsewhere");
  const auto packets = collect(*port_, 1);
  ASSERT_EQ(packets.size(), 1u);
  EXPECT_EQ(packets[0].socket, other);
  EXPECT_EQ(packets[0].peer, port_->local(a));
}

TEST_P(PortTest, ExpectedPeerMayChange) {
  const auto a = open_named(*port_);
  for (int i = 0; i < 5; ++i) {
    const auto peer = open_named(*port_);
    port_->expect(a, port_->local(peer));
    send(*port_, a, port_->local(peer), "to");
    ASSERT_EQ(collect(*port_, 1).size(), 1u);
    send(*port_, peer, port_->local(a), "back");
    ASSERT_EQ(collect(*port_, 1).size(), 1u);
  }
}

// Port unreachable comes back to a connected socket as an error of its own, on whatever it does next.
TEST_P(PortTest, ExpectedPeerThatGoesAndComesBack) {
  const auto a = open_named(*port_);
  auto peer = open_named(*port_);
  const auto address = port_->local(peer);
  port_->expect(a, address);
  for (int round = 0; round < 5; ++round) {
    port_->close(peer);
    for (int i = 0; i < 10; ++i) {
      send(*port_, a, address, "lost");
      port_->receive(8);
    }
    port_->wait(MonoClock::now() + 1ms);
    port_->receive(8);
    peer = *port_->open(address, false);
    send(*port_, a, address, "there");
    ASSERT_EQ(collect(*port_, 1).size(), 1u);
    send(*port_, peer, port_->local(a), "back");
    ASSERT_EQ(collect(*port_, 1).size(), 1u);
  }
}

// What cannot be connected goes on hearing everybody: a chosen port would be lost on the way back, and a shared one
// or one on all addresses has many peers.
TEST_P(PortTest, HintThatCannotBeTakenIsIgnored) {
  const auto stranger = open(*port_), named = open_named(*port_);
  port_->expect(SocketId{4000}, port_->local(stranger));  // not open
  const auto heard = [&](SocketId socket, const Endpoint& expected) {
    port_->expect(socket, expected);
    const auto address = port_->local(socket);
    send(*port_, stranger, Endpoint::v4(127, 0, 0, 1, address.port), "x");
    const bool is_heard = collect(*port_, 1).size() == 1;
    port_->expect_any(socket);
    return is_heard && port_->local(socket) == address;
  };
  const auto peer = Endpoint::v4(127, 0, 0, 1, 9);
  EXPECT_TRUE(heard(open(*port_), peer));
  EXPECT_TRUE(heard(open(*port_, Endpoint::v4(0, 0, 0, 0, 0)), peer));
  EXPECT_TRUE(heard(open_named(*port_, true), peer));
  EXPECT_TRUE(heard(named, Endpoint::v4(127, 0, 0, 1, 0)));
  EXPECT_TRUE(heard(named, *Endpoint::parse("::1", 9)));
  EXPECT_TRUE(heard(named, Endpoint::v4(0, 0, 0, 0, 9)));
}

// A slot that is used again has forgotten what the socket before it expected.
TEST_P(PortTest, ClosedSocketsHintEndsWithIt) {
  const auto sender = open(*port_);
  auto a = open_named(*port_);
  const auto address = port_->local(a);
  port_->expect(a, Endpoint::v4(127, 0, 0, 1, 9));
  port_->close(a);
  a = *port_->open(address, false);
  send(*port_, sender, address, "x");
  EXPECT_EQ(collect(*port_, 1).size(), 1u);
  send(*port_, a, port_->local(sender), "y");
  EXPECT_EQ(collect(*port_, 1).size(), 1u);
}

// ---- waiting

TEST_P(PortTest, WaitHonoursUntil) {
  open(*port_);
  for (const auto gap : {1ms, 5ms}) {
    const auto start = MonoClock::now();
    port_->wait(start + gap);
    EXPECT_GE(MonoClock::now(), start + gap);
  }
  const auto start = MonoClock::now();
  port_->wait(start - 1s);  // long past: at once
  EXPECT_LT(MonoClock::now(), start + 1s);
}

TEST_P(PortTest, WaitEndsWhenAPacketIsThere) {
  const auto a = open(*port_), b = open(*port_);
  port_->receive(1);
  send(*port_, a, port_->local(b), "x");
  const auto start = MonoClock::now();
  port_->wait(start + 60s);
  EXPECT_LT(MonoClock::now(), start + 30s);
  EXPECT_EQ(port_->receive(8).size(), 1u);
}

// The rule is Gathering's; here: under load a wait for a slot near by lasts until then, with all that came meanwhile.
// Most of them: where the machine pauses us, the rate is low for a window.
TEST_P(PortTest, PacketsGatherWhileManyCome) {
  const auto other = make();
  const auto a = open(*other), b = open(*port_);
  port_->receive(0);
  std::size_t got = 0, lasted = 0;
  constexpr std::size_t kRounds = 60, kPackets = 40;
  for (std::size_t round = 0; round < kRounds; ++round) {
    for (std::size_t i = 0; i < kPackets; ++i) send(*other, a, port_->local(b), "x");
    const auto slot = MonoClock::now() + 300us;
    port_->wait(slot);
    lasted += MonoClock::now() >= slot;
    for (std::size_t in = 1; in != 0; got += in) in = port_->receive(64).size();
  }
  EXPECT_EQ(got, kRounds * kPackets);
  EXPECT_GE(lasted, kRounds / 3);
}

TEST_P(PortTest, WakeEndsThePresentWait) {
  std::thread waker;
  const auto start = MonoClock::now();
  for (int i = 0; i < 50; ++i) {
    waker = std::thread([this] { port_->wake(); });
    port_->wait(start + 60s);
    waker.join();
    port_->receive(8);
  }
  EXPECT_LT(MonoClock::now(), start + 30s);
}

TEST_P(PortTest, WakeEndsTheNextWaitAndNotTheOneAfter) {
  const auto start = MonoClock::now();
  port_->wake();
  port_->wake();
  port_->wait(start + 60s);
  EXPECT_LT(MonoClock::now(), start + 30s);
  const auto again = MonoClock::now();
  port_->wait(again + 3ms);
  EXPECT_GE(MonoClock::now(), again + 3ms);
}

// The shard's thread takes the port over from the thread that made it and opened the first sockets.
TEST_P(PortTest, MadeOnOneThreadUsedOnAnother) {
  const auto a = open(*port_), b = open(*port_);
  std::thread shard([&] {
    send(*port_, a, port_->local(b), "x");
    EXPECT_EQ(collect(*port_, 1).size(), 1u);
    const auto c = open(*port_);
    send(*port_, a, port_->local(c), "y");
    EXPECT_EQ(collect(*port_, 1).size(), 1u);
  });
  shard.join();
}

TEST_P(PortTest, PortsAreFreeWhenItIsGone) {
  std::vector<Endpoint> addresses;
  for (int i = 0; i < 50; ++i) addresses.push_back(port_->local(open(*port_)));
  port_->receive(8);
  port_.reset();
  port_ = make();
  for (const auto& address : addresses) EXPECT_TRUE(port_->open(address, false));
}

INSTANTIATE_TEST_SUITE_P(Kernel, PortTest, testing::Values(BackEnd::kUring, BackEnd::kMmsg),
                         [](const auto& info) { return info.param == BackEnd::kUring ? "Uring" : "Mmsg"; });

TEST(MakePort, AutomaticTakesUringOrSaysWhyNot) {
  const auto made = make_port({});
  ASSERT_TRUE(made);
  if (std::string_view(made->port->name()) == "uring")
    EXPECT_EQ(made->why_not_uring, "");
  else
    EXPECT_NE(made->why_not_uring, "");
}

TEST(PortConfig, NamesTheFirstFault) {
  EXPECT_EQ(PortConfig{}.fault(), "");
  EXPECT_THAT(PortConfig{.receive_buffers = 1000}.fault(), testing::StartsWith("receive_buffers:"));
  EXPECT_THAT((PortConfig{.receive_buffers = 64, .batch = 64}.fault()), testing::StartsWith("batch:"));
  EXPECT_THAT(PortConfig{.sockets_max = 0}.fault(), testing::StartsWith("sockets_max:"));
  EXPECT_THAT(PortConfig{.receive_bytes = 100}.fault(), testing::StartsWith("receive_bytes:"));
}

}  // namespace
}  // namespace carillon::io
