#include "engine/sdp/offer_answer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/engine/sdp/samples.h"

namespace carillon::sdp {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;
using testing::Not;

Local ours() {
  Local local;
  local.rtp = Endpoint::v4(198, 51, 100, 1, 40000);
  return local;
}

Session session_of(std::string_view text) {
  const auto session = parse(text);
  EXPECT_TRUE(session) << text;
  return session.value_or(Session{});
}

Result<Answer, Refusal> answer_to(std::string_view offer, const Local& local = ours()) {
  LocalOrigin origin{.session_id = 7};
  return answer(session_of(offer), local, origin);
}

Agreed agreed_on(std::string_view offer, const Local& local = ours()) {
  const auto result = answer_to(offer, local);
  EXPECT_TRUE(result) << name(result.error());
  return result ? result->agreed : Agreed{};
}

TEST(Offer, SaysWhatWeHave) {
  LocalOrigin origin{.session_id = 7};
  EXPECT_EQ(make_offer(ours(), origin).view(),
            "v=0\r\n"
            "o=carillon 7 1 IN IP4 198.51.100.1\r\n"
            "s=-\r\n"
            "c=IN IP4 198.51.100.1\r\n"
            "t=0 0\r\n"
            "m=audio 40000 RTP/AVP 0 8 101\r\n"
            "a=rtpmap:0 PCMU/8000\r\n"
            "a=rtpmap:8 PCMA/8000\r\n"
            "a=rtpmap:101 telephone-event/8000\r\n"
            "a=fmtp:101 0-15\r\n"
            "a=ptime:20\r\n"
            "a=sendrecv\r\n");
}

TEST(Offer, VersionGoesUpByOneOnlyWhenSomethingChanged) {
  LocalOrigin origin{.session_id = 7};
  Local local = ours();
  EXPECT_THAT(std::string(make_offer(local, origin)), HasSubstr("o=carillon 7 1 "));
  EXPECT_THAT(std::string(make_offer(local, origin)), HasSubstr("o=carillon 7 1 "));
  local.direction = Direction::kSendOnly;
  EXPECT_THAT(std::string(make_offer(local, origin)), HasSubstr("o=carillon 7 2 "));
  local.direction = Direction::kSendRecv;
  EXPECT_THAT(std::string(make_offer(local, origin)), HasSubstr("o=carillon 7 3 "));
}

TEST(Offer, NamesAnIpv6Address) {
  LocalOrigin origin;
  Local local = ours();
  local.rtp = *Endpoint::parse("2001:db8::1", 40000);
  EXPECT_THAT(std::string(make_offer(local, origin)), HasSubstr("c=IN IP6 2001:db8::1\r\n"));
}

TEST(Answer, TakesOurPreferredCodecAmongThoseOffered) {
  const auto result = answer_to(samples::kCarrier);
  ASSERT_TRUE(result);
  const Agreed& agreed = result->agreed;
  EXPECT_EQ(agreed.rtp, Endpoint::v4(203, 0, 113, 20, 23456));
  EXPECT_EQ(agreed.rtcp, Endpoint::v4(203, 0, 113, 20, 23457));
  EXPECT_EQ(agreed.codec, Codec::kPcmu);
  EXPECT_EQ(agreed.send_type, 0);
  EXPECT_EQ(agreed.pcmu_type, 0);
  EXPECT_EQ(agreed.pcma_type, kNoPayloadType) << "only what the answer names may come";
  EXPECT_EQ(agreed.event_send_type, 101);
  EXPECT_TRUE(agreed.event_takes_letters);
  EXPECT_EQ(agreed.direction, Direction::kSendRecv);
  EXPECT_THAT(std::string(result->text), HasSubstr("m=audio 40000 RTP/AVP 0 101\r\n"));

  Local a_law = ours();
  a_law.codecs = {Codec::kPcma, Codec::kPcmu};
  EXPECT_EQ(agreed_on(samples::kCarrier, a_law).codec, Codec::kPcma);
}

TEST(Answer, StaticTypesNeedNoMapAndEventsAreNotInvented) {
  const auto result = answer_to(samples::kGateway);
  ASSERT_TRUE(result);
  EXPECT_EQ(result->agreed.codec, Codec::kPcmu);
  EXPECT_EQ(result->agreed.event_send_type, kNoPayloadType);
  EXPECT_EQ(result->agreed.ptime, milliseconds(30));
  EXPECT_EQ(result->agreed.send_time, milliseconds(20));
  EXPECT_THAT(std::string(result->text), Not(HasSubstr("telephone-event")));
}

TEST(Answer, OtherMediaAreRejectedInTheirPlace) {
  const auto result = answer_to(samples::kPhone);
  ASSERT_TRUE(result);
  EXPECT_THAT(std::string(result->text), HasSubstr("m=video 0 RTP/AVP 99\r\nm=audio 40000 RTP/AVP 0 97\r\n"));
  EXPECT_EQ(result->agreed.rtcp, Endpoint::v4(198, 51, 100, 10, 31055));
  EXPECT_EQ(result->agreed.event_receive_type, 97);
  EXPECT_FALSE(result->agreed.event_takes_letters);
  EXPECT_EQ(result->agreed.direction, Direction::kRecvOnly);
  EXPECT_THAT(std::string(result->text), HasSubstr("a=recvonly\r\n"));
}

TEST(Answer, DynamicNumbersComeFromTheOffer) {
  const auto agreed =
      agreed_on(samples::with("m=audio 5000 RTP/AVP 98 99\r\na=rtpmap:98 pcma/8000/1\r\n"
                              "a=rtpmap:99 Telephone-Event/8000\r\n"));
  EXPECT_EQ(agreed.codec, Codec::kPcma);
  EXPECT_EQ(agreed.send_type, 98);
  EXPECT_EQ(agreed.pcma_type, 98);
  EXPECT_EQ(agreed.event_send_type, 99);
}

TEST(Answer, EventsAtAnotherClockOrWithoutKeysAreLeftOut) {
  const std::string_view lines = "m=audio 5000 RTP/AVP 0 101\r\na=rtpmap:101 ";
  const auto event_type = [&](std::string_view rest) {
    return agreed_on(samples::with(std::string(lines).append(rest))).event_send_type;
  };
  EXPECT_EQ(event_type("telephone-event/48000\r\n"), kNoPayloadType);
  EXPECT_EQ(event_type("telephone-event/8000\r\na=fmtp:101 32-36\r\n"), kNoPayloadType);
  EXPECT_EQ(event_type("telephone-event/8000\r\na=fmtp:101 0-5,6-99999999999,7\r\n"), 101);
  EXPECT_EQ(event_type("telephone-event/8000\r\na=fmtp:101 0,1,2,3,4,5,6,7,8,9,10,11\r\n"), 101);
}

struct DirectionCase {
  const char* media;
  const char* session;
  Direction local, agreed;
};

TEST(Answer, DirectionIsTurnedAroundAndCutToOurs) {
  using D = Direction;
  const DirectionCase cases[] = {
      {"", "", D::kSendRecv, D::kSendRecv},
      {"a=sendonly\r\n", "", D::kSendRecv, D::kRecvOnly},
      {"a=recvonly\r\n", "", D::kSendRecv, D::kSendOnly},
      {"a=inactive\r\n", "", D::kSendRecv, D::kInactive},
      {"", "a=sendonly\r\n", D::kSendRecv, D::kRecvOnly},
      {"a=sendrecv\r\n", "a=inactive\r\n", D::kSendRecv, D::kSendRecv},
      {"", "", D::kSendOnly, D::kSendOnly},
      {"a=sendonly\r\n", "", D::kSendOnly, D::kInactive},
      {"", "", D::kInactive, D::kInactive},
  };
  for (const auto& each : cases) {
    Local local = ours();
    local.direction = each.local;
    const auto offer =
        samples::with(std::string("m=audio 5000 RTP/AVP 0\r\n") + each.media, "c=IN IP4 192.0.2.1\r\n", each.session);
    const auto result = answer_to(offer, local);
    ASSERT_TRUE(result);
    EXPECT_EQ(result->agreed.direction, each.agreed) << offer;
    EXPECT_THAT(std::string(result->text), HasSubstr("a=" + std::string(name(each.agreed)) + "\r\n"));
  }
}

TEST(Answer, ZeroAddressIsHold) {
  const auto agreed = agreed_on(samples::with("m=audio 5000 RTP/AVP 0\r\n", "c=IN IP4 0.0.0.0\r\n"));
  EXPECT_TRUE(agreed.is_held());
  EXPECT_TRUE(agreed.rtp.is_unspecified());
  EXPECT_EQ(agreed.rtcp.port, 0);
  EXPECT_EQ(agreed.direction, Direction::kRecvOnly);
}

TEST(Answer, PacketTimeIsBounded) {
  const auto agreed_with = [&](std::string_view lines) {
    return agreed_on(samples::with(std::string("m=audio 5000 RTP/AVP 0\r\n").append(lines)));
  };
  EXPECT_EQ(agreed_with("a=ptime:10\r\n").send_time, milliseconds(10));
  EXPECT_EQ(agreed_with("a=maxptime:10\r\na=ptime:40\r\n").send_time, milliseconds(10));
  EXPECT_EQ(agreed_with("a=ptime:0\r\n").ptime, milliseconds(10));
  EXPECT_EQ(agreed_with("a=ptime:4000\r\n").ptime, milliseconds(60));
  EXPECT_EQ(agreed_with("a=ptime:99999999999999999999\r\n").ptime, milliseconds(20));
  EXPECT_EQ(agreed_with("a=ptime:-20\r\n").ptime, milliseconds(20));
  EXPECT_EQ(agreed_with("a=ptime:20.0\r\n").ptime, milliseconds(20));
}

TEST(Answer, NoRtcpPortAfterTheLast) {
  EXPECT_EQ(agreed_on(samples::with("m=audio 65535 RTP/AVP 0\r\n")).rtcp.port, 0);
}

TEST(Answer, RefusesWhatCannotBeSpoken) {
  const auto refusal = [](std::string_view text) { return answer_to(text).error(); };
  EXPECT_EQ(refusal(samples::with("")), Refusal::kNoAudio);
  EXPECT_EQ(refusal(samples::with("m=audio 0 RTP/AVP 0\r\n")), Refusal::kNoAudio);
  EXPECT_EQ(refusal(samples::with("m=image 5000 udptl t38\r\n")), Refusal::kNoAudio);
  EXPECT_EQ(refusal(samples::kBrowser), Refusal::kEncrypted);
  EXPECT_EQ(refusal(samples::with("m=audio 5000 RTP/AVP 18\r\n")), Refusal::kNoCommonCodec);
  EXPECT_EQ(refusal(samples::with("m=audio 5000 RTP/AVP 0\r\na=rtpmap:0 G726-32/8000\r\n")), Refusal::kNoCommonCodec);
  EXPECT_EQ(refusal(samples::with("m=audio 5000 RTP/AVP 0\r\n", "")), Refusal::kNoAddress);
  EXPECT_EQ(refusal(samples::with("m=audio 5000 RTP/AVP 0\r\n", "c=IN IP4 media.example.com\r\n")),
            Refusal::kNoAddress);
  EXPECT_EQ(refusal(samples::with("m=audio 5000 RTP/AVP 0\r\n", "c=IN IP4 224.0.0.9/127\r\n")), Refusal::kNoAddress);
  EXPECT_EQ(refusal(samples::kSix), Refusal::kNoAddress) << "we have no IPv6 address on this leg";
}

TEST(Answer, SpeaksIpv6WhereTheLegDoes) {
  Local local = ours();
  local.rtp = *Endpoint::parse("2001:db8::1", 40000);
  EXPECT_EQ(agreed_on(samples::kSix, local).rtp, *Endpoint::parse("2001:db8::5", 6000));
}

TEST(Answer, TakesThePlainLineBesideASecureOne) {
  const auto result = answer_to(samples::with("m=audio 5002 RTP/SAVP 0\r\nm=audio 5000 RTP/AVP 0\r\n"));
  ASSERT_TRUE(result);
  EXPECT_EQ(result->agreed.rtp.port, 5000);
  EXPECT_THAT(std::string(result->text), HasSubstr("m=audio 0 RTP/SAVP 0\r\nm=audio 40000 RTP/AVP 0\r\n"));
}

TEST(Answer, ToTheLargestOfferStillFits) {
  const std::string token(kTokenMax, 'x');
  std::string media;
  for (std::size_t i = 0; i + 1 < kMediaMax; ++i) media += "m=" + token + " 1 " + token + " " + token + "\r\n";
  Local local = ours();
  local.rtp = *Endpoint::parse("2001:db8:1111:2222:3333:4444:5555:6666", 65535);
  local.user = FixedText<32>(std::string(32, 'u'));
  const auto result = answer_to(samples::with(media + "m=audio 5000 RTP/AVP 0 127\r\na=rtpmap:127 telephone-event/8000",
                                              "c=IN IP6 2001:db8::5\r\n"),
                                local);
  ASSERT_TRUE(result);
  EXPECT_TRUE(parse(result->text));
}

TEST(Accept, HearsByOurNumbersAndSendsByTheirs) {
  const auto agreed = accept(session_of(samples::with("m=audio 5000 RTP/AVP 8 0 96\r\n"
                                                      "a=rtpmap:96 telephone-event/8000\r\n")),
                             ours());
  ASSERT_TRUE(agreed);
  EXPECT_EQ(agreed->codec, Codec::kPcma) << "the answerer's first";
  EXPECT_EQ(agreed->send_type, 8);
  EXPECT_EQ(agreed->pcmu_type, 0) << "named in the answer, so it may come";
  EXPECT_EQ(agreed->pcma_type, 8);
  EXPECT_EQ(agreed->event_send_type, 96);
  EXPECT_EQ(agreed->event_receive_type, 101);
}

TEST(Accept, RefusesWhatIsNoAnswer) {
  const auto refusal = [](std::string_view text) { return accept(session_of(text), ours()).error(); };
  EXPECT_EQ(refusal(samples::with("")), Refusal::kNotAnAnswer);
  EXPECT_EQ(refusal(samples::kPhone), Refusal::kNotAnAnswer);
  EXPECT_EQ(refusal(samples::kBrowser), Refusal::kNotAnAnswer);
  EXPECT_EQ(refusal(samples::with("m=audio 0 RTP/AVP 0\r\n")), Refusal::kNoAudio);
  EXPECT_EQ(refusal(samples::with("m=audio 5000 RTP/AVP 18\r\n")), Refusal::kNoCommonCodec);
  Local only_a_law = ours();
  only_a_law.codecs = {Codec::kPcma, Codec::kPcma};
  only_a_law.codecs_count = 1;
  EXPECT_EQ(accept(session_of(samples::with("m=audio 5000 RTP/AVP 0\r\n")), only_a_law).error(),
            Refusal::kNoCommonCodec)
      << "an answer may not name what was not offered";
}

TEST(Accept, HoldAndResumeFromOurSide) {
  LocalOrigin ours_origin{.session_id = 7}, theirs_origin{.session_id = 8};
  Local local = ours(), peer = ours();
  peer.rtp = Endpoint::v4(192, 0, 2, 99, 6000);
  const auto round = [&](Direction wanted) {
    local.direction = wanted;
    const auto offer = make_offer(local, ours_origin);
    const auto answered = answer(session_of(offer), peer, theirs_origin);
    EXPECT_TRUE(answered);
    const auto agreed = accept(session_of(answered->text), local);
    EXPECT_TRUE(agreed);
    return std::pair(agreed->direction, answered->agreed.direction);
  };
  using D = Direction;
  EXPECT_EQ(round(D::kSendRecv), std::pair(D::kSendRecv, D::kSendRecv));
  EXPECT_EQ(round(D::kSendOnly), std::pair(D::kSendOnly, D::kRecvOnly));
  EXPECT_EQ(round(D::kInactive), std::pair(D::kInactive, D::kInactive));
  EXPECT_EQ(round(D::kSendRecv), std::pair(D::kSendRecv, D::kSendRecv));
  EXPECT_EQ(ours_origin.version, 4u);
  EXPECT_EQ(theirs_origin.version, 4u);
}

}  // namespace
}  // namespace carillon::sdp
