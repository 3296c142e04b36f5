// Connections that we open.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/stream/hub.h"
#include "tests/engine/stream/certificates.h"
#include "tests/engine/stream/world.h"

namespace carillon::stream {
namespace {

using Kind = Incoming::Kind;

// A server of the test's: accepts by hand.
class Server {
 public:
  explicit Server(int backlog = 16) : fd_(*listen_on(Endpoint::v4(127, 0, 0, 1, 0), backlog)) {}
  ~Server() { stop(); }
  Endpoint local() const { return local_of(fd_); }
  // The next connection, or null.
  std::unique_ptr<Far> accept() {
    Endpoint peer;
    const int fd = accept_on(fd_, peer);
    return fd < 0 ? nullptr : std::make_unique<Far>(fd);
  }
  void stop() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }

 private:
  int fd_;
};

Far& accept(World& world, Server& server) {
  std::unique_ptr<Far> far;
  CHECK(world.until([&] { return (far = server.accept()) != nullptr; }));
  return world.keep(std::move(far));
}

TEST(HubOut, OneConnectionServesAllThatGoToTheSamePlace) {
  World world(plain_config(), 2);
  Server server;
  const Target target{.transport = Transport::kTcp, .peer = server.local()};
  ASSERT_TRUE(world.hub().channel(0).send({.target = target, .tag = 1}, bytes_of(sip_message("", "a"))));
  ASSERT_TRUE(world.hub().channel(1).send({.target = target, .tag = 2}, bytes_of(sip_message("", "b"))));
  Far& far = accept(world, server);
  ASSERT_TRUE(world.until([&] { return far.received() == sip_message("", "a") + sip_message("", "b"); }));
  EXPECT_EQ(world.count(Count::kConnected), 1u);

  // what comes in on it names the flow, and later messages take it again
  far.send(sip_message("X-Shard: 1\r\n"));
  ASSERT_TRUE(world.until([&] { return !world.told[1].empty(); }));
  EXPECT_TRUE(world.told[1][0].what.is_ours);
  EXPECT_EQ(world.told[1][0].what.peer, server.local());
  ASSERT_TRUE(world.hub().channel(0).send({.target = target}, bytes_of("later")));
  EXPECT_TRUE(world.until([&] { return far.received().ends_with("later"); }));
  EXPECT_EQ(server.accept(), nullptr);
}

// RFC 3261 §18.2.2: an answer whose connection has gone takes a new one.
TEST(HubOut, GoneFlowFallsBackToItsTarget) {
  World world(plain_config());
  Server server;
  const Target target{.transport = Transport::kTcp, .peer = server.local()};
  ASSERT_TRUE(world.hub().channel(0).send({.flow = Flow{3, 9}, .target = target}, bytes_of("answer")));
  Far& far = accept(world, server);
  EXPECT_TRUE(world.until([&] { return far.received() == "answer"; }));
}

TEST(HubOut, RefusedConnectIsToldWithEachMessageAndItsReason) {
  World world(plain_config(), 2);
  Server server;
  const Target target{.transport = Transport::kTcp, .peer = server.local()};
  server.stop();
  ASSERT_TRUE(world.hub().channel(0).send({.target = target, .tag = 5}, bytes_of("a")));
  ASSERT_TRUE(world.hub().channel(1).send({.target = target, .tag = 6}, bytes_of("b")));
  ASSERT_TRUE(world.until([&] { return world.first(Kind::kUndelivered, 0) && world.first(Kind::kUndelivered, 1); }));
  EXPECT_EQ(world.first(Kind::kUndelivered, 0)->what.tag, 5u);
  EXPECT_EQ(world.first(Kind::kUndelivered, 1)->what.tag, 6u);
  EXPECT_EQ(world.first(Kind::kUndelivered, 1)->what.reason, CloseReason::kConnect);
  EXPECT_THAT(world.first(Kind::kUndelivered, 1)->bytes, testing::HasSubstr("refused"));
  EXPECT_EQ(world.hub().connections(), 0u);
}

TEST(HubOut, ConnectThatNobodyAnswersTakesItsTimeAndNoMore) {
  World world(plain_config());
  Server server(0);
  // the kernel drops what does not fit into the backlog, as a far network would
  std::vector<std::unique_ptr<Far>> filling;
  for (int i = 0; i < 4; ++i) filling.push_back(Far::to(server.local()));
  const Target target{.transport = Transport::kTcp, .peer = server.local()};
  ASSERT_TRUE(world.hub().channel(0).send({.target = target, .tag = 5}, bytes_of("a")));
  world.turn();
  world.pass(world.hub().config().connect_time - 100ms);
  EXPECT_EQ(world.first(Kind::kUndelivered), nullptr);
  world.pass(200ms);
  ASSERT_TRUE(world.until([&] { return world.first(Kind::kUndelivered) != nullptr; }));
  EXPECT_EQ(world.first(Kind::kUndelivered)->what.reason, CloseReason::kConnectTime);
}

TEST(HubOut, MessagesThatHadNotLeftAreToldWhenThePeerDies) {
  World world(plain_config());
  Server server;
  const Target target{.transport = Transport::kTcp, .peer = server.local()};
  ASSERT_TRUE(world.hub().channel(0).send({.target = target, .tag = 1}, bytes_of("first")));
  Far& far = accept(world, server);
  ASSERT_TRUE(world.until([&] { return far.received() == "first"; }));
  far.stop_reading();
  const std::string large(60'000, 'x');
  std::uint64_t tag = 1;
  ASSERT_TRUE(world.until([&] {
    if (world.hub().held() < large.size())
      (void)world.hub().channel(0).send({.target = target, .tag = ++tag}, bytes_of(large));
    world.turn();
    world.turn();
    return world.hub().held() >= large.size();
  }));
  far.kill();
  ASSERT_TRUE(world.until([&] { return world.first(Kind::kClosed) != nullptr; }));
  ASSERT_NE(world.first(Kind::kUndelivered), nullptr);
  EXPECT_EQ(world.told[0][world.told[0].size() - 2].what.tag, tag);   // the last of them, then kClosed
  for (const auto& one : world.told[0]) EXPECT_NE(one.what.tag, 1u);  // that one had left
}

TEST(HubOut, ShardMayCloseAFlowAfterItsLastWord) {
  World world(plain_config());
  Server server;
  const Target target{.transport = Transport::kTcp, .peer = server.local()};
  ASSERT_TRUE(world.hub().channel(0).send({.target = target, .close = true}, bytes_of("bye")));
  Far& far = accept(world, server);
  EXPECT_TRUE(world.until([&] { return far.received() == "bye" && far.is_closed(); }));
  far.end();
  EXPECT_TRUE(world.until([&] { return world.hub().connections() == 0; }));
  EXPECT_EQ(world.count(CloseReason::kAsked), 1u);
}

struct TlsOut : testing::Test {
  Authority authority{"ca"}, stranger{"stranger"};
  Server server;

  StreamsConfig config() const {
    auto config = plain_config();
    config.client.ca_file = authority.ca_file();
    return config;
  }
  // How a call to `name` ends at a server that shows `identity`: "" when the message arrives, else what the shard is
  // told.
  std::string call(const StreamsConfig& config, const std::string& name, const Far::Tls& tls,
                   CloseReason* reason = nullptr) {
    World world(config);
    const Target target{.transport = Transport::kTls, .peer = server.local(), .name = ServerName(name)};
    CHECK(world.hub().channel(0).send({.target = target, .tag = 1}, bytes_of("hello")));
    Far& far = accept(world, server);
    far.start_tls(tls, true);
    CHECK(world.until([&] { return far.received() == "hello" || world.first(Kind::kUndelivered); }));
    if (const Told* told = world.first(Kind::kUndelivered)) {
      if (reason) *reason = told->what.reason;
      return told->bytes;
    }
    return "";
  }
};

TEST_F(TlsOut, ServerMustBeWhomWeCalled) {
  const auto identity = authority.sign("server", {.names = "DNS:sip.example.com,IP:127.0.0.1"});
  EXPECT_EQ(call(config(), "sip.example.com", {.identity = identity}), "");
  EXPECT_EQ(call(config(), "127.0.0.1", {.identity = identity}), "");
  CloseReason reason{};
  EXPECT_THAT(call(config(), "other.example.com", {.identity = identity}, &reason),
              testing::HasSubstr("not for other.example.com"));
  EXPECT_EQ(reason, CloseReason::kName);
}

TEST_F(TlsOut, StrangersAndExpiredServersAreRefusedByName) {
  CloseReason reason{};
  EXPECT_THAT(call(config(), "sip.example.com", {.identity = stranger.sign("server")}, &reason),
              testing::HasSubstr("unable to get local issuer certificate"));
  EXPECT_EQ(reason, CloseReason::kTls);
  EXPECT_THAT(call(config(), "sip.example.com", {.identity = authority.sign("old", {.from_day = -20, .to_day = -1})}),
              testing::HasSubstr("expired"));
}

TEST_F(TlsOut, WildcardsOnlyWhereTheyAreAllowed) {
  const auto identity = authority.sign("wild", {.names = "DNS:*.example.com"});
  EXPECT_THAT(call(config(), "sip.example.com", {.identity = identity}), testing::HasSubstr("not for"));
  auto lenient = config();
  lenient.client.wildcards = true;
  EXPECT_EQ(call(lenient, "sip.example.com", {.identity = identity}), "");
}

TEST_F(TlsOut, ShowsItsCertificateToAServerThatAsks) {
  auto mutual = config();
  mutual.client.identity = authority.sign("client", {.names = "DNS:us.example.com"});
  World world(mutual);
  const Target target{.transport = Transport::kTls, .peer = server.local(), .name = ServerName("sip.example.com")};
  ASSERT_TRUE(world.hub().channel(0).send({.target = target}, bytes_of("hello")));
  Far& far = accept(world, server);
  far.start_tls({.ca_file = authority.ca_file(), .identity = authority.sign("server"), .asks = true}, true);
  EXPECT_TRUE(world.until([&] { return far.received() == "hello"; }));
  EXPECT_EQ(far.shown(), "us.example.com");
}

}  // namespace
}  // namespace carillon::stream
