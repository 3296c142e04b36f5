// Stacks with each other: over a wire in memory, over a gateway, several shards over one device, beside a kernel.

#include "tests/engine/net/allocations.h"
#include "tests/engine/net/fixture.h"

namespace carillon::net {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

/// One host: a stack on a device of its own.
struct Host {
  Host(int number, std::vector<LocalAddress> addresses, TimePoint& now, std::optional<std::uint16_t> vlan = {})
      : port(pool, mac_address(number)) {
    config.addresses = std::move(addresses);
    config.vlan = vlan;
    config.sockets_max = 64;
    config.neighbours_max = 16;
    clock = {[](void* context) { return *static_cast<TimePoint*>(context); }, &now};
  }
  void start() { stack = std::make_unique<Stack>(config, StackParts{port, clock, nullptr, nullptr}); }
  std::vector<Got> receive() {
    std::vector<Got> got;
    for (const io::Received& packet : stack->receive(256)) {
      const auto* data = reinterpret_cast<const std::uint8_t*>(packet.data.data());
      got.push_back({Bytes(data, data + packet.data.size()), packet.peer, packet.socket, packet.arrival});
    }
    return got;
  }
  void send(io::SocketId socket, const Endpoint& to, const Bytes& data) {
    const io::Outgoing out{socket, to, std::as_bytes(std::span(data)), {}};
    stack->transmit(std::span(&out, 1));
  }
  FramePool pool{128};
  MemoryPort port;
  StackConfig config;
  Clock clock;
  std::unique_ptr<Stack> stack;
};

class PairTest : public testing::TestWithParam<bool> {
 protected:
  /// All that was sent arrives at all others on the wire, until silence.
  std::vector<std::pair<Host*, Got>> settle(std::vector<Host*> hosts) {
    std::vector<std::pair<Host*, Got>> got;
    for (bool busy = true; busy;) {
      busy = false;
      for (Host* from : hosts)
        for (const Bytes& frame : from->port.take_sent()) {
          busy = true;
          for (Host* to : hosts)
            if (to != from) to->port.arrive(frame);
        }
      for (Host* host : hosts)
        for (Got& one : host->receive()) got.push_back({host, std::move(one)});
    }
    return got;
  }
  Bytes ip(int low, int net = 0) const { return GetParam() ? ip6(low, net) : ip4(10, 0, net, low); }
  std::vector<LocalAddress> only(int low, int net = 0) const {
    return {{endpoint(ip(low, net), 0), static_cast<std::uint8_t>(GetParam() ? 64 : 24)}};
  }
  TimePoint now_{1h};
};

INSTANTIATE_TEST_SUITE_P(Families, PairTest, testing::Bool(),
                         [](const auto& info) { return info.param ? "Ipv6" : "Ipv4"; });

TEST_P(PairTest, TwoStacksTalkShortAndLong) {
  Host a(1, only(1), now_, 7), b(2, only(2), now_, 7);
  a.start();
  b.start();
  const auto from = *a.stack->open(endpoint(ip(1), 5060), true), to = *b.stack->open(endpoint(ip(2), 5060), true);
  (void)from;
  a.send(from, endpoint(ip(2), 5060), text("INVITE"));
  auto got = settle({&a, &b});
  ASSERT_THAT(got, SizeIs(1));
  EXPECT_EQ(got[0].first, &b);
  EXPECT_EQ(got[0].second.data, text("INVITE"));
  EXPECT_EQ(got[0].second.peer, endpoint(ip(1), 5060));
  const Bytes answer = repeat(5000, 0x55);
  b.send(to, got[0].second.peer, answer);
  got = settle({&a, &b});
  ASSERT_THAT(got, SizeIs(1));
  EXPECT_EQ(got[0].second.data, answer);
  now_ += 10s;
  settle({&a, &b});
  EXPECT_EQ(a.pool.out() + b.pool.out(), 0u);
}

// The gateway forwards by hand: another MAC address, the same packet.
TEST_P(PairTest, TwoStacksTalkByWayOfAGateway) {
  Host a(1, only(1), now_), b(2, only(2, 1), now_), left(0xFE, only(0xFE), now_), right(0xFD, only(0xFE, 1), now_);
  (GetParam() ? a.config.gateway_v6 : a.config.gateway_v4) = endpoint(ip(0xFE), 0);
  (GetParam() ? b.config.gateway_v6 : b.config.gateway_v4) = endpoint(ip(0xFE, 1), 0);
  for (Host* host : {&a, &b, &left, &right}) host->start();
  const auto from = *a.stack->open(endpoint(ip(1), 4000), false);
  (void)*b.stack->open(endpoint(ip(2, 1), 4000), false);
  a.send(from, endpoint(ip(2, 1), 4000), text("by the router"));
  std::vector<Bytes> forwarded;
  for (int round = 0; round < 4; ++round) {
    for (const Bytes& frame : a.port.take_sent()) {
      const bool is_data = frame.size() > 60 && std::equal(frame.begin(), frame.begin() + 6, mac(0xFE).begin()) &&
                           frame[GetParam() ? 20 : 23] == 17;
      if (is_data)
        forwarded.push_back(mac(2) + mac(0xFD) + Bytes(frame.begin() + 12, frame.end()));
      else
        left.port.arrive(frame);
    }
    left.receive();
    for (const Bytes& frame : left.port.take_sent()) a.port.arrive(frame);
    a.receive();
  }
  if (forwarded.empty()) {  // a short IPv4 frame is padded to 60
    a.send(from, endpoint(ip(2, 1), 4000), text("by the router"));
    for (const Bytes& frame : a.port.take_sent())
      forwarded.push_back(mac(2) + mac(0xFD) + Bytes(frame.begin() + 12, frame.end()));
  }
  ASSERT_THAT(forwarded, SizeIs(1));
  b.port.arrive(forwarded[0]);
  const auto got = b.receive();
  ASSERT_THAT(got, SizeIs(1));
  EXPECT_EQ(got[0].peer, endpoint(ip(1), 4000));
  EXPECT_EQ(got[0].data, text("by the router"));
}

// ---- several shards over one device

class ShardsTest : public StackTest {
 protected:
  ShardsTest() : other_port_(pool_, mac_address(1)), rings_(2) {
    config_.shards = 2;
    config_.port_block_first = 20000;
    config_.port_block_bits = 8;
    rings_.set_port(0, &port_);
    rings_.set_port(1, &other_port_);
    stack_ = std::make_unique<Stack>(config_, StackParts{port_, clock(), &rings_.end(0), nullptr});
    StackConfig second = config_;
    second.shard = 1;
    other_ = std::make_unique<Stack>(second, StackParts{other_port_, clock(), &rings_.end(1), nullptr});
    settled();
    other_->receive(256);
    other_port_.take_sent();
  }
  ~ShardsTest() override { other_.reset(); }

