#include "engine/rtp/ice_lite.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "tests/engine/rtp/srtp_packets.h"

namespace carillon::rtp {
namespace {

using Event = IceLite::Event;
using Verdict = IceLite::Verdict;

IceCredentials credentials(std::uint64_t seed) {
  Random random(seed);
  const Bytes bytes = random_bytes(random, IceCredentials::kRandomBytes);
  return IceCredentials::from(std::span<const std::byte, IceCredentials::kRandomBytes>(bytes));
}

/// A browser: a full agent, controlling, that checks.
struct Browser {
  IceCredentials server;
  std::string ufrag = "K0/0";
  std::uint32_t priority = 100;
  bool nominates = false, believes_controlled = false, signs = true;
  std::uint16_t strange = 0;  ///< an attribute
  int next = 0;

  Bytes check() {
    StunTransaction transaction{};
    transaction[0] = static_cast<std::byte>(++next);
    Bytes wire(300);
    StunWriter writer(wire, StunClass::kRequest, transaction);
    writer.username(std::string(server.ufrag.view()) + ":" + ufrag);
    writer.attribute(0xC057, bytes_of("net "));  // Chromium's, optional
    if (believes_controlled)
      writer.ice_controlled(5);
    else
      writer.ice_controlling(5);
    writer.priority(priority);
    if (nominates) writer.use_candidate();
    if (strange) writer.attribute(strange, {});
    if (signs) writer.sign(StunKey(server.password));
    wire.resize(writer.fingerprint().finish().size());
    return wire;
  }
};

struct Line {
  IceCredentials local = credentials(1);
  IceLite agent{local, "K0/0"};
  Browser browser{.server = local};
  TimePoint now{100s};
  Endpoint home = Endpoint::v4(198, 51, 100, 7, 40000), mobile = *Endpoint::parse("2001:db8::7", 40001);
  std::array<std::byte, IceLite::kReplyMax> reply;

  IceLite::Outcome check(const Endpoint& from) { return agent.on_datagram(browser.check(), from, now, reply); }
  IceLite::Outcome nominate(const Endpoint& from) {
    browser.nominates = true;
    const auto outcome = check(from);
    browser.nominates = false;
    return outcome;
  }
};

TEST(IceCredentialsTest, AreIceCharactersAndFollowTheRandomness) {
  std::set<std::string> seen;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    const auto made = credentials(seed);
    EXPECT_EQ(made.ufrag.size(), 8u);
    EXPECT_EQ(made.password.size(), 24u);
    for (const char c : std::string(made.ufrag.view()) + std::string(made.password.view()))
      EXPECT_TRUE(std::isalnum(c) || c == '+' || c == '/') << c;
    seen.emplace(made.password.view());
  }
  EXPECT_EQ(seen.size(), 100u);
}

// The peer learns how we see it, from whom it trusts.
TEST(IceLiteTest, ChecksAreAnswered) {
  Line line;
  for (const auto& from : {line.home, line.mobile}) {
    const Bytes request = line.browser.check();
    const auto outcome = line.agent.on_datagram(request, from, line.now, line.reply);
    EXPECT_EQ(outcome.verdict, Verdict::kAnswered);
    EXPECT_EQ(outcome.event, Event::kValid);
    const auto answer = parse_stun(outcome.reply);
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->kind, StunClass::kSuccess);
    EXPECT_EQ(answer->transaction, parse_stun(request)->transaction);
    EXPECT_EQ(answer->mapped, from);
    EXPECT_TRUE(answer->has_fingerprint);
    EXPECT_TRUE(is_authentic(*answer, StunKey(line.local.password)));
  }
}

TEST(IceLiteTest, OnlyCheckedSourcesAreValidAndOnlyNominatedOnesSelected) {
  Line line;
  EXPECT_FALSE(line.agent.is_valid(line.home, line.now));
  line.check(line.home);
  EXPECT_TRUE(line.agent.is_valid(line.home, line.now));
  EXPECT_FALSE(line.agent.is_valid(line.mobile, line.now));
  EXPECT_FALSE(line.agent.selected());
  EXPECT_EQ(line.agent.deadline(), TimePoint::max());

  EXPECT_EQ(line.nominate(line.home).event, Event::kSelected);
  EXPECT_EQ(line.agent.selected(), line.home);
  EXPECT_EQ(line.nominate(line.home).event, Event::kNone);

  Endpoint other = line.home;
  other.port++;
  EXPECT_FALSE(line.agent.is_valid(other, line.now));
}

