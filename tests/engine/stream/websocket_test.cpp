#include "engine/stream/websocket.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/engine/stream/web_client.h"

namespace carillon::stream {
namespace {

using Kind = SocketEvent::Kind;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

std::string with(std::string text, const std::string& from, const std::string& to) {
  return text.replace(text.find(from), from.size(), to);
}

// RFC 6455 §1.3.
TEST(Upgrade, AnswersTheKeyOfTheStandard) {
  const auto upgrade = read_upgrade(upgrade_request(), {});
  EXPECT_EQ(upgrade.verdict, Upgrade::Verdict::kAccepted);
  EXPECT_THAT(upgrade.answer, StartsWith("HTTP/1.1 101 "));
  EXPECT_THAT(upgrade.answer, HasSubstr("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
  EXPECT_THAT(upgrade.answer, HasSubstr("Sec-WebSocket-Protocol: sip\r\n"));
  EXPECT_EQ(upgrade.consumed, upgrade_request().size());
}

TEST(Upgrade, WaitsForTheWholeRequestAndLeavesTheFrames) {
  const std::string request = upgrade_request();
  for (std::size_t cut = 0; cut < request.size(); ++cut)
    ASSERT_EQ(read_upgrade(std::string_view(request).substr(0, cut), {}).verdict, Upgrade::Verdict::kIncomplete) << cut;
  EXPECT_EQ(read_upgrade(request + "frame", {}).consumed, request.size());
}

TEST(Upgrade, WhatIsNoSuchRequestIsRefusedWithItsReason) {
  const std::string request = upgrade_request();
  const auto status = [](const std::string& text) {
    const auto upgrade = read_upgrade(text, {});
    return upgrade.verdict == Upgrade::Verdict::kRefused ? upgrade.answer.substr(9, 3) : "";
  };
  EXPECT_EQ(status(with(request, "GET", "POST")), "405");
  EXPECT_EQ(status(with(request, "HTTP/1.1", "HTTP/1.0")), "400");
  EXPECT_EQ(status(with(request, "Version: 13", "Version: 8")), "426");
  EXPECT_EQ(status(with(request, "chat, sip", "chat")), "400");
  EXPECT_EQ(status(with(request, "websocket", "h2c")), "400");
  EXPECT_EQ(status(with(request, ", Upgrade", "")), "400");
  EXPECT_EQ(status(with(request, "ZQ==", "ZQ=")), "400");
  EXPECT_EQ(status(with(request, "Host: sip-ws.example.com\r\n", "")), "400");
  EXPECT_EQ(status(with(request, "Host:", "Content-Length: 5\r\nHost:")), "400");
  EXPECT_EQ(status(with(request, "Host:", "Host: other\r\nHost:")), "400");
  EXPECT_EQ(status("GET / HTTP/1.1\r\nCookie: " + std::string(kUpgradeMax, 'x')), "431");
}

TEST(Upgrade, OnlyListedOriginsMayConnect) {
  const std::vector<std::string> origins{"https://phone.example.com"};
  const auto verdict = [&](const std::string& origin) {
    return read_upgrade(upgrade_request(origin), origins).verdict;
  };
  EXPECT_EQ(verdict("https://Phone.example.com"), Upgrade::Verdict::kAccepted);
  EXPECT_EQ(verdict("https://evil.example.com"), Upgrade::Verdict::kRefused);
  EXPECT_EQ(verdict("null"), Upgrade::Verdict::kRefused);
  EXPECT_EQ(verdict(""), Upgrade::Verdict::kAccepted);  // no browser
  EXPECT_THAT(read_upgrade(upgrade_request("null"), origins).answer, StartsWith("HTTP/1.1 403 "));
}

// "message text", "ping text", "close 1000" …
std::vector<std::string> read(const std::string& stream, const SocketLimits& limits = {}, std::size_t most = 1 << 20) {
  SocketReader reader(limits);
  std::vector<std::string> out;
  for (std::size_t at = 0; at < stream.size(); at += most) {
    const std::string part = stream.substr(at, most);
    reader.add(bytes_of(part), TimePoint{});
    for (auto event = reader.next(); event.kind != Kind::kNothing; event = reader.next()) {
      const std::string text(text_of(event.bytes));
      if (event.kind == Kind::kMessage) out.push_back((event.opcode == Opcode::kText ? "text " : "binary ") + text);
      if (event.kind == Kind::kPing) out.push_back("ping " + text);
      if (event.kind == Kind::kPong) out.push_back("pong " + text);
      if (event.kind == Kind::kClose) out.push_back("close " + std::to_string(event.code));
      if (event.kind == Kind::kBroken) out.push_back("broken " + std::to_string(event.code));
    }
  }
  return out;
}

// RFC 6455 §5.7: its examples of a masked text, and of a fragmented one.
TEST(SocketReader, ReadsTheExamplesOfTheStandard) {
  EXPECT_THAT(read("\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"), ElementsAre("text Hello"));
  EXPECT_THAT(read("\x89\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"), ElementsAre("ping Hello"));
  std::string out;
  write_frame(out, Opcode::kText, bytes_of("Hello"));
  EXPECT_EQ(out, "\x81\x05Hello");
}

TEST(SocketReader, FragmentsWithAControlFrameBetweenAreOneMessage) {
  const std::string stream = client_frame("one ", {.is_last = false}) + client_frame("p", {.opcode = Opcode::kPing}) +
                             client_frame("two ", {.opcode = Opcode::kContinuation, .is_last = false}) +
                             client_frame("three", {.opcode = Opcode::kContinuation}) +
                             client_frame("\xff", {.opcode = Opcode::kBinary});
  const auto whole = read(stream);
  EXPECT_THAT(whole, ElementsAre("ping p", "text one two three", "binary \xff"));
  for (std::size_t most = 1; most < 20; ++most) EXPECT_EQ(read(stream, {}, most), whole) << most;
}

TEST(SocketReader, WhatTheStandardForbidsEndsIt) {
  EXPECT_THAT(read(client_frame("x", {.is_masked = false})), ElementsAre("broken 1002"));
  EXPECT_THAT(read("\xc1\x81mask"), ElementsAre("broken 1002"));                                        // RSV1
  EXPECT_THAT(read("\x83\x81mask"), ElementsAre("broken 1002"));                                        // opcode 3
  EXPECT_THAT(read(client_frame("x", {.opcode = Opcode::kContinuation})), ElementsAre("broken 1002"));  // of nothing
  EXPECT_THAT(read(client_frame("x", {.is_last = false}) + client_frame("y")), ElementsAre("broken 1002"));
  EXPECT_THAT(read(client_frame("x", {.opcode = Opcode::kPing, .is_last = false})), ElementsAre("broken 1002"));
  EXPECT_THAT(read(client_frame(std::string(126, 'x'), {.opcode = Opcode::kPing})), ElementsAre("broken 1002"));
  EXPECT_THAT(read(std::string("\x81\xfe\x00\x05mask", 8)), ElementsAre("broken 1002"));  // not the shortest length
  EXPECT_THAT(read(client_frame("\xff")), ElementsAre("broken 1007"));
  EXPECT_THAT(read(client_frame("x", {.opcode = Opcode::kClose})), ElementsAre("broken 1002"));
  EXPECT_THAT(read(client_frame("\x03\xed", {.opcode = Opcode::kClose})), ElementsAre("broken 1002"));  // 1005
}

TEST(SocketReader, CloseSaysItsCodeAndNothingFollows) {
  EXPECT_THAT(read(client_frame("", {.opcode = Opcode::kClose}) + client_frame("x")), ElementsAre("close 1000"));
  EXPECT_THAT(read(client_frame("\x03\xe9gone", {.opcode = Opcode::kClose})), ElementsAre("close 1001"));
}

TEST(SocketReader, LengthsAreJudgedBeforeTheirBytesCome) {
  const SocketLimits limits{.message_max = 1000, .fragments_max = 4};
  EXPECT_THAT(read(client_frame(std::string(1001, 'x')).substr(0, 4), limits), ElementsAre("broken 1009"));
  EXPECT_THAT(read(client_frame(std::string(1000, 'x')), limits), ElementsAre("text " + std::string(1000, 'x')));
  EXPECT_THAT(read(std::string("\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff", 10), limits), ElementsAre("broken 1009"));
  EXPECT_THAT(read(std::string("\x81\xff\xff\xff\xff\xff\xff\xff\xff\xff", 10), limits), ElementsAre("broken 1002"));
  const auto part = client_frame(std::string(600, 'x'), {.is_last = false});
  const auto more = client_frame(std::string(600, 'x'), {.opcode = Opcode::kContinuation});
  EXPECT_THAT(read(part + more, limits), ElementsAre("broken 1009"));
  std::string empty = client_frame("", {.is_last = false});
  for (int i = 0; i < 4; ++i) empty += client_frame("", {.opcode = Opcode::kContinuation, .is_last = false});
  EXPECT_THAT(read(empty, limits), ElementsAre("broken 1009"));
}

TEST(SocketReader, DeadlineCountsFromTheFirstByte) {
  SocketReader reader({.message_time = 20s});
  const TimePoint start{100s};
  const auto add = [&](const std::string& bytes, TimePoint now) {
    reader.add(bytes_of(bytes), now);
    int messages = 0;
    for (auto event = reader.next(); event.kind != Kind::kNothing; event = reader.next())
      messages += event.kind == Kind::kMessage;
    return messages;
  };
  EXPECT_EQ(reader.deadline(), TimePoint::max());
  add(client_frame("x", {.is_last = false}), start);
  add(client_frame("", {.opcode = Opcode::kPing}), start + 10s);
  EXPECT_EQ(reader.deadline(), start + 20s);
  EXPECT_EQ(add(client_frame("y", {.opcode = Opcode::kContinuation}), start + 11s), 1);
  EXPECT_EQ(reader.deadline(), TimePoint::max());
  EXPECT_EQ(reader.held(), std::string().capacity() * 2);
}

TEST(SocketFrame, HeadsHaveTheShortestLength) {
  for (const std::size_t size : {0u, 125u, 126u, 65'535u, 65'536u}) {
    std::string out;
    const std::string payload(size, 'x');
    write_frame(out, Opcode::kBinary, bytes_of(payload));
    EXPECT_EQ(out.size(), size + frame_head_size(size));
  }
  EXPECT_EQ(frame_head_size(125), 2u);
  EXPECT_EQ(frame_head_size(126), 4u);
  EXPECT_EQ(frame_head_size(65'536), 10u);
}

TEST(Utf8, KnowsItsForms) {
  EXPECT_TRUE(is_utf8("a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"));
  for (const std::string_view bad : {"\x80", "\xc0\x80", "\xc3", "\xe0\x80\x80", "\xed\xa0\x80", "\xf0\x80\x80\x80",
                                     "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xe2\x82"})
    EXPECT_FALSE(is_utf8(bad));
}

}  // namespace
}  // namespace carillon::stream
