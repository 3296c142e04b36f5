// Against a peer written by hand, line by line: what our own SIP would never say.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "tests/engine/shard/peer.h"

namespace carillon::shard {
namespace {

using call::PlanEvent;
using testing::HasSubstr;

TEST(Peer, ARedirectIsFollowedWhereTheTrunkSaysSo) {
  World world;
  Peer peer(world);
  world.b.on_incoming = [&](LegId leg, const LegState&, std::uint32_t) { world.b.tell(call::Answer{leg, {}}); };
  peer.on_message = [&](const std::string& message) {
    if (message.starts_with("INVITE")) {
      std::string moved = message;
      peer.send("SIP/2.0 302 Moved\r\nVia: " + header(message, "Via") + "\r\nFrom: " + header(message, "From") +
                "\r\nTo: " + header(message, "To") + ";tag=peer\r\nCall-ID: " + header(message, "Call-ID") +
                "\r\nCSeq: " + header(message, "CSeq") +
                "\r\nContact: <sip:+49999@10.0.0.2:5060>\r\nContent-Length: 0\r\n\r\n");
    }
  };
  const LegId leg = world.a.dial("p", "+4930123");
  world.run(1s);
  EXPECT_EQ(world.a.state(leg).phase, LegPhase::kAnswered);
  EXPECT_EQ(world.b.state(world.b.last_incoming).to.view(), "+49999");

  world.a.trunk("p", {Endpoint::v4(10, 0, 0, 3, 5060)});  // … and not where it does not
  const LegId second = world.a.dial("p", "+4930123");
  world.run(1s);
  EXPECT_EQ(world.a.state(second).phase, LegPhase::kEnded);
  EXPECT_EQ(world.a.state(second).sip_status, 302);
}

TEST(Peer, AnInfoDigitReachesThePlan) {
  World world;
  Peer peer(world);
  std::string invite;
  peer.on_message = [&](const std::string& message) {
    if (!message.starts_with("INVITE")) return;
    invite = message;
    peer.reply(message, "200 OK", {}, Peer::sdp());
  };
  call::Plan plan;
  plan.states.push_back(plan_state("ask", call::PlanState::Action::kWait, {{PlanEvent::kDigit, '9', 1}}));
  plan.states.push_back(plan_state("out", call::PlanState::Action::kHangup));
  plan.states.back().mark.assign("opt_out");
  const LegId leg = world.a.dial("p", "+4930123", plan);
  world.run(300ms);
  peer.send(
      peer.request(invite, "INFO", 1, "Content-Type: application/dtmf-relay\r\n", "Signal=9\r\nDuration=160\r\n"));
  world.run(300ms);
  ASSERT_EQ(world.a.news(EventKind::kDtmf, leg).size(), 1u);
  EXPECT_EQ(world.a.news(EventKind::kDtmf, leg)[0].body.dtmf.source.view(), "info");
  EXPECT_EQ(world.a.state(leg).last_mark.view(), "opt_out");
  EXPECT_TRUE(peer.has("BYE")) << "hung up";
}

TEST(Peer, DigitsInBandAreHeardWhereNoTelephoneEventWasAgreed) {
  World world;
  Peer peer(world);
  std::uint16_t port = 0;
  peer.on_message = [&](const std::string& message) {
    if (!message.starts_with("INVITE")) return;
    port = media_port(message);
    peer.reply(message, "200 OK", {}, Peer::sdp());
  };
  const LegId leg = world.a.dial("p", "+4930123");
  world.run(200ms);
  peer.speak(port, media::ToneGenerator(media::digit_spec('7', 120, 400)));
  world.run(1s);
  ASSERT_EQ(world.a.news(EventKind::kDtmf, leg).size(), 1u);
  EXPECT_EQ(world.a.news(EventKind::kDtmf, leg)[0].body.dtmf.digit, '7');
  EXPECT_EQ(world.a.news(EventKind::kDtmf, leg)[0].body.dtmf.source.view(), "inband");
}

TEST(Peer, ATrunkMayHaveItsOwnLocalAndAdvertisedAddress) {
  World world;
  Peer peer(world);
  std::string invite;
  peer.on_message = [&](const std::string& message) {
    if (message.starts_with("INVITE")) invite = message;
  };
  world.a.trunk("p", {Endpoint::v4(10, 0, 0, 3, 5060)}, [](call::Trunk& trunk) {
    trunk.local_address = "10.0.0.77";
    trunk.advertised_address = "198.51.100.7";
  });
  world.a.dial("p", "+4930123");
  world.run(200ms);
  EXPECT_EQ(peer.source, Endpoint::v4(10, 0, 0, 77, 5060));
  EXPECT_THAT(invite, HasSubstr("c=IN IP4 198.51.100.7\r\n"));
  EXPECT_THAT(header(invite, "Contact"), HasSubstr("@198.51.100.7:5060"));
  EXPECT_THAT(header(invite, "Via"), HasSubstr("198.51.100.7:5060"));
}

TEST(Peer, SpeechToATrunkLeavesFromItsLocalAddress) {
  World world;
  Peer peer(world);
  world.a.trunk("p", {Endpoint::v4(10, 0, 0, 3, 5060)}, [](call::Trunk& trunk) { trunk.local_address = "10.0.0.77"; });
  std::string invite;
  peer.on_message = [&](const std::string& message) {
    if (!message.starts_with("INVITE")) return;
    invite = message;
    peer.reply(message, "200 OK", {}, Peer::sdp());
  };
  const LegId leg = world.a.dial("p", "+4930123");
  world.run(500ms);
  EXPECT_EQ(world.a.state(leg).phase, LegPhase::kAnswered);
  EXPECT_THAT(invite, HasSubstr("c=IN IP4 10.0.0.77\r\n"));
  EXPECT_THAT(header(invite, "Contact"), HasSubstr("@10.0.0.77:5060"));
  EXPECT_GT(peer.rtp_packets, 10);
  EXPECT_EQ(peer.rtp_source, Endpoint::v4(10, 0, 0, 77, media_port(invite)));

  // a trunk that fails over from there to the usual address takes the usual ports again, and gives all back
  peer.on_message = [&](const std::string& message) {
    if (message.starts_with("INVITE")) peer.reply(message, "500 No");
  };
  world.b.on_incoming = [&](LegId in, const LegState&, std::uint32_t) { world.b.tell(call::Answer{in, {}}); };
  const LegId second = world.a.dial("", "+1", {}, [](call::Originate& wanted) { wanted.trunks = {"p", "b"}; });
  world.run(500ms);
  EXPECT_EQ(world.a.state(second).phase, LegPhase::kAnswered);
  EXPECT_EQ(world.a.state(second).trunk.view(), "b");
  EXPECT_EQ(world.a.cores[0].shard->pairs_lent(), 2u);
  world.a.tell(call::Hangup{leg, 16, {}});
  world.a.tell(call::Hangup{second, 16, {}});
  world.run(500ms);
  EXPECT_EQ(world.a.cores[0].shard->pairs_lent(), 0u);
}

TEST(Peer, ALateOfferIsAnsweredWithTheAck) {
  World world;
  Peer peer(world);
  world.a.on_incoming = [&](LegId leg, const LegState&, std::uint32_t) {
    world.a.tell(call::Answer{leg, listen_plan()});
  };
  const std::string from = "<sip:+49301@10.0.0.3>;tag=peer", id = "late@10.0.0.3";
  const auto request = [&](const std::string& method, const std::string& to, const std::string& body) {
    return method + " sip:+49302@10.0.0.1:5060 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.3:5060;branch=z9hG4bK" + method +
           "\r\nFrom: " + from + "\r\nTo: " + to + "\r\nCall-ID: " + id + "\r\nCSeq: 1 " + method +
           "\r\nMax-Forwards: 70\r\nContact: <sip:peer@10.0.0.3:5060>\r\n" +
           (body.empty() ? "" : "Content-Type: application/sdp\r\n") +
           "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  };
  peer.on_message = [&](const std::string& message) {
    if (message.starts_with("SIP/2.0 200") && header(message, "CSeq") == "1 INVITE")
      peer.send(request("ACK", header(message, "To"), Peer::sdp()));
  };
  peer.send(request("INVITE", "<sip:+49302@10.0.0.1>", {}));
  world.run(1s);
  const LegState state = world.a.state(world.a.last_incoming);
  EXPECT_EQ(state.phase, LegPhase::kAnswered);
  EXPECT_EQ(state.from.view(), "+49301");
  EXPECT_TRUE(peer.has("SIP/2.0 100"));
  EXPECT_GT(peer.rtp_packets, 30) << "the engine knows where to speak";
}

TEST(Peer, AnOfferWithNothingWeSpeakIsRefused) {
  World world;
  Peer peer(world);
  const std::string body = Peer::sdp("18", "a=rtpmap:18 G729/8000\r\n");
  peer.send(
      "INVITE sip:+49302@10.0.0.1:5060 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.3:5060;branch=z9hG4bKx\r\nFrom: "
      "<sip:a@10.0.0.3>;tag=1\r\nTo: <sip:+49302@10.0.0.1>\r\nCall-ID: g729\r\nCSeq: 1 INVITE\r\nMax-Forwards: "
      "70\r\nContact: <sip:a@10.0.0.3:5060>\r\nContent-Type: application/sdp\r\nContent-Length: " +
      std::to_string(body.size()) + "\r\n\r\n" + body);
  world.run(500ms);
  EXPECT_TRUE(peer.has("SIP/2.0 488"));
  EXPECT_EQ(world.a.state(world.a.last_incoming).cause, 65);
  EXPECT_EQ(world.a.legs(), 0u);
}

TEST(Peer, GarbageAndBrokenAnswersHarmNobody) {
  World world;
  Peer peer(world);
  peer.on_message = [&](const std::string& message) {
    if (message.starts_with("INVITE")) peer.reply(message, "200 OK", {}, "this is no description");
  };
  const LegId leg = world.a.dial("p", "+4930123");
  for (const char* text : {"", "\r\n\r\n", "GARBAGE", "INVITE", "SIP/2.0", "BREW sip:a@b SIP/2.0\r\n\r\n"})
    peer.send(text);
  world.run(1s);
  EXPECT_EQ(world.a.state(leg).phase, LegPhase::kEnded);
  EXPECT_THAT(std::string(world.a.state(leg).reason.view()), HasSubstr("without a usable session"));
  EXPECT_TRUE(peer.has("BYE"));
}

}  // namespace
}  // namespace carillon::shard
