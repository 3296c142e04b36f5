#include "engine/stream/framer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace carillon::stream {
namespace {

using testing::ElementsAre;

const std::string kOptions = "OPTIONS sip:a@example.com SIP/2.0\r\nCall-ID: 1\r\nContent-Length: 0\r\n\r\n";
const std::string kMessage = "MESSAGE sip:b@example.com SIP/2.0\r\nl : 5\r\n\r\nhello";

// What came out: messages as they are, "ping", or the error's number.
std::vector<std::string> drain(Framer& framer) {
  std::vector<std::string> out;
  for (Frame frame = framer.next(); frame.kind != Frame::Kind::kNothing; frame = framer.next()) {
    if (frame.kind == Frame::Kind::kMessage) out.emplace_back(text_of(frame.bytes));
    if (frame.kind == Frame::Kind::kPing) out.emplace_back("ping");
    if (frame.kind == Frame::Kind::kRefused)
      out.push_back("error " + std::to_string(static_cast<int>(frame.error)) + " " +
                    std::to_string(frame.bytes.size()));
  }
  return out;
}

std::vector<std::string> read(const std::string& stream, const FramerLimits& limits = {}) {
  Framer framer(limits);
  framer.add(bytes_of(stream), TimePoint{});
  return drain(framer);
}

std::string error(FramingError error, std::size_t head) {
  return "error " + std::to_string(static_cast<int>(error)) + " " + std::to_string(head);
}

TEST(Framer, CutsMessagesByTheirContentLength) {
  EXPECT_THAT(read(kOptions + kMessage + kOptions), ElementsAre(kOptions, kMessage, kOptions));
}

TEST(Framer, EverySplitIntoTwoGivesTheSameMessages) {
  const std::string stream = "\r\n" + kMessage + "\r\n\r\n" + kOptions + "\r\n\r\n\r\n\r\n" + kMessage + "OPT";
  const auto whole = read(stream);
  EXPECT_THAT(whole, ElementsAre(kMessage, "ping", kOptions, "ping", "ping", kMessage));
  for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
    const FramerLimits limits;
    Framer framer(limits);
    const std::string first = stream.substr(0, cut), second = stream.substr(cut);
    framer.add(bytes_of(first), TimePoint{});
    auto out = drain(framer);
    framer.add(bytes_of(second), TimePoint{});
    const auto rest = drain(framer);
    out.insert(out.end(), rest.begin(), rest.end());
    EXPECT_EQ(out, whole) << cut;
    EXPECT_EQ(framer.held(), 3u) << cut;
  }
}

// RFC 5626 §4.4.1: CRLF CRLF asks, CRLF answers; a CRLF before a message is nothing (RFC 3261 §7.5).
TEST(Framer, OnlyTheDoubleLineEndIsAPing) {
  EXPECT_THAT(read("\r\n" + kOptions), ElementsAre(kOptions));
  EXPECT_THAT(read("\r\n\r\n" + kOptions), ElementsAre("ping", kOptions));
  EXPECT_THAT(read("\n\n\r\n"), ElementsAre());
}

TEST(Framer, LengthIsFoundFoldedCompactAndInAnyCase) {
  const std::string start = "MESSAGE sip:b@example.com SIP/2.0\r\n";
  for (const std::string line :
       {"Content-Length: 2", "l:2", "L:\t2 ", "CONTENT-LENGTH\t:\r\n 2", "content-length:02"}) {
    const std::string message = start + line + "\r\n\r\nhi";
    EXPECT_THAT(read(message), ElementsAre(message)) << line;
  }
  // one that stands in another header's fold is none
  const std::string fold = start + "Subject: x\r\n Content-Length: 9\r\nl: 2\r\n\r\nhi";
  EXPECT_THAT(read(fold), ElementsAre(fold));
}

TEST(Framer, LinesMayEndWithLineFeedAlone) {
  const std::string message = "MESSAGE sip:b@example.com SIP/2.0\nl: 2\n\nhi";
  EXPECT_THAT(read(message + kOptions), ElementsAre(message, kOptions));
}

TEST(Framer, HeadWithoutLengthIsRefusedWithItsHeadToAnswer) {
  const std::string head = "OPTIONS sip:a@example.com SIP/2.0\r\nCall-ID: 1\r\n\r\n";
  EXPECT_THAT(read(head + kOptions), ElementsAre(error(FramingError::kNoLength, head.size())));
}