TEST(IceLiteTest, StrangersAreRefusedAndNeverValid) {
  Line line;
  Browser stranger{.server = credentials(2)};
  auto outcome = line.agent.on_datagram(stranger.check(), line.mobile, line.now, line.reply);
  EXPECT_EQ(outcome.error, 401);  // another name
  stranger.server.ufrag = line.local.ufrag;
  outcome = line.agent.on_datagram(stranger.check(), line.mobile, line.now, line.reply);
  EXPECT_EQ(outcome.verdict, Verdict::kRefused);
  EXPECT_EQ(outcome.error, 401);  // our name, another password
  const auto answer = parse_stun(outcome.reply);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->error_code, 401);
  EXPECT_EQ(answer->integrity_at, 0u);

  line.browser.signs = false;
  EXPECT_EQ(line.check(line.mobile).error, 400);
  line.browser.signs = true;
  line.browser.ufrag = "else";
  EXPECT_EQ(line.check(line.mobile).error, 401);  // the peer's half of the name is another's
  EXPECT_FALSE(line.agent.is_valid(line.mobile, line.now));
}

// Without the peer's description only our half can be checked.
TEST(IceLiteTest, ChecksMayComeBeforeThePeersDescription) {
  Line line;
  line.agent = IceLite(line.local);
  EXPECT_EQ(line.check(line.home).verdict, Verdict::kAnswered);
  line.agent.set_remote_ufrag("else");
  EXPECT_EQ(line.check(line.home).error, 401);
}

TEST(IceLiteTest, UnknownAttributesAreNamed) {
  Line line;
  line.browser.strange = 0x7ABC;
  const auto outcome = line.check(line.home);
  EXPECT_EQ(outcome.error, 420);
  const auto answer = parse_stun(outcome.reply);
  ASSERT_TRUE(answer);
  EXPECT_TRUE(is_authentic(*answer, StunKey(line.local.password)));
  EXPECT_THAT(outcome.reply, testing::Contains(std::byte{0xBC}));
  EXPECT_FALSE(line.agent.is_valid(line.home, line.now));
}

// A lite agent can't be the controlling one: the peer has to be (RFC 8445 §7.3.1.1).
TEST(IceLiteTest, RoleConflictIsThePeersToSolve) {
  Line line;
  line.browser.believes_controlled = true;
  const auto outcome = line.nominate(line.home);
  EXPECT_EQ(outcome.error, 487);
  EXPECT_TRUE(is_authentic(*parse_stun(outcome.reply), StunKey(line.local.password)));
  EXPECT_FALSE(line.agent.selected());
  line.browser.believes_controlled = false;
  EXPECT_EQ(line.nominate(line.home).event, Event::kSelected);
}

TEST(IceLiteTest, IndicationsResponsesAndDamageGetNoReply) {
  Line line;
  std::array<std::byte, 100> wire;
  for (const auto kind : {StunClass::kIndication, StunClass::kSuccess, StunClass::kError}) {
    const auto message = StunWriter(wire, kind, {}).fingerprint().finish();
    const auto outcome = line.agent.on_datagram(message, line.home, line.now, line.reply);
    EXPECT_EQ(outcome.verdict, Verdict::kNoRequest);
    EXPECT_TRUE(outcome.reply.empty());
  }
  Bytes damaged = line.browser.check();
  damaged[30] ^= std::byte{1};
  const auto outcome = line.agent.on_datagram(damaged, line.home, line.now, line.reply);
  EXPECT_EQ(outcome.verdict, Verdict::kMalformed);
  EXPECT_TRUE(outcome.reply.empty());
}

// Strangers can't make us a source of traffic: ten answers a second, then silence. Who knows the password still gets
// in.
TEST(IceLiteTest, RefusalsAreBounded) {
  Line line;
  Browser stranger{.server = credentials(2)};
  int replies = 0;
  for (int i = 0; i < 1000; ++i) {
    const auto outcome = line.agent.on_datagram(stranger.check(), line.mobile, line.now, line.reply);
    replies += !outcome.reply.empty();
    line.now += 1ms;
  }
  EXPECT_EQ(replies, IceLite::kRefusalsPerSecond);
  EXPECT_EQ(line.check(line.home).verdict, Verdict::kAnswered);
  line.now += 1s;
  EXPECT_FALSE(line.agent.on_datagram(stranger.check(), line.mobile, line.now, line.reply).reply.empty());
}

TEST(IceLiteTest, PeerMovesToAnotherPathByNominatingIt) {
  Line line;
  line.browser.priority = 500;
  line.nominate(line.home);
  line.browser.priority = 100;
  line.now += IceLite::kNominationSettles;
  EXPECT_EQ(line.nominate(line.mobile).event, Event::kSelected);
  EXPECT_EQ(line.agent.selected(), line.mobile);
  EXPECT_TRUE(line.agent.is_valid(line.home, line.now));  // what is still under way counts
}

// An aggressive peer nominates all it tries: the best wins, whatever the order (RFC 8445 §8.1.1).
TEST(IceLiteTest, OfPathsNominatedTogetherTheBetterStays) {
  for (const bool better_first : {true, false}) {
    Line line;
    line.browser.priority = better_first ? 500 : 100;
    line.nominate(line.home);
    line.now += 50ms;
    line.browser.priority = better_first ? 100 : 500;
    line.nominate(line.mobile);
    EXPECT_EQ(line.agent.selected(), better_first ? line.home : line.mobile);
  }
}