  MemoryPort other_port_;
  ExchangeRings rings_;
  std::unique_ptr<Stack> other_;
};

TEST_F(ShardsTest, APacketReachesTheShardWhoseBlockHoldsItsPort) {
  EXPECT_EQ(stack().open(endpoint(kOur4, 20256), false).error(), io::IoError::kAddressInUse);
  const auto socket = *other_->open(endpoint(kOur4, 20256), false);
  const auto block = *other_->open(endpoint(kOur4, 0), false);
  EXPECT_EQ((other_->local(block).port - 20000) >> 8, 1);
  const int wakes = other_port_.wakes;
  EXPECT_THAT(arrive(udp_frame(kPeer4, kOur4, 4000, 20256, text("yours"))), IsEmpty());
  EXPECT_EQ(other_port_.wakes, wakes + 1);
  const auto got = other_->receive(256);
  ASSERT_THAT(got, SizeIs(1));
  EXPECT_EQ(got[0].socket, socket);
  EXPECT_EQ(text_of(got[0].data), "yours");
  EXPECT_EQ(counters().passed_on, 1u);
  EXPECT_EQ(other_->net_counters().passed_in, 1u);
}

TEST_F(ShardsTest, APortThatItsOwnerHasNotOpenIsRefusedOnceAndNotPassedBack) {
  EXPECT_THAT(arrive(udp_frame(kPeer4, kOur4, 4000, 20300, text("nobody"))), IsEmpty());
  EXPECT_THAT(other_->receive(256), IsEmpty());
  EXPECT_EQ(other_->net_counters().no_socket, 1u);
  EXPECT_THAT(other_port_.take_sent(), SizeIs(1));  // port unreachable
  EXPECT_THAT(receive(), IsEmpty());
  EXPECT_EQ(counters().passed_in, 0u);
}

TEST_F(ShardsTest, WhoeverGetsSipTakesIt) {
  open(kOur4, 5060, true);
  ASSERT_TRUE(other_->open(endpoint(kOur4, 5060), true).has_value());
  EXPECT_THAT(arrive(udp_frame(kPeer4, kOur4, 5060, 5060, text("INVITE"))), SizeIs(1));
  other_port_.arrive(udp_frame(kPeer4, kOur4, 5060, 5060, text("BYE")));
  EXPECT_THAT(other_->receive(256), SizeIs(1));
}

TEST_F(ShardsTest, AnAnswerThatTheOtherShardGetsServesBoth) {
  const auto socket = open(kOur4, 20000);
  send(socket, endpoint(kPeer4, 1), text("waits"));
  EXPECT_THAT(port_.take_sent(), SizeIs(1));
  other_port_.arrive(ethernet(kUs, kPeer, 0x0806, arp(2, kPeer, kPeer4, kUs, kOur4)));
  other_->receive(256);
  receive();
  EXPECT_EQ(stack().neighbours().state(address(kPeer4)), Neighbours::State::kReachable);
  EXPECT_THAT(port_.take_sent(), SizeIs(1));
}

TEST_F(ShardsTest, FragmentsMeetWhicheverQueueTheyCameBy) {
  open(kOur4, 5060, true);
  ASSERT_TRUE(other_->open(endpoint(kOur4, 5060), true).has_value());
  std::size_t here = 0, there = 0;
  for (std::size_t id = 0; id < 32; ++id) {
    const Bytes whole = udp(kPeer4, kOur4, 5060, 5060, repeat(2000, static_cast<std::uint8_t>(id)));
    port_.arrive(
        ethernet(kUs, kPeer, 0x0800, ipv4(kPeer4, kOur4, 17, Bytes(whole.begin(), whole.begin() + 1000), 0x2000, id)));
    other_port_.arrive(
        ethernet(kUs, kPeer, 0x0800, ipv4(kPeer4, kOur4, 17, Bytes(whole.begin() + 1000, whole.end()), 1000 / 8, id)));
    for (int round = 0; round < 2; ++round) {
      here += receive().size();
      there += other_->receive(256).size();
    }
  }
  EXPECT_EQ(here + there, 32u);
  EXPECT_GT(here, 0u);
  EXPECT_GT(there, 0u);
}

TEST_F(ShardsTest, AFullRingDropsAndCounts) {
  port_.keeps_sent = false;
  FramePool pool(2000);
  MemoryPort big(pool, mac_address(1));
  StackConfig third = config_;
  third.batch = 2000;
  ExchangeRings rings(2);
  {
    Stack stack(third, {big, clock(), &rings.end(0), nullptr});
    for (int i = 0; i < 1500; ++i) big.arrive(udp_frame(kPeer4, kOur4, 4000, 20256, text("x")));
    stack.receive(2000);
    EXPECT_EQ(stack.net_counters().passed_on, 1024u);
    EXPECT_EQ(stack.net_counters().passed_full, 476u);
  }
  EXPECT_EQ(pool.out(), 1024u);  // what is in the ring is the other shard's
}

TEST_F(ShardsTest, OnlyTheFirstAnnounces) {
  for (Stack* one : {stack_.get(), other_.get()}) {
    port_.link = other_port_.link = false;
    now_ += 1s;
    one->receive(1);
    port_.link = other_port_.link = true;
    now_ += 1s;
    one->receive(1);
  }
  EXPECT_FALSE(port_.take_sent().empty());
  EXPECT_THAT(other_port_.take_sent(), IsEmpty());
}

// ---- beside a kernel

class Tap final : public KernelPath {
 public:
  explicit Tap(MemoryPort& port) : port_(port) {}
  void to_kernel(const io::Frame& frame) override {
    const auto* data = reinterpret_cast<const std::uint8_t*>(frame.data);
    got.push_back(Bytes(data, data + frame.size));
  }
  std::size_t from_kernel(std::span<io::Frame> out) override {
    ++polls;
    std::size_t count = 0;
    for (; count < out.size() && count < says.size(); ++count) {
      CHECK(port_.allocate(out.subspan(count, 1)));
      std::memcpy(out[count].data, says[count].data(), says[count].size());
      out[count].size = static_cast<std::uint16_t>(says[count].size());
    }
    says.erase(says.begin(), says.begin() + static_cast<std::ptrdiff_t>(count));
    return count;
  }
  std::vector<Bytes> got, says;
  int polls = 0;

