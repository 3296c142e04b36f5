#include "engine/sdp/session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/engine/sdp/samples.h"

namespace carillon::sdp {
namespace {

using testing::ElementsAre;

ParseError error_of(std::string_view text) {
  const auto session = parse(text);
  EXPECT_FALSE(session.has_value()) << text;
  return session ? ParseError{} : session.error();
}

TEST(Session, ReadsACarriersDescription) {
  const auto session = parse(samples::kCarrier);
  ASSERT_TRUE(session);
  EXPECT_EQ(session->origin, (Origin{"Sonus_UAC", "281713", "281713", "IP4", "203.0.113.10"}));
  EXPECT_EQ(session->subject, "SIP Media Capabilities");
  EXPECT_EQ(session->connection, (Connection{"IP4", "203.0.113.20"}));
  ASSERT_EQ(session->media.size(), 1u);
  const Media& audio = session->media[0];
  EXPECT_EQ(audio.kind, "audio");
  EXPECT_EQ(audio.port, 23456);
  EXPECT_EQ(audio.protocol, "RTP/AVP");
  EXPECT_THAT(audio.formats, ElementsAre("8", "0", "18", "101"));
  ASSERT_EQ(session->of(audio).size(), 8u);
  EXPECT_EQ(session->of(audio)[3], (Attribute{"fmtp", "18 annexb=no"}));
}

TEST(Session, ReadsLinesEndedByLineFeedAloneAndPaddedWords) {
  const auto session = parse(samples::kGateway);
  ASSERT_TRUE(session);
  EXPECT_THAT(session->media[0].formats, ElementsAre("0", "19"));
  EXPECT_FALSE(session->connection.is_present());
  EXPECT_EQ(session->media[0].connection.address, "192.0.2.7");
}

TEST(Session, AttributesBelongToTheirSection) {
  const auto session = parse(samples::kPhone);
  ASSERT_TRUE(session);
  ASSERT_EQ(session->media.size(), 2u);
  EXPECT_THAT(session->own(), ElementsAre(Attribute{"tool", "baresip 1.0.0"}));
  EXPECT_THAT(session->of(session->media[0]), ElementsAre(Attribute{"rtpmap", "99 H264/90000"}));
  ASSERT_NE(session->find(session->media[1], "tool"), nullptr) << "falls back to the session's";
  EXPECT_EQ(session->find(session->media[0], "sendonly"), nullptr) << "never another section's";
}

TEST(Session, KeepsAnOriginUserWithBlanks) {
  const auto session = parse("v=0\r\no=Big Switch 2 3 IN IP4 192.0.2.1\r\ns=-\r\n");
  ASSERT_TRUE(session);
  EXPECT_EQ(session->origin, (Origin{"Big Switch", "2", "3", "IP4", "192.0.2.1"}));
}

TEST(Session, NamesWhatIsWrong) {
  EXPECT_EQ(error_of(""), ParseError::kNotSdp);
  EXPECT_EQ(error_of("<xml/>"), ParseError::kNotSdp);
  EXPECT_EQ(error_of("v=1\r\n"), ParseError::kNotSdp);
  EXPECT_EQ(error_of("v=0\r\ns=-\r\n"), ParseError::kIncomplete);
  EXPECT_EQ(error_of("v=0\r\nnonsense\r\n"), ParseError::kBadLine);
  EXPECT_EQ(error_of(std::string_view("v=0\r\ns=a\0b\r\n", 12)), ParseError::kBadLine);
  EXPECT_EQ(error_of("v=0\r\no=x 1 IN IP4 192.0.2.1\r\n"), ParseError::kBadOrigin);
  EXPECT_EQ(error_of(samples::with("m=audio 5000 RTP/AVP 0\r\n", "c=IN IP4\r\n")), ParseError::kBadAddress);
  EXPECT_EQ(error_of(samples::with("m=audio 5000 RTP/AVP 0\r\n", "c=ATM NSAP 47\r\n")), ParseError::kBadAddress);
  for (const char* line : {"m=audio\r\n", "m=audio x RTP/AVP 0\r\n", "m=audio 65536 RTP/AVP 0\r\n",
                           "m=audio -1 RTP/AVP 0\r\n", "m=audio 5000 RTP/AVP\r\n", "m=audio 5000\r\n"})
    EXPECT_EQ(error_of(samples::with(line)), ParseError::kBadMedia) << line;
  EXPECT_EQ(error_of(samples::with("m=audio 5000 RTP/AVP " + std::string(kTokenMax + 1, '9') + "\r\n")),
            ParseError::kBadMedia);
}

TEST(Session, BoundsHold) {
  const auto repeated = [](std::string_view line, std::size_t count) {
    std::string text;
    for (std::size_t i = 0; i < count; ++i) text += line;
    return text;
  };
  const std::string audio = "m=audio 5000 RTP/AVP 0\r\n";
  EXPECT_TRUE(parse(samples::with(repeated(audio, kMediaMax))));
  EXPECT_EQ(error_of(samples::with(repeated(audio, kMediaMax + 1))), ParseError::kTooMany);
  EXPECT_TRUE(parse(samples::with("m=audio 1 RTP/AVP" + repeated(" 0", kFormatsMax))));
  EXPECT_EQ(error_of(samples::with("m=audio 1 RTP/AVP" + repeated(" 0", kFormatsMax + 1))), ParseError::kTooMany);
  EXPECT_TRUE(parse(samples::with(audio + repeated("a=x\r\n", kAttributesMax))));
  EXPECT_EQ(error_of(samples::with(audio + repeated("a=x\r\n", kAttributesMax + 1))), ParseError::kTooMany);
  EXPECT_EQ(error_of(samples::with("i=" + std::string(kTextMax, 'x'))), ParseError::kTooLong);
}

TEST(Session, WhatIsWrittenReadsBackTheSame) {
  for (const auto text : {samples::kCarrier, samples::kGateway, samples::kPhone, samples::kSix, samples::kBrowser}) {
    const auto session = parse(text);
    ASSERT_TRUE(session);
    std::array<char, kTextMax> first, second;
    const auto written = write(*session, first);
    ASSERT_FALSE(written.empty());
    const auto again = parse(written);
    ASSERT_TRUE(again) << written;
    EXPECT_EQ(write(*again, second), written);
    EXPECT_EQ(again->origin, session->origin);
    EXPECT_THAT(again->attributes, testing::ElementsAreArray(session->attributes));
    ASSERT_EQ(again->media.size(), session->media.size());
  }
}

TEST(Session, WritingIntoTooSmallABufferGivesNothing) {
  std::array<char, 64> small;
  EXPECT_TRUE(write(*parse(samples::kCarrier), small).empty());
}

TEST(Session, NumbersAreBounded) {
  EXPECT_EQ(numbered("101 telephone-event/8000")->number, 101);
  EXPECT_EQ(numbered("101 telephone-event/8000")->rest, "telephone-event/8000");
  EXPECT_FALSE(numbered("99999999999999999999 x"));
  EXPECT_FALSE(numbered("-1 x"));
  EXPECT_FALSE(numbered("0x10"));
  EXPECT_FALSE(numbered(""));
}

}  // namespace
}  // namespace carillon::sdp
