// Whom a leg hears when its port was told whom to expect: a hint must never cost a packet that the source rule takes.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/engine/shard/peer.h"

namespace carillon::shard {
namespace {

constexpr Duration kSettled = 10s;  // reports leave every 2.5 to 7.5 s, and the hint with them

media::ToneGenerator hum() { return media::ToneGenerator(media::digit_spec('1', 60'000, 0)); }

/// A call that the peer has answered and speaks to for `kSettled`.
struct Talk {
  explicit Talk(bool behind_nat = false) : peer(world) {
    world.a.trunk("p", {Endpoint::v4(10, 0, 0, 3, 5060)}, [&](call::Trunk& trunk) { trunk.behind_nat = behind_nat; });
    peer.on_message = [this](const std::string& message) {
      if (!message.starts_with("INVITE")) return;
      invite = message;
      peer.reply(message, "200 OK", {}, Peer::sdp());
    };
    leg = world.a.dial("p", "+4930123");
    world.run(200ms);
    peer.speak(port(), hum());
    world.run(kSettled);
  }
  std::uint16_t port() const { return media_port(invite); }

  World world;
  Peer peer;
  std::string invite;
  LegId leg;
};

TEST(ExpectedSource, AStrangerIsKeptOutBeforeHeIsLookedAt) {
  Talk talk;
  const auto stranger = talk.world.network.make_port();
  const auto socket = *stranger->open(Endpoint::v4(10, 0, 0, 9, 7000), false);
  std::array<std::byte, rtp::kHeaderSize + kFrameSamples> packet{};
  rtp::write_header(std::span(packet).first<rtp::kHeaderSize>(), {false, 0, 1, {160}, 0x9999, {}});
  const io::Outgoing out{socket, Endpoint::v4(10, 0, 0, 1, talk.port()), packet, {}};
  for (int i = 0; i < 50; ++i) stranger->transmit({&out, 1});
  talk.world.run(1s);
  talk.world.a.tell(call::Hangup{talk.leg, 16, {}});
  talk.world.run(500ms);
  EXPECT_EQ(talk.world.a.state(talk.leg).rtp.foreign, 0u) << "the port had been told whom to expect";
  EXPECT_GT(talk.world.a.state(talk.leg).rtp.packets_in, 500u);
}

TEST(ExpectedSource, AReInviteToAnotherPortIsHeardAtOnce) {
  Talk talk;
  talk.peer.send(
      talk.peer.request(talk.invite, "INVITE", 1, "Content-Type: application/sdp\r\n", Peer::sdp("0", {}, 7100)));
  talk.world.run(100ms);
  ASSERT_TRUE(talk.peer.has("SIP/2.0 200"));
  talk.peer.speak(talk.port(), hum(), 7100);
  const int before = talk.peer.rtp_packets;
  talk.world.run(1s);
  EXPECT_GE(talk.peer.rtp_packets - before, 49) << "speech goes to the new port";
  talk.world.a.tell(call::Hangup{talk.leg, 16, {}});
  talk.world.run(500ms);
  EXPECT_LE(talk.world.a.state(talk.leg).rtp.foreign, 5u) << "from the old port, before it fell silent";
  EXPECT_GE(talk.world.a.state(talk.leg).rtp.packets_in, 545u) << "and what it says is heard";
}

TEST(ExpectedSource, BehindNatANewPortIsTakenAfterTwoSecondsOfSilence) {
  Talk talk(true);
  talk.peer.speak(talk.port(), hum(), 7200);  // the NAT has forgotten, and maps anew
  const int before = talk.peer.rtp_packets;
  talk.world.run(1900ms);
  EXPECT_EQ(talk.peer.rtp_packets, before) << "not yet: it might be anybody";
  talk.world.run(600ms);
  EXPECT_GT(talk.peer.rtp_packets, before + 15) << "speech goes where it comes from";
}

TEST(ExpectedSource, APairThatIsLentAgainHearsItsNewPeer) {
  Talk talk;
  talk.world.a.tell(call::Hangup{talk.leg, 16, {}});
  talk.world.run(500ms);
  std::uint16_t first = talk.port(), port = 0;
  LegId leg;
  for (int calls = 0; calls < 200 && port != first; ++calls) {  // pairs rest before they are lent again
    leg = talk.world.a.dial("p", "+4930123");
    talk.world.run(100ms);
    port = talk.port();
    if (port == first) break;
    talk.world.a.tell(call::Hangup{leg, 16, {}});
    talk.world.run(100ms);
  }
  ASSERT_EQ(port, first);
  talk.peer.speak(port, hum(), 7300);  // not where SDP says: foreign, and looked at
  talk.world.run(1s);
  talk.world.a.tell(call::Hangup{leg, 16, {}});
  talk.world.run(500ms);
  EXPECT_GT(talk.world.a.state(leg).rtp.foreign, 40u) << "the hint of the call before is gone";
}

}  // namespace
}  // namespace carillon::shard
