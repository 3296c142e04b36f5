#include "tests/carrier/sip_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/carrier/call.h"
#include "tests/carrier/digest.h"

namespace carillon::carrier {
namespace {

using testing::ElementsAre;

constexpr std::string_view kInvite =
    "INVITE sip:+12125550100@127.0.0.1:5070 SIP/2.0\r\n"
    "v: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bKa;rport, SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKb\r\n"
    "Record-Route: <sip:10.0.0.9;lr>\r\n"
    "f: \"A, \\\"B\\\" <C>\" <sip:1000@127.0.0.1>;tag=t1\r\n"
    "To:\r\n  <sip:+12125550100@127.0.0.1>\r\n"
    "i: id1\r\n"
    "CSeq: 7 INVITE\r\n"
    "m: <sip:1000@127.0.0.1:5060>\r\n"
    "l: 4\r\n\r\nv=0\nrest";

TEST(SipText, ReadsCompactFoldedAndListedHeaders) {
  const auto message = parse_sip(kInvite);
  ASSERT_TRUE(message);
  EXPECT_EQ(message->method, "INVITE");
  EXPECT_EQ(user_of(message->uri), "+12125550100");
  EXPECT_EQ(message->get("call-id"), "id1");
  EXPECT_EQ(trimmed(message->get("to")), "<sip:+12125550100@127.0.0.1>");
  EXPECT_EQ(parameter(message->get("from"), "tag"), "t1");
  EXPECT_EQ(message->cseq(), 7u);
  EXPECT_EQ(message->body, "v=0\n");
  EXPECT_THAT(message->all("via"),
              ElementsAre("SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bKa;rport", "SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKb"));
}

TEST(SipText, RefusesWhatIsNoSip) {
  const auto fault = [](std::string wire) { return parse_sip(wire).error(); };
  std::string text(kInvite);
  EXPECT_EQ(fault("hello\r\n\r\n"), SipFault::kStartLine);
  EXPECT_EQ(fault("SIP/2.0 99 Low\r\n\r\n"), SipFault::kStartLine);
  EXPECT_EQ(fault("INVITE sip:a SIP/2.0\r\nno colon\r\n\r\n"), SipFault::kHeader);
  EXPECT_EQ(fault("INVITE sip:a SIP/2.0\r\nTo: b\r\n\r\n"), SipFault::kMissing);
  EXPECT_EQ(fault(std::string(text).replace(text.find("7 INV"), 5, "7 BYE")), SipFault::kCseq);
  EXPECT_EQ(fault(std::string(text).replace(text.find("l: 4"), 4, "l: 99")), SipFault::kLength);
}

TEST(SipText, WritesWhatItReads) {
  const auto message = parse_sip(kInvite);
  ASSERT_TRUE(message);
  const auto again = parse_sip(write_sip(*message));
  ASSERT_TRUE(again);
  EXPECT_EQ(again->body, message->body);
  EXPECT_EQ(again->all("via"), message->all("via"));
}

TEST(SipText, ResponseNamesTheSourceAndKeepsTheRoute) {
  const auto message = parse_sip(kInvite);
  ASSERT_TRUE(message);
  const auto source = *Endpoint::parse("127.0.0.2", 4321);
  const auto response = response_to(*message, 180, "Ringing", "mine", source);
  EXPECT_THAT(response.all("via"),
              ElementsAre("SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bKa;rport=4321;received=127.0.0.2",
                          "SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKb"));
  EXPECT_EQ(response.get("record-route"), "<sip:10.0.0.9;lr>");
  EXPECT_EQ(parameter(response.get("to"), "tag"), "mine");
  EXPECT_EQ(response_address(*message, source).port, 4321);
}

TEST(SipText, WithoutRportTheAnswerGoesToThePortOfTheVia) {
  auto message = *parse_sip(kInvite);
  message.headers[0].value = "SIP/2.0/UDP 127.0.0.1:6060;branch=z9hG4bKa";
  EXPECT_EQ(response_address(message, *Endpoint::parse("127.0.0.1", 4321)).port, 6060);
  message.headers[0].value = "SIP/2.0/UDP host.example;branch=z9hG4bKa";
  EXPECT_EQ(response_address(message, *Endpoint::parse("127.0.0.1", 4321)).port, 5060);
}

TEST(SdpText, ReadsTheFirstAudioLine) {
  const auto media = parse_sdp(
      "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\nc=IN IP4 127.0.0.9\r\nt=0 0\r\n"
      "m=video 900 RTP/AVP 31\r\nm=audio 4000 RTP/AVP 8 0 96\r\nc=IN IP4 127.0.0.3\r\n"
      "a=rtpmap:96 telephone-event/8000\r\na=sendonly\r\nm=audio 5000 RTP/AVP 0\r\n");
  ASSERT_TRUE(media);
  EXPECT_EQ(media->rtp.text(), "127.0.0.3:4000");
  EXPECT_THAT(media->payload_types, ElementsAre(8, 0, 96));
  EXPECT_EQ(media->event_type, 96);
  EXPECT_EQ(media->direction, Media::Direction::kSendOnly);
  const auto again = parse_sdp(write_sdp(*media, 1, 1));
  ASSERT_TRUE(again);
  EXPECT_EQ(again->rtp, media->rtp);
  EXPECT_EQ(again->payload_types, media->payload_types);
}

TEST(SdpText, RefusesADescriptionWithoutAudioOrAddress) {
  EXPECT_FALSE(parse_sdp(""));
  EXPECT_FALSE(parse_sdp("c=IN IP4 127.0.0.1\r\nm=audio 0 RTP/AVP 0\r\n"));
  EXPECT_FALSE(parse_sdp("c=IN IP4 host.example\r\nm=audio 4000 RTP/AVP 0\r\n"));
  EXPECT_FALSE(parse_sdp("c=IN IP4 127.0.0.1\r\nm=audio 4000 RTP/AVP\r\n"));
}

// The example of RFC 2617 §3.5.
TEST(Digest, ProvesThePasswordOfTheRfcExample) {
  const std::string credentials =
      "Digest username=\"Mufasa\", realm=\"testrealm@host.com\", nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", "
      "uri=\"/dir/index.html\", qop=auth, nc=00000001, cnonce=\"0a4f113b\", "
      "response=\"6629fae49393a05397450978507c4ef1\", opaque=\"5ccc069c403ebaf9f0171e9517f40e41\"";
  const Login login{"Mufasa", "Circle Of Life"};
  EXPECT_TRUE(proves(credentials, login, "GET", "dcd98b7102dd2f0e8b11d0f600bfb0c093"));
  EXPECT_FALSE(proves(credentials, login, "GET", "another"));
  EXPECT_FALSE(proves(credentials, {"Mufasa", "circle of life"}, "GET", "dcd98b7102dd2f0e8b11d0f600bfb0c093"));
}

TEST(Digest, AnswersItsOwnChallengeInBothAlgorithms) {
  const Login login{"trunk", "se:cret"};
  for (const std::string algorithm : {"MD5", "SHA-256"}) {
    const auto credentials = answer(challenge("realm", "n1", algorithm), login, "INVITE", "sip:a@b", "c1");
    EXPECT_TRUE(proves(credentials, login, "INVITE", "n1")) << algorithm;
    EXPECT_FALSE(proves(credentials, login, "BYE", "n1")) << algorithm;
  }
  EXPECT_EQ(answer("Digest realm=\"r\", nonce=\"n\", algorithm=MD9", login, "INVITE", "sip:a@b", "c"), "");
}

}  // namespace
}  // namespace carillon::carrier
