// SIP over WebSocket, plain and secure, over real sockets.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/stream/hub.h"
#include "tests/engine/stream/certificates.h"
#include "tests/engine/stream/web_client.h"
#include "tests/engine/stream/world.h"

namespace carillon::stream {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

StreamsConfig web_config(Transport transport = Transport::kWs) {
  auto config = plain_config();
  config.listeners[0].transport = transport;
  config.listeners[0].origins = {"https://www.example.com"};
  return config;
}

std::string server_frame(std::string_view payload, Opcode opcode = Opcode::kText) {
  std::string out;
  write_frame(out, opcode, bytes_of(payload));
  return out;
}

// A browser that is through its upgrade.
Far& open(World& world, Far& far) {
  far.send(upgrade_request());
  EXPECT_TRUE(world.until([&] { return far.received().ends_with("\r\n\r\n"); }));
  EXPECT_THAT(far.received(), StartsWith("HTTP/1.1 101 "));
  return far;
}

// RFC 7118 §5: no Content-Length is needed; the frame is the message.
TEST(HubWeb, MessagesGoBothWaysInFrames) {
  World world(web_config());
  Far& far = open(world, world.connect());
  const std::string message = "REGISTER sip:example.com SIP/2.0\r\nCall-ID: 1\r\n\r\n";
  far.send(client_frame(message.substr(0, 10), {.is_last = false}) +
           client_frame(message.substr(10), {.opcode = Opcode::kContinuation}) + client_frame(message));
  ASSERT_TRUE(world.until([&] { return world.told[0].size() == 2; }));
  EXPECT_THAT(world.messages(), testing::ElementsAre(message, message));
  EXPECT_EQ(world.told[0][0].what.transport, Transport::kWs);
  ASSERT_TRUE(world.hub().channel(0).send({.flow = world.told[0][0].what.flow}, bytes_of("SIP/2.0 200 OK\r\n\r\n")));
  EXPECT_TRUE(world.until([&] { return far.received().ends_with(server_frame("SIP/2.0 200 OK\r\n\r\n")); }));
  // what is no UTF-8 may not stand in a text frame
  ASSERT_TRUE(world.hub().channel(0).send({.flow = world.told[0][0].what.flow}, bytes_of("\xff")));
  EXPECT_TRUE(world.until([&] { return far.received().ends_with(server_frame("\xff", Opcode::kBinary)); }));
}

TEST(HubWeb, FrameMayComeTogetherWithTheRequest) {
  World world(web_config());
  Far& far = world.connect();
  far.send(upgrade_request() + client_frame(sip_message()));
  EXPECT_TRUE(world.until([&] { return world.messages().size() == 1; }));
}

TEST(HubWeb, SecureSocketsCarryTheSame) {
  Authority authority("ca");
  auto config = web_config(Transport::kWss);
  config.listeners[0].tls.identities = {authority.sign("server")};
  World world(config);
  Far& far = open(world, world.connect_tls({.ca_file = authority.ca_file()}));
  far.send(client_frame(sip_message()));
  ASSERT_TRUE(world.until([&] { return world.messages().size() == 1; }));
  EXPECT_EQ(world.told[0][0].what.transport, Transport::kWss);
  ASSERT_TRUE(world.hub().channel(0).send({.flow = world.told[0][0].what.flow}, bytes_of("answer")));
  EXPECT_TRUE(world.until([&] { return far.received().ends_with(server_frame("answer")); }));
}

// RFC 6455 §5.5.2; RFC 7118 §6 with RFC 5626 §4.4.1.
TEST(HubWeb, PingsOfBothKindsAreAnswered) {
  World world(web_config());
  Far& far = open(world, world.connect());
  far.send(client_frame("alive?", {.opcode = Opcode::kPing}) + client_frame("\r\n\r\n"));
  EXPECT_TRUE(world.until(
      [&] { return far.received().ends_with(server_frame("alive?", Opcode::kPong) + server_frame("\r\n")); }));
  EXPECT_TRUE(world.told[0].empty());
}

TEST(HubWeb, CloseIsAnsweredAndTheConnectionEnds) {
  World world(web_config());
  Far& far = open(world, world.connect());
  far.send(client_frame("\x03\xe9", {.opcode = Opcode::kClose}));
  EXPECT_TRUE(world.until([&] { return far.is_closed(); }));
  EXPECT_THAT(far.received(), EndsWith(server_frame("\x03\xe9", Opcode::kClose)));
  far.end();
  EXPECT_TRUE(world.until([&] { return world.hub().connections() == 0; }));
  EXPECT_EQ(world.count(CloseReason::kPeer), 1u);
}

TEST(HubWeb, BrokenFramesAreToldByTheirCode) {
  World world(web_config());
  Far& far = open(world, world.connect());
  far.send(client_frame("x", {.is_masked = false}));
  EXPECT_TRUE(world.until([&] { return far.is_closed(); }));
  EXPECT_THAT(far.received(), EndsWith(server_frame("\x03\xea", Opcode::kClose)));
  far.end();
  EXPECT_TRUE(world.until([&] { return world.hub().connections() == 0; }));
  EXPECT_EQ(world.count(CloseReason::kWebSocket), 1u);
}

TEST(HubWeb, OtherPagesAreRefused) {
  World world(web_config());
  Far& far = world.connect();
  far.send(upgrade_request("https://evil.example.com"));
  EXPECT_TRUE(world.until([&] { return far.is_closed(); }));
  EXPECT_THAT(far.received(), StartsWith("HTTP/1.1 403 "));
  far.end();
  EXPECT_TRUE(world.until([&] { return world.hub().connections() == 0; }));
  EXPECT_EQ(world.count(CloseReason::kUpgrade), 1u);
}

TEST(HubWeb, RequestAndMessageHaveTheirTime) {
  World world(web_config());
  Far& far = world.connect();
  far.send(upgrade_request().substr(0, 50));
  Far& dribbling = open(world, world.connect());
  ASSERT_TRUE(world.until([&] { return world.hub().held() >= 50; }));
  const auto before = world.count(Count::kBytesIn);
  dribbling.send(client_frame("x", {.is_last = false}));
  ASSERT_TRUE(world.until([&] { return world.count(Count::kBytesIn) > before; }));
  world.pass(world.hub().config().handshake_time + 1ms);
  EXPECT_TRUE(world.until([&] { return far.is_closed(); }));
  EXPECT_EQ(world.count(CloseReason::kHandshakeTime), 1u);
  EXPECT_FALSE(dribbling.is_closed());
  world.pass(world.hub().config().framing.message_time - world.hub().config().handshake_time);
  world.pass(2ms);
  EXPECT_TRUE(world.until([&] { return dribbling.is_closed(); }));
  EXPECT_EQ(world.count(CloseReason::kMessageTime), 1u);
}

}  // namespace
}  // namespace carillon::stream
