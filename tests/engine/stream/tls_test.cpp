#include "engine/stream/tls.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "tests/engine/stream/certificates.h"
#include "tests/engine/stream/world.h"

namespace carillon::stream {
namespace {

using Client = TlsServerConfig::Client;
using testing::HasSubstr;

struct Tls : testing::Test {
  Authority authority{"ca"}, stranger{"stranger"};

  StreamsConfig config(Client client = Client::kIgnored) const {
    auto config = plain_config();
    config.listeners[0].transport = Transport::kTls;
    config.listeners[0].tls = {.identities = {authority.sign("server")},
                               .client = client,
                               .client_ca_file = client == Client::kIgnored ? "" : authority.ca_file()};
    return config;
  }
  // True when a client with `tls` gets a message through.
  static bool gets_through(World& world, const Far::Tls& tls) {
    const auto before = world.told[0].size();
    Far& far = world.connect_tls(tls);
    far.send(sip_message());
    CHECK(world.until([&] { return world.told[0].size() > before || far.is_closed(); }));
    return world.told[0].size() > before;
  }
};

TEST_F(Tls, MessagesGoBothWays) {
  World world(config());
  Far& far = world.connect_tls({.ca_file = authority.ca_file()});
  for (int i = 0; i < 1000; ++i) far.send(sip_message("", std::string(500, 'x')));
  ASSERT_TRUE(world.until([&] { return world.told[0].size() == 1000; }));
  EXPECT_EQ(world.told[0][0].what.transport, Transport::kTls);
  EXPECT_FALSE(world.told[0][0].what.is_verified);
  const std::string large(50'000, 'y');
  ASSERT_TRUE(world.hub().channel(0).send({.flow = world.told[0][0].what.flow}, bytes_of(large)));
  EXPECT_TRUE(world.until([&] { return far.received() == large; }));
}

TEST_F(Tls, MutualTlsBelievesItsAuthorityOnly) {
  World world(config(Client::kRequired));
  EXPECT_FALSE(gets_through(world, {}));
  EXPECT_FALSE(gets_through(world, {.identity = stranger.sign("client")}));
  EXPECT_FALSE(gets_through(world, {.identity = authority.sign("old", {.from_day = -9, .to_day = -1})}));
  EXPECT_EQ(world.count(CloseReason::kTls), 3u);
  EXPECT_THAT(world.notes.at(0), HasSubstr("peer did not return a certificate"));

  ASSERT_TRUE(gets_through(world, {.identity = authority.sign("client", {.names = "DNS:trunk.example.net"})}));
  EXPECT_TRUE(world.told[0][0].what.is_verified);
  EXPECT_EQ(world.told[0][0].what.domain.view(), "trunk.example.net");
}

TEST_F(Tls, CauseOfARefusalIsNoted) {
  World world(config(Client::kRequired));
  EXPECT_FALSE(gets_through(world, {.identity = authority.sign("old", {.from_day = -9, .to_day = -1})}));
  EXPECT_THAT(world.notes.at(0), HasSubstr("certificate has expired"));
  EXPECT_FALSE(gets_through(world, {}));
  EXPECT_EQ(world.notes.size(), 1u);  // one line a second
  world.now += 1s;
  EXPECT_FALSE(gets_through(world, {.identity = stranger.sign("client")}));
  EXPECT_THAT(world.notes.at(1), HasSubstr("unable to get local issuer certificate"));
}

TEST_F(Tls, OptionalClientCertificateMayBeMissingButNotWrong) {
  World world(config(Client::kOptional));
  EXPECT_TRUE(gets_through(world, {}));
  EXPECT_FALSE(world.told[0][0].what.is_verified);
  EXPECT_TRUE(gets_through(world, {.identity = authority.sign("client")}));
  EXPECT_TRUE(world.told[0][1].what.is_verified);
  EXPECT_FALSE(gets_through(world, {.identity = stranger.sign("client")}));
}

TEST_F(Tls, ServerNameChoosesTheCertificate) {
  auto several = config();
  several.listeners[0].tls.identities = {authority.sign("a", {.names = "DNS:a.example.com"}),
                                         authority.sign("b", {.names = "DNS:b.example.com,DNS:c.example.com"}),
                                         authority.sign("w", {.names = "DNS:*.example.org"})};
  World world(several);
  const auto shown = [&](const std::string& server) {
    Far& far = world.connect_tls({.server = server});
    EXPECT_TRUE(world.until([&] { return far.is_secure(); }));
    return far.shown();
  };
  EXPECT_EQ(shown("a.example.com"), "a.example.com");
  EXPECT_EQ(shown("C.example.com"), "b.example.com");
  EXPECT_EQ(shown("any.example.org"), "*.example.org");
  EXPECT_EQ(shown("unknown.example.net"), "a.example.com");
  EXPECT_EQ(shown(""), "a.example.com");
}

TEST_F(Tls, MutualTlsHoldsForEveryNamedCertificate) {
  auto several = config(Client::kRequired);
  several.listeners[0].tls.identities.push_back(authority.sign("b", {.names = "DNS:b.example.com"}));
  World world(several);
  EXPECT_FALSE(gets_through(world, {.server = "b.example.com"}));
  EXPECT_FALSE(gets_through(world, {.identity = stranger.sign("client"), .server = "b.example.com"}));
  EXPECT_TRUE(gets_through(world, {.identity = authority.sign("client"), .server = "b.example.com"}));
}

TEST_F(Tls, FreshCertificateServesNewConnectionsAndLeavesOldOnesAlone) {
  auto first = config();
  first.listeners[0].tls.identities = {authority.sign("server", {.names = "DNS:one.example.com"})};
  World world(first);
  Far& old = world.connect_tls({});
  Far& half = world.connect();  // within its handshake while the certificates change
  ASSERT_TRUE(world.until([&] { return old.is_secure() && world.hub().connections() == 2; }));
  EXPECT_EQ(old.shown(), "one.example.com");

  authority.sign("server", {.names = "DNS:two.example.com"});  // the same files anew
  auto context = TlsContext::server(first.listeners[0].tls);
  ASSERT_TRUE(context);
  world.hub().use(0, std::move(*context));
  Far& fresh = world.connect_tls({});
  half.start_tls({.server = "one.example.com"}, false);
  ASSERT_TRUE(world.until([&] { return fresh.is_secure() && half.is_secure(); }));
  EXPECT_EQ(fresh.shown(), "two.example.com");
  EXPECT_EQ(half.shown(), "one.example.com");
  old.send(sip_message());
  EXPECT_TRUE(world.until([&] { return world.told[0].size() == 1; }));
}

TEST_F(Tls, VersionsBefore12AreRefused) {
  World world(config());
  EXPECT_FALSE(gets_through(world, {.version_max = TLS1_1_VERSION}));
  EXPECT_TRUE(gets_through(world, {.version_max = TLS1_2_VERSION}));
}

TEST_F(Tls, HandshakeThatDoesNotEndHasItsTime) {
  World world(config());
  Far& silent = world.connect();
  Far& half = world.connect();
  half.send(std::string("\x16\x03\x01\x02\x00\x01", 6));  // the beginning of a ClientHello
  ASSERT_TRUE(world.until([&] { return world.hub().connections() == 2; }));
  world.pass(world.hub().config().handshake_time - 1s);
  EXPECT_EQ(world.hub().connections(), 2u);
  world.pass(2s);
  EXPECT_TRUE(world.until([&] { return silent.is_closed() && half.is_closed(); }));
  EXPECT_EQ(world.count(CloseReason::kHandshakeTime), 2u);
}

TEST_F(Tls, PlainSipOnATlsPortIsClosed) {
  World world(config());
  Far& far = world.connect();
  far.send(sip_message());
  EXPECT_TRUE(world.until([&] { return far.is_closed(); }));
  EXPECT_EQ(world.count(CloseReason::kTls), 1u);
}

TEST_F(Tls, PeerKilledWithinAMessageLeavesNothing) {
  World world(config());
  Far& far = world.connect_tls({});
  far.send(sip_message("", "a body").substr(0, 60));
  ASSERT_TRUE(world.until([&] { return world.hub().held() >= 60; }));
  far.kill();
  EXPECT_TRUE(world.until([&] { return world.hub().connections() == 0 && world.hub().held() == 0; }));
  EXPECT_EQ(world.count(CloseReason::kCutShort), 1u);
}

TEST_F(Tls, ConfigurationFaultsNameTheFile) {
  const auto good = authority.sign("good"), other = authority.sign("other");
  const auto fault = [](const TlsServerConfig& config) {
    const auto made = TlsContext::server(config);
    return made ? std::string() : made.error();
  };
  EXPECT_EQ(fault({.identities = {good}}), "");
  EXPECT_THAT(fault({.identities = {{"/none.crt", good.key_file}}}), HasSubstr("/none.crt: "));
  EXPECT_THAT(fault({.identities = {{good.certificate_file, "/none.key"}}}), HasSubstr("/none.key: "));
  EXPECT_THAT(fault({.identities = {{good.certificate_file, other.key_file}}}), HasSubstr(other.key_file + ": "));
  const std::string text = good.certificate_file + ".text";
  std::ofstream(text) << "no certificate";
  EXPECT_THAT(fault({.identities = {{text, good.key_file}}}), HasSubstr(text + ": no start line"));
  EXPECT_THAT(fault({.identities = {good}, .client = Client::kRequired}), HasSubstr("client_ca_file"));
  EXPECT_THAT(fault({.identities = {good}, .client = Client::kRequired, .client_ca_file = "/none.pem"}),
              HasSubstr("/none.pem: "));
  EXPECT_THAT(fault({}), HasSubstr("identities"));
}

// RFC 5922 §7.1, §7.2.
TEST_F(Tls, CertificateIsForItsSipUrisElseItsNamesElseItsCommonName) {
  const auto uris = authority.sign_only({.names = "URI:sip:example.com,URI:sip:bob@example.net,DNS:sip.example.com"});
  EXPECT_TRUE(is_for(uris.get(), "Example.COM"));
  EXPECT_FALSE(is_for(uris.get(), "example.net"));      // a user's, not the domain's
  EXPECT_FALSE(is_for(uris.get(), "sip.example.com"));  // there are URIs
  const auto names =
      authority.sign_only({.names = "DNS:sip.example.com,IP:192.0.2.1", .common_name = "cn.example.com"});
  EXPECT_TRUE(is_for(names.get(), "sip.example.com."));
  EXPECT_TRUE(is_for(names.get(), "192.0.2.1"));
  EXPECT_FALSE(is_for(names.get(), "192.0.2.2"));
  EXPECT_FALSE(is_for(names.get(), "cn.example.com"));
  EXPECT_FALSE(is_for(names.get(), "example.com"));
  EXPECT_FALSE(is_for(names.get(), ""));
  const auto common = authority.sign_only({.names = "", .common_name = "cn.example.com"});
  EXPECT_TRUE(is_for(common.get(), "cn.example.com"));
  EXPECT_FALSE(is_for(nullptr, "cn.example.com"));
}

TEST_F(Tls, WildcardStandsForOneLabel) {
  const auto wild = authority.sign_only({.names = "DNS:*.example.com,DNS:*.com"});
  EXPECT_FALSE(is_for(wild.get(), "sip.example.com"));
  EXPECT_TRUE(is_for(wild.get(), "sip.example.com", true));
  EXPECT_FALSE(is_for(wild.get(), "a.sip.example.com", true));
  EXPECT_FALSE(is_for(wild.get(), ".example.com", true));
  EXPECT_FALSE(is_for(wild.get(), "other.com", true));
}

}  // namespace
}  // namespace carillon::stream