TEST(IceLiteTest, ConsentEndsThirtySecondsAfterTheLastCheck) {
  Line line;
  line.nominate(line.home);
  for (int i = 0; i < 20; ++i) {  // Chromium checks every 2.5 s or so
    line.now += 5s;
    line.check(line.home);
    EXPECT_EQ(line.agent.deadline(), line.now + 30s);
    EXPECT_EQ(line.agent.on_deadline(line.now), Event::kNone);
  }
  line.now += 29999ms;
  EXPECT_EQ(line.agent.on_deadline(line.now), Event::kNone);
  EXPECT_TRUE(line.agent.is_valid(line.home, line.now));
  line.now += 1ms;
  EXPECT_FALSE(line.agent.is_valid(line.home, line.now));
  EXPECT_EQ(line.agent.on_deadline(line.now), Event::kConsentLost);
  EXPECT_FALSE(line.agent.selected());
  EXPECT_EQ(line.agent.deadline(), TimePoint::max());
  EXPECT_EQ(line.nominate(line.home).verdict, Verdict::kSilent);  // RFC 7675 §5.1: not with the same credentials
  EXPECT_FALSE(line.agent.is_valid(line.home, line.now));
}

TEST(IceLiteTest, RestartBringsAPeerBack) {
  Line line;
  line.nominate(line.home);
  line.now += 31s;
  ASSERT_EQ(line.agent.on_deadline(line.now), Event::kConsentLost);
  const auto fresh = credentials(3);
  line.agent.restart(fresh, "new1");
  EXPECT_EQ(line.nominate(line.home).error, 401);  // the old name is dead
  line.browser.server = fresh;
  line.browser.ufrag = "new1";
  EXPECT_EQ(line.nominate(line.mobile).event, Event::kSelected);
  EXPECT_EQ(line.agent.selected(), line.mobile);
}

// Media goes on where it was until the peer has chosen anew (RFC 8445 §9).
TEST(IceLiteTest, RestartKeepsThePathUntilTheNewOneIsNominated) {
  Line line;
  line.nominate(line.home);
  const auto fresh = credentials(3);
  line.agent.restart(fresh, "new1");
  EXPECT_EQ(line.agent.selected(), line.home);
  EXPECT_EQ(line.check(line.home).verdict, Verdict::kAnswered);   // still the old name
  EXPECT_NE(line.nominate(line.mobile).event, Event::kSelected);  // which moves nothing any more
  Browser renewed{.server = fresh, .ufrag = "new1", .priority = 1};
  line.agent.on_datagram(renewed.check(), line.mobile, line.now, line.reply);
  EXPECT_EQ(line.agent.selected(), line.home);
  renewed.nominates = true;
  EXPECT_EQ(line.agent.on_datagram(renewed.check(), line.mobile, line.now, line.reply).event, Event::kSelected);
  EXPECT_EQ(line.agent.selected(), line.mobile);
  EXPECT_EQ(line.check(line.home).error, 401);  // the old name is over
}

TEST(IceLiteTest, SourcesAreBoundedAndTheSelectedOneStays) {
  Line line;
  line.nominate(line.home);
  for (std::uint16_t port = 1; port <= 100; ++port) {
    line.now += 10ms;
    line.check(Endpoint::v4(203, 0, 113, 1, port));
  }
  EXPECT_EQ(line.agent.selected(), line.home);
  EXPECT_TRUE(line.agent.is_valid(line.home, line.now));
  int valid = 0;
  for (std::uint16_t port = 1; port <= 100; ++port)
    valid += line.agent.is_valid(Endpoint::v4(203, 0, 113, 1, port), line.now);
  EXPECT_EQ(valid, static_cast<int>(IceLite::kSourcesMax) - 1);
  EXPECT_TRUE(line.agent.is_valid(Endpoint::v4(203, 0, 113, 1, 100), line.now));
}

// Names as long as the RFC allows fit; the reply fits the room that its header names.
TEST(IceLiteTest, LongestNamesFit) {
  Line line;
  line.browser.ufrag = std::string(IceLite::kRemoteUfragMax, 'u');
  line.agent = IceLite(line.local, line.browser.ufrag);
  Bytes wire(600);
  StunWriter writer(wire, StunClass::kRequest, {});
  writer.username(std::string(line.local.ufrag.view()) + ":" + line.browser.ufrag).sign(StunKey(line.local.password));
  EXPECT_EQ(line.agent.on_datagram(writer.finish(), line.mobile, line.now, line.reply).verdict, Verdict::kAnswered);

  StunWriter strange(wire, StunClass::kRequest, {});
  strange.username(std::string(line.local.ufrag.view()) + ":" + line.browser.ufrag);
  for (std::uint16_t i = 0; i < 8; ++i) strange.attribute(static_cast<std::uint16_t>(0x4000 + i), {});
  const auto outcome =
      line.agent.on_datagram(strange.sign(StunKey(line.local.password)).finish(), line.mobile, line.now, line.reply);
  EXPECT_EQ(outcome.error, 420);
  EXPECT_FALSE(outcome.reply.empty());
}

}  // namespace
}  // namespace carillon::rtp