 private:
  MemoryPort& port_;
};

class KernelTest : public StackTest {
 protected:
  KernelTest() : tap_(port_) { kernel_ = &tap_; }
  bool reaches_kernel(const Bytes& frame) {
    tap_.got.clear();
    arrive(frame);
    return tap_.got == std::vector<Bytes>{frame};
  }
  Tap tap_;
};

TEST_F(KernelTest, GetsWhatWeDoNotSpeakAndNothingElse) {
  settled();
  open(kOur4, 20000);
  EXPECT_TRUE(reaches_kernel(ethernet(kUs, kPeer, 0x0800, ipv4(kPeer4, kOur4, 6, repeat(20)))));  // TCP
  EXPECT_TRUE(reaches_kernel(udp_frame(kPeer4, kOur4, 53, 40000, text("its DNS answer"))));
  EXPECT_TRUE(reaches_kernel(udp_frame(kPeer6, kOur6, 53, 40000, text("its DNS answer"))));
  EXPECT_TRUE(reaches_kernel(ethernet(kUs, kPeer, 0x88CC, repeat(50))));
  EXPECT_TRUE(reaches_kernel(ethernet(kUs, kPeer, 0x0806, arp(2, kPeer, kPeer4, kUs, kOur4))));  // it may have asked
  EXPECT_TRUE(reaches_kernel(ethernet(kUs, kPeer, 0x0800, ipv4(kPeer4, kOur4, 1, icmp4({13, 0, 0, 0, 0, 0, 0, 0})))));
  EXPECT_TRUE(
      reaches_kernel(ethernet(kUs, kPeer, 0x0800, ipv4(kPeer4, kOur4, 6, repeat(16), 0x2000))));  // its fragment
  EXPECT_FALSE(reaches_kernel(udp_frame(kPeer4, kOur4, 4000, 20000, text("ours"))));
  EXPECT_FALSE(reaches_kernel(ethernet(kEverybody, kPeer, 0x0806, arp(1, kPeer, kPeer4, repeat(6), kOur4))));
  EXPECT_FALSE(reaches_kernel(ethernet(kUs, kPeer, 0x0800, ipv4(kPeer4, kOur4, 1, icmp4({8, 0, 0, 0, 0, 0, 0, 0})))));
  EXPECT_EQ(counters().to_kernel, 7u);
  EXPECT_EQ(counters().errors_sent, 0u);  // closed ports are its to answer
}

TEST_F(KernelTest, WhatItSaysLeavesAsItIs) {
  settled();
  const Bytes syn = ethernet(kPeer, kUs, 0x0800, ipv4(kOur4, kPeer4, 6, repeat(40)));
  tap_.says = {syn, syn};
  receive();
  EXPECT_THAT(port_.take_sent(), ElementsAre(syn, syn));
  const int polls = tap_.polls;
  receive();  // the tap may cost a system call: not in every turn
  EXPECT_EQ(tap_.polls, polls);
  EXPECT_EQ(stack().next_deadline(), now_ + 1ms);
  now_ += 1ms;
  receive();
  EXPECT_EQ(tap_.polls, polls + 1);
}

TEST_F(KernelTest, OneShardsTapServesAll) {
  config_.shards = 2;
  config_.kernel_shard = 0;
  config_.port_block_first = 20000;
  config_.port_block_bits = 8;
  ExchangeRings rings(2);
  stack_ = std::make_unique<Stack>(config_, StackParts{port_, clock(), &rings.end(0), &tap_});
  StackConfig second = config_;
  second.shard = 1;
  MemoryPort other_port(pool_, mac_address(1));
  Stack other(second, {other_port, clock(), &rings.end(1), nullptr});
  const std::vector<Bytes> frames = {ethernet(kUs, kPeer, 0x0800, ipv4(kPeer4, kOur4, 6, repeat(20))),
                                     udp_frame(kPeer4, kOur4, 53, 40000, text("its DNS answer")),
                                     udp_frame(kPeer4, kOur4, 53, 20300, text("a closed port of ours")),
                                     ethernet(kUs, kPeer, 0x0806, arp(2, kPeer, kPeer4, kUs, kOur4))};
  for (const Bytes& frame : frames) other_port.arrive(frame);
  EXPECT_THAT(other.receive(256), IsEmpty());
  EXPECT_THAT(receive(), IsEmpty());
  EXPECT_EQ(tap_.got, frames);
  tap_.got.clear();
  for (const Bytes& frame : frames) port_.arrive(frame);
  receive();
  other.receive(256);  // whose block it is gives it back, for the kernel
  receive();
  EXPECT_THAT(tap_.got, testing::UnorderedElementsAreArray(frames));
  EXPECT_EQ(other.net_counters().errors_sent + counters().errors_sent, 0u);
}

// ---- no allocation

TEST_F(StackTest, NothingThatComesOrGoesAllocates) {
  port_.keeps_sent = false;
  open(kOur4, 5060, true);
  const auto four = open(kOur4, 20000), six = open(kOur6, 20000);
  settled();
  const Bytes group = Bytes{0xFF, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xFF, 0, 0, 1};
  const Bytes whole = udp(kPeer4, kOur4, 5060, 5060, repeat(2000));
  std::vector<Bytes> traffic = {
      udp_frame(kPeer4, kOur4, 4000, 20000, repeat(172)),
      udp_frame(kPeer6, kOur6, 4000, 20000, repeat(172)),
      udp_frame(kPeer4, kOur4, 4000, 9, repeat(172)),
      ethernet(kUs, kPeer, 0x0806, arp(1, kPeer, kPeer4, repeat(6), kOur4)),
      ethernet(kUs, kPeer, 0x0800, ipv4(kPeer4, kOur4, 1, icmp4(Bytes{8, 0, 0, 0, 0, 0, 0, 0}))),
      ethernet(kUs, kPeer, 0x0800, ipv4(kPeer4, kOur4, 17, Bytes(whole.begin(), whole.begin() + 1000), 0x2000)),
      ethernet(kUs, kPeer, 0x0800, ipv4(kPeer4, kOur4, 17, Bytes(whole.begin() + 1000, whole.end()), 125)),
      ethernet(kUs, kPeer, 0x86DD,
               ipv6(kPeer6, group, 58,
                    icmp6(kPeer6, group, Bytes{135, 0, 0, 0, 0, 0, 0, 0} + kOur6 + Bytes{1, 1} + kPeer), 255)),
      repeat(60, 0xA5)};
  for (int i = 0; i < 200; ++i) {  // strangers
    const Bytes who = ip4(10, 0, 0, 3 + i);
    traffic.push_back(ethernet(kUs, mac(i), 0x0806, arp(1, mac(i), who, repeat(6), kOur4)));
    traffic.push_back(
        ethernet(kUs, kPeer, 0x0800, ipv4(who, kOur4, 17, repeat(16), 0x2001, static_cast<std::size_t>(i))));
  }
  const Bytes long_body = repeat(4000);
  const std::vector<io::Outgoing> batch = {
      {four, endpoint(kPeer4, 1), std::as_bytes(std::span(long_body)).first(172), {}},
      {six, endpoint(kPeer6, 1), std::as_bytes(std::span(long_body)).first(172), {}},
      {four, endpoint(kFar4, 1), std::as_bytes(std::span(long_body)), {}}};
  for (const Bytes& frame : traffic) port_.arrive(frame);
  std::size_t spent = 0;
  for (int i = 0; i < 40; ++i, now_ += 100ms) {
    const auto before = allocations_so_far();
    stack().receive(16);
    stack().transmit(batch);
    spent += allocations_so_far() - before;
  }
  EXPECT_TRUE(port_.inbox.empty());
  EXPECT_EQ(spent, 0u);
  EXPECT_EQ(counters().reassembled, 1u);
  EXPECT_GT(counters().fragments_full, 0u);
}

}  // namespace
}  // namespace carillon::net