TEST(Framer, BadLengthsAreRefused) {
  const auto head = [](const std::string& lines) { return "OPTIONS sip:a@b SIP/2.0\r\n" + lines + "\r\n\r\n"; };
  for (const std::string lines : {"l: -1", "l: 1 2", "l:", "l: +1", "l: 0x1", "l: 1\r\nContent-Length: 2"})
    EXPECT_THAT(read(head(lines)), ElementsAre(error(FramingError::kBadLength, head(lines).size()))) << lines;
  for (const std::string lines : {"l: 65536", "l: 18446744073709551616", "l: 99999999999999999999999999999999999"})
    EXPECT_THAT(read(head(lines)), ElementsAre(error(FramingError::kTooLong, head(lines).size()))) << lines;
  EXPECT_THAT(read(head("l: 0\r\nContent-Length: 0")), ElementsAre(head("l: 0\r\nContent-Length: 0")));
}

TEST(Framer, MessageAndHeadHaveLimits) {
  const FramerLimits limits{.message_max = 200, .head_max = 100};
  const std::string start = "MESSAGE sip:b@example.com SIP/2.0\r\n";
  const std::string most = start + "l: 156\r\n\r\n" + std::string(156, 'x');
  ASSERT_EQ(most.size(), 201u);
  EXPECT_THAT(read(most, limits), ElementsAre(error(FramingError::kTooLong, 45)));
  const std::string fits = start + "l: 155\r\n\r\n" + std::string(155, 'x');
  EXPECT_THAT(read(fits, limits), ElementsAre(fits));
  EXPECT_THAT(read(start + "Subject: " + std::string(100, 'x'), limits),
              ElementsAre(error(FramingError::kHeadTooLong, 0)));
}

TEST(Framer, OtherProtocolsAreKnownByTheirFirstBytes) {
  EXPECT_THAT(read("\x16\x03\x01\x02"), ElementsAre(error(FramingError::kNotSip, 0)));
  EXPECT_THAT(read("GET / HTTP/1.1\r\n"), ElementsAre(error(FramingError::kNotSip, 0)));
  EXPECT_THAT(read(" OPTIONS"), ElementsAre(error(FramingError::kNotSip, 0)));
  // another version is for the agent to answer with 505
  const std::string seven = "OPTIONS sip:t@example.com SIP/7.0\r\nl: 0\r\n\r\n";
  EXPECT_THAT(read(seven), ElementsAre(seven));
}

TEST(Framer, DeadlineCountsFromTheFirstByteWhateverDribblesIn) {
  const FramerLimits limits{.head_time = 5s, .message_time = 20s};
  Framer framer(limits);
  const TimePoint start{100s};
  const auto add = [&](std::string_view bytes, TimePoint now) {
    framer.add(bytes_of(bytes), now);
    return drain(framer);
  };
  add("\r\n", start);
  EXPECT_EQ(framer.deadline(), TimePoint::max());  // between messages anybody may be silent
  add("OPTIONS ", start);
  add("sip:a SIP/2.0\r\n", start + 4s);
  EXPECT_EQ(framer.deadline(), start + 5s);
  add("l: 2\r\n\r\nh", start + 4s);
  EXPECT_EQ(framer.deadline(), start + 20s);
  EXPECT_EQ(add("iOPT", start + 19s).size(), 1u);
  EXPECT_EQ(framer.deadline(), start + 24s);  // the next message has its own
}

TEST(Framer, HoldsNothingBetweenMessages) {
  const FramerLimits limits;
  Framer framer(limits);
  const std::string first = kOptions.substr(0, 20), second = kOptions.substr(20);
  framer.add(bytes_of(first), TimePoint{});
  EXPECT_TRUE(drain(framer).empty());
  EXPECT_EQ(framer.held(), 20u);
  framer.add(bytes_of(second), TimePoint{});
  EXPECT_EQ(drain(framer).size(), 1u);
  EXPECT_EQ(framer.held(), 0u);
}

// Else each connection could hold a whole read by beginning a message behind it.
TEST(Framer, RoomOfALargeReadIsGivenBack) {
  const FramerLimits limits;
  Framer framer(limits);
  std::string many = kOptions.substr(1);
  while (many.size() < 60'000) many += kOptions;
  many += "O";
  framer.add(bytes_of("O"), TimePoint{});
  EXPECT_TRUE(drain(framer).empty());
  framer.add(bytes_of(many), TimePoint{});
  EXPECT_GT(drain(framer).size(), 500u);
  EXPECT_EQ(framer.held(), 1u);
  EXPECT_LE(framer.memory(), 2048u);
}

}  // namespace
}  // namespace carillon::stream
