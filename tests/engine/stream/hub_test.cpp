#include "engine/stream/hub.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/engine/stream/world.h"

namespace carillon::stream {
namespace {

using Kind = Incoming::Kind;

TEST(Hub, MessageGoesToTheShardThatSteeringNamesAndTheAnswerComesBackOnItsFlow) {
  World world(plain_config(), 3);
  Far& far = world.connect();
  const std::string message = sip_message("X-Shard: 2\r\n", "hi");
  far.send(message);
  ASSERT_TRUE(world.until([&] { return !world.told[2].empty(); }));
  EXPECT_THAT(world.messages(2), testing::ElementsAre(message));
  EXPECT_TRUE(world.told[0].empty());
  EXPECT_EQ(world.told[2][0].what.arrival, world.now);
  EXPECT_EQ(world.told[2][0].what.local, world.hub().local(0));
  EXPECT_GT(world.wakes, 0);

  // any shard may answer on it
  ASSERT_TRUE(world.hub().channel(0).send({.flow = world.told[2][0].what.flow}, bytes_of("answer")));
  EXPECT_TRUE(world.until([&] { return far.received() == "answer"; }));
}

TEST(Hub, TenThousandPipelinedMessagesComeInOrder) {
  World world(plain_config());
  Far& far = world.connect();
  for (int i = 0; i < 10'000; ++i)
    far.send(
        sip_message("Call-ID: " + std::to_string(i) + "\r\n", std::string(static_cast<std::size_t>(i % 700), 'x')));
  ASSERT_TRUE(world.until([&] { return world.told[0].size() == 10'000; }));
  const auto messages = world.messages();
  for (std::size_t i = 0; i < 10'000; ++i)
    ASSERT_NE(messages[i].find("Call-ID: " + std::to_string(i) + "\r\n"), std::string::npos) << i;
  EXPECT_EQ(world.count(Count::kToShardFull), 0u);
  EXPECT_EQ(world.hub().connections(), 1u);
}

TEST(Hub, FlowOfAnEndedConnectionReachesNobodyElse) {
  World world(plain_config());
  Far& old = world.connect();
  old.send(sip_message());
  ASSERT_TRUE(world.until([&] { return !world.told[0].empty(); }));
  const Flow flow = world.told[0][0].what.flow;
  old.kill();
  ASSERT_TRUE(world.until([&] { return world.first(Kind::kClosed) != nullptr; }));
  EXPECT_EQ(world.first(Kind::kClosed)->what.flow, flow);

  Far& fresh = world.connect();  // takes the same place
  fresh.send(sip_message());
  ASSERT_TRUE(world.until([&] { return world.messages().size() == 2; }));
  EXPECT_EQ(world.told[0].back().what.flow.index, flow.index);
  ASSERT_TRUE(world.hub().channel(0).send({.flow = flow, .tag = 7}, bytes_of("late")));
  ASSERT_TRUE(world.until([&] { return world.first(Kind::kUndelivered) != nullptr; }));
  EXPECT_EQ(world.first(Kind::kUndelivered)->what.tag, 7u);
  EXPECT_EQ(world.first(Kind::kUndelivered)->what.reason, CloseReason::kGone);
  EXPECT_EQ(fresh.received(), "");
}

// RFC 5626 §4.4.1.
TEST(Hub, PingIsAnsweredWithoutAShard) {
  World world(plain_config());
  Far& far = world.connect();
  far.send("\r\n\r\n");
  EXPECT_TRUE(world.until([&] { return far.received() == "\r\n"; }));
  EXPECT_TRUE(world.told[0].empty());
}

TEST(Hub, HeadThatCannotBeFramedIsAnsweredAndThenTheConnectionCloses) {
  World world(plain_config());
  Far& far = world.connect();
  const std::string head = "OPTIONS sip:a@example.com SIP/2.0\r\nCall-ID: 1\r\n\r\n";
  far.send(head + "what follows is never read");
  ASSERT_TRUE(world.until([&] { return world.first(Kind::kRefused) != nullptr; }));
  EXPECT_EQ(world.first(Kind::kRefused)->bytes, head);
  EXPECT_EQ(world.first(Kind::kRefused)->what.reason, CloseReason::kNoLength);
  ASSERT_TRUE(world.hub().channel(0).send({.flow = world.told[0][0].what.flow, .close = true}, bytes_of("400")));
  EXPECT_TRUE(world.until([&] { return far.received() == "400"; }));
  world.pass(world.hub().config().drain_time + 1ms);
  EXPECT_TRUE(world.until([&] { return far.is_closed() && world.hub().connections() == 0; }));
  EXPECT_EQ(world.messages().size(), 0u);
}

TEST(Hub, UnansweredRefusalClosesAfterTheDrainTime) {
  World world(plain_config());
  Far& far = world.connect();
  far.send("OPTIONS sip:a@example.com SIP/2.0\r\nl: 70000\r\n\r\n");
  ASSERT_TRUE(world.until([&] { return world.first(Kind::kRefused) != nullptr; }));
  EXPECT_FALSE(far.is_closed());
  world.pass(world.hub().config().drain_time + 1ms);
  EXPECT_TRUE(world.until([&] { return far.is_closed(); }));
  EXPECT_EQ(world.count(CloseReason::kTooLong), 1u);
}

TEST(Hub, AnotherProtocolIsClosedWithoutAWord) {
  World world(plain_config());
  Far& far = world.connect();
  far.send("GET / HTTP/1.1\r\n\r\n");
  EXPECT_TRUE(world.until([&] { return far.is_closed(); }));
  EXPECT_EQ(far.received(), "");
  EXPECT_EQ(world.count(CloseReason::kNotSip), 1u);
  EXPECT_TRUE(world.told[0].empty());
}

TEST(Hub, DribbledMessageHasItsTimeAndNoMore) {
  World world(plain_config());
  Far& far = world.connect();
  const std::string message = sip_message("Subject: slow\r\n");
  for (int second = 0; second < 5; ++second) {
    far.send(message.substr(static_cast<std::size_t>(second), 1));
    const auto before = world.count(Count::kBytesIn);
    ASSERT_TRUE(world.until([&] { return world.count(Count::kBytesIn) > before; }));
    ASSERT_FALSE(far.is_closed()) << second;
    world.pass(1s - 1ms);
  }
  world.pass(10ms);
  EXPECT_TRUE(world.until([&] { return far.is_closed(); }));
  EXPECT_EQ(world.count(CloseReason::kMessageTime), 1u);
}

TEST(Hub, SilentConnectionEndsAfterTheIdleTimeAndATalkingOneDoesNot) {
  World world(plain_config());
  Far& silent = world.connect();
  Far& talking = world.connect();
  ASSERT_TRUE(world.until([&] { return world.hub().connections() == 2; }));
  const Duration idle = world.hub().config().idle_time;
  world.pass(idle - 1s);
  talking.send("\r\n\r\n");
  ASSERT_TRUE(world.until([&] { return talking.received() == "\r\n"; }));
  world.pass(2s);
  EXPECT_TRUE(world.until([&] { return silent.is_closed(); }));
  EXPECT_FALSE(talking.is_closed());
  EXPECT_EQ(world.count(CloseReason::kIdle), 1u);
}

TEST(Hub, PeerThatNeverReadsIsClosedWhenItsQueueIsFull) {
  World world(plain_config());
  Far& far = world.connect();
  far.send(sip_message());
  ASSERT_TRUE(world.until([&] { return !world.told[0].empty(); }));
  far.stop_reading();
  const Flow flow = world.told[0][0].what.flow;
  const std::string large(60'000, 'x');
  std::uint64_t tag = 0;
  ASSERT_TRUE(world.until([&] {
    (void)world.hub().channel(0).send({.flow = flow, .tag = ++tag}, bytes_of(large));
    return world.count(CloseReason::kSlowReader) == 1;
  }));
  EXPECT_LE(world.hub().held(), world.hub().config().queue_max);
  ASSERT_TRUE(world.until([&] { return world.first(Kind::kUndelivered) != nullptr; }));
  EXPECT_EQ(world.first(Kind::kUndelivered)->bytes, "reads too slowly");
  EXPECT_EQ(world.hub().held(), 0u);
  EXPECT_EQ(world.notes.size(), 1u);
}

TEST(Hub, PeerThatTakesNothingForTooLongIsClosed) {
  World world(plain_config());
  Far& far = world.connect();
  far.send(sip_message());
  ASSERT_TRUE(world.until([&] { return !world.told[0].empty(); }));
  far.stop_reading();
  const std::string large(60'000, 'x');
  // until the kernel's buffers are full and something stays with us
  ASSERT_TRUE(world.until([&] {
    if (world.hub().held() < large.size())
      (void)world.hub().channel(0).send({.flow = world.told[0][0].what.flow}, bytes_of(large));
    world.turn();
    world.turn();
    return world.hub().held() >= large.size();
  }));
  world.pass(world.hub().config().write_time - 1s);
  EXPECT_EQ(world.hub().connections(), 1u);
  world.pass(2s);
  EXPECT_EQ(world.count(CloseReason::kSlowReader), 1u);
  EXPECT_EQ(world.hub().connections(), 0u);
}

TEST(Hub, PeerKilledWithinAMessageLeavesNothing) {
  World world(plain_config());
  Far& far = world.connect();
  far.send(sip_message() + sip_message("", "a body").substr(0, 60));
  ASSERT_TRUE(world.until([&] { return world.hub().held() >= 60; }));
  far.kill();
  ASSERT_TRUE(world.until([&] { return world.count(CloseReason::kCutShort) == 1; }));
  EXPECT_EQ(world.messages().size(), 1u);
  EXPECT_EQ(world.hub().connections(), 0u);
  EXPECT_EQ(world.hub().held(), 0u);
}

TEST(Hub, WhoShutsOnlyItsSendingSideStillHearsTheAnswer) {
  World world(plain_config());
  Far& far = world.connect();
  far.send(sip_message());
  far.turn();
  far.finish();
  ASSERT_TRUE(world.until([&] { return !world.told[0].empty(); }));
  world.turn();
  ASSERT_TRUE(world.hub().channel(0).send({.flow = world.told[0][0].what.flow}, bytes_of("answer")));
  EXPECT_TRUE(world.until([&] { return far.received() == "answer"; }));
  world.pass(world.hub().config().drain_time + 1ms);
  EXPECT_TRUE(world.until([&] { return world.hub().connections() == 0; }));
  EXPECT_EQ(world.count(CloseReason::kPeer), 1u);
}

TEST(Hub, OneSourceHasItsShareAndAllTogetherTheirs) {
  auto config = plain_config();
  config.per_source_max = 3;
  World world(config);
  for (int i = 0; i < 5; ++i) world.connect();
  ASSERT_TRUE(world.until([&] { return world.count(Count::kRefusedSource) == 2; }));
  EXPECT_EQ(world.hub().connections(), 3u);

  config.per_source_max = 100;
  config.connections_max = 4;
  World small(config);
  for (int i = 0; i < 6; ++i) small.connect();
  ASSERT_TRUE(small.until([&] { return small.count(Count::kRefusedFull) == 2; }));
  EXPECT_EQ(small.hub().connections(), 4u);
}

TEST(Hub, PlaceOfAnEndedConnectionIsFreeForItsSource) {
  auto config = plain_config();
  config.per_source_max = 1;
  World world(config);
  Far& first = world.connect();
  ASSERT_TRUE(world.until([&] { return world.hub().connections() == 1; }));
  first.kill();
  ASSERT_TRUE(world.until([&] { return world.hub().connections() == 0; }));
  Far& second = world.connect();
  second.send("\r\n\r\n");
  EXPECT_TRUE(world.until([&] { return second.received() == "\r\n"; }));
}

TEST(Hub, SourcesAreAddressesAndV6Networks) {
  const auto a = *Endpoint::parse("2001:db8::1", 5), b = *Endpoint::parse("2001:db8::2:3", 6);
  EXPECT_EQ(source_of(a), source_of(b));
  EXPECT_FALSE(source_of(a) == source_of(*Endpoint::parse("2001:db8:0:1::1", 5)));
  EXPECT_FALSE(source_of(Endpoint::v4(10, 0, 0, 1, 1)) == source_of(Endpoint::v4(10, 0, 0, 2, 1)));
}

TEST(Hub, AcceptsAreSpreadOverTime) {
  auto config = plain_config();
  config.accepts_per_second = 10;
  World world(config);
  for (int i = 0; i < 25; ++i) world.connect();
  ASSERT_TRUE(world.until([&] { return world.count(Count::kAccepted) == 10; }));
  for (int i = 0; i < 10; ++i) world.turn();
  EXPECT_EQ(world.count(Count::kAccepted), 10u);  // the others wait in the kernel
  world.now += 500ms;
  ASSERT_TRUE(world.until([&] { return world.count(Count::kAccepted) >= 14; }));
  for (int i = 0; i < 10; ++i) world.turn();
  EXPECT_LE(world.count(Count::kAccepted), 15u);
  for (int i = 0; i < 20; ++i) world.pass(100ms);
  EXPECT_EQ(world.count(Count::kAccepted), 25u);
}

TEST(Hub, ShardThatDoesNotTakeLosesItsOwnMessagesOnly) {
  auto config = plain_config();
  config.channel_items = 16;
  World world(config, 2);
  world.shards_take = false;
  Far& far = world.connect();
  for (int i = 0; i < 20; ++i) far.send(sip_message("X-Shard: 1\r\n"));
  far.send(sip_message("X-Shard: 0\r\n"));
  ASSERT_TRUE(world.until([&] { return world.count(Count::kMessagesIn) == 17; }));
  EXPECT_EQ(world.count(Count::kToShardFull), 4u);
  world.shards_take = true;
  world.turn();
  EXPECT_EQ(world.messages(0).size(), 1u);
  EXPECT_EQ(world.messages(1).size(), 16u);
}

TEST(Hub, FullRingTellsTheShard) {
  auto config = plain_config();
  config.channel_items = 4;
  World world(config);
  int taken = 0;
  while (world.hub().channel(0).send({.flow = Flow{1, 1}}, bytes_of("x"))) ++taken;
  EXPECT_EQ(taken, 4);
  EXPECT_EQ(world.hub().refused_by_rings(), 1u);
}

TEST(Hub, WhatAllHoldTogetherIsBounded) {
  auto config = plain_config();
  config.held_max = config.queue_max;
  World world(config);
  const std::string part = "MESSAGE sip:b@example.com SIP/2.0\r\nl: 60000\r\n\r\n" + std::string(50'000, 'x');
  for (int i = 0; i < 10; ++i) world.connect().send(part);
  ASSERT_TRUE(world.until([&] { return world.count(CloseReason::kMemory) + world.hub().connections() == 10; }));
  ASSERT_TRUE(world.until([&] { return world.count(CloseReason::kMemory) >= 5; }));
  EXPECT_LE(world.hub().held(), config.held_max);
  EXPECT_GE(world.hub().connections(), 2u);
}

TEST(Hub, ManyConnectionsAtOnceAreAllServed) {
  auto config = plain_config();
  config.per_source_max = 400;
  World world(config, 4);
  std::vector<Far*> fars;
  for (int i = 0; i < 300; ++i) {
    fars.push_back(&world.connect());
    fars.back()->send(sip_message("X-Shard: " + std::to_string(i % 4) + "\r\n", std::to_string(i)));
  }
  const auto sum = [&] {
    return world.told[0].size() + world.told[1].size() + world.told[2].size() + world.told[3].size();
  };
  ASSERT_TRUE(world.until([&] { return sum() == 300; }));
  for (std::uint32_t shard = 0; shard < 4; ++shard)
    for (const auto& one : world.told[shard]) {
      const auto body = one.bytes.substr(one.bytes.find("\r\n\r\n") + 4);
      ASSERT_TRUE(world.hub().channel(shard).send({.flow = one.what.flow}, bytes_of(body)));
    }
  for (int i = 0; i < 300; ++i)
    EXPECT_TRUE(world.until([&] { return fars[static_cast<std::size_t>(i)]->received() == std::to_string(i); })) << i;
}

TEST(Hub, ListensOnIpv6Alike) {
  auto config = plain_config();
  config.listeners[0].local = *Endpoint::parse("::1", 0);
  World world(config);
  Far& far = world.connect();
  far.send(sip_message());
  ASSERT_TRUE(world.until([&] { return !world.told[0].empty(); }));
  EXPECT_TRUE(world.told[0][0].what.peer.is_v6);
}

TEST(Hub, PortInUseIsNamed) {
  World world(plain_config());
  auto config = plain_config();
  config.listeners[0].local = world.hub().local(0);
  const auto second = Hub::make(config, 1, {.steer = [](ByteView, Flow) { return 0u; }});
  ASSERT_FALSE(second);
  EXPECT_THAT(second.error(), testing::HasSubstr(config.listeners[0].local.text()));
  EXPECT_THAT(second.error(), testing::HasSubstr("in use"));
}

}  // namespace
}  // namespace carillon::stream
