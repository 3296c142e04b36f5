// Every bound of what a peer may write: at it all is well, one past it the stated answer comes and nothing else
// happens.

#include "engine/sip/dialog.h"
#include "engine/sip/digest.h"
#include "engine/sip/field.h"
#include "engine/sip/message.h"
#include "engine/sip/text.h"
#include "engine/sip/transactions.h"
#include "engine/sip/validate.h"
#include "tests/engine/sip/ladder.h"

namespace carillon::sip {
namespace {

using testing::ElementsAre;

std::string repeated(std::string_view what, std::size_t times) {
  std::string text;
  for (std::size_t i = 0; i < times; ++i) text += what;
  return text;
}

constexpr std::string_view kHead =
    "OPTIONS sip:bob@b.example SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.2;branch=z9hG4bK1\r\nFrom: <sip:a@a>;tag=1\r\n"
    "To: <sip:b@b>\r\nCall-ID: 1@a\r\nCSeq: 1 OPTIONS\r\n";

Fault fault_of(const std::string& text) {
  const auto message = Message::parse(bytes_of(text));
  if (!message) return ADD_FAILURE() << int(message.error()), Fault::kNone;
  return message->fault() != Fault::kNone ? message->fault() : validate(*message);
}
Fault with(std::string_view lines) { return fault_of(fmt::format("{}{}\r\n", kHead, lines)); }
Fault instead_of(std::string_view what, std::string_view by) {
  auto text = fmt::format("{}\r\n", kHead);
  return fault_of(text.replace(text.find(what), what.size(), by));
}

TEST(Limits, MessageSize) {
  const auto of_size = [](std::size_t size) {
    auto text = fmt::format("{}\r\n", kHead);
    return Message::parse(bytes_of(text.append(size - text.size(), 'x')));
  };
  ASSERT_TRUE(of_size(Message::kBytesMax));
  EXPECT_EQ(of_size(Message::kBytesMax)->wire().size(), Message::kBytesMax);
  EXPECT_EQ(of_size(Message::kBytesMax + 1).error(), ParseError::kTooLong);
}

TEST(Limits, HeaderCount) {
  const auto of_count = [](std::size_t count) {
    return Message::parse(bytes_of(fmt::format("{}{}\r\n", kHead, repeated("X: y\r\n", count - 5))));
  };
  ASSERT_TRUE(of_count(Message::kHeadersMax));
  EXPECT_EQ(of_count(Message::kHeadersMax)->size(), Message::kHeadersMax);
  EXPECT_EQ(of_count(Message::kHeadersMax + 1).error(), ParseError::kTooManyHeaders);
}

// A line has no bound but the message's: a table of offsets does not grow with it.
TEST(Limits, HeaderLineFillsTheMessage) {
  auto text = fmt::format("{}X: ", kHead);
  text.append(Message::kBytesMax - text.size() - 4, 'x').append("\r\n\r\n");
  const auto message = Message::parse(bytes_of(text));
  ASSERT_TRUE(message);
  EXPECT_EQ(message->find("X")->size(), Message::kBytesMax - kHead.size() - 7);
}

TEST(Limits, RequestUri) {
  const auto of_size = [](std::size_t size) {
    return instead_of("sip:bob@b.example", "sip:" + std::string(size - 4, 'b'));
  };
  EXPECT_EQ(of_size(kRequestUriMax), Fault::kNone);
  EXPECT_EQ(of_size(kRequestUriMax + 1), Fault::kUriTooLong);
}

TEST(Limits, ValuesOfAList) {
  const std::string via = "Via: SIP/2.0/UDP c\r\n";
  EXPECT_EQ(with(repeated(via, kValuesMax - 1)), Fault::kNone);
  EXPECT_EQ(with(repeated(via, kValuesMax)), Fault::kTooMany);
  EXPECT_EQ(with("Via: SIP/2.0/UDP c" + repeated(",SIP/2.0/UDP c", kValuesMax - 2) + "\r\n"), Fault::kNone);
  EXPECT_EQ(with("Via: SIP/2.0/UDP c" + repeated(",SIP/2.0/UDP c", kValuesMax - 1) + "\r\n"), Fault::kTooMany);
  EXPECT_EQ(with("Contact: <sip:a>" + repeated(",<sip:a>", kValuesMax - 1) + "\r\n"), Fault::kNone);
  EXPECT_EQ(with("Contact: <sip:a>" + repeated(",<sip:a>", kValuesMax) + "\r\n"), Fault::kTooMany);
}

TEST(Limits, CSeq) {
  EXPECT_EQ(instead_of("1 OPTIONS", "0 OPTIONS"), Fault::kNone);
  EXPECT_EQ(instead_of("1 OPTIONS", "2147483647 OPTIONS"), Fault::kNone);  // 2^31 - 1
  for (const char* number :
       {"2147483648", "4294967295", "4294967296", "4294967297", "18446744073709551617", "-1", "+1"})
    EXPECT_EQ(instead_of("1 OPTIONS", fmt::format("{} OPTIONS", number)), Fault::kCSeq) << number;
}

TEST(Limits, ContentLength) {
  EXPECT_EQ(with("Content-Length: 0\r\n"), Fault::kNone);
  EXPECT_EQ(with("Content-Length: 3\r\n\r\nabc"), Fault::kNone);  // and the two that with() adds
  EXPECT_EQ(with("Content-Length: 5\r\n\r\nabc"), Fault::kNone);
  EXPECT_EQ(with("Content-Length: 6\r\n\r\nabc"), Fault::kContentLength);
  for (const char* number :
       {"65536", "4294967295", "4294967296", "4294967299", "18446744073709551619", "-1", "+3", "3x"})
    EXPECT_EQ(with(fmt::format("Content-Length: {}\r\n\r\nabc", number)), Fault::kContentLength) << number;
}

TEST(Limits, MaxForwards) {
  EXPECT_EQ(with("Max-Forwards: 0\r\n"), Fault::kNone);
  EXPECT_EQ(with("Max-Forwards: 255\r\n"), Fault::kNone);
  for (const char* number : {"256", "4294967296", "18446744073709551616", "-1"})
    EXPECT_EQ(with(fmt::format("Max-Forwards: {}\r\n", number)), Fault::kMaxForwards) << number;
}

TEST(Limits, Port) {
  EXPECT_EQ(Uri::parse("sip:a@b:65535")->port, 65'535);
  EXPECT_EQ(Via::parse("SIP/2.0/UDP a:65535")->port, 65'535);
  for (const char* port : {"65536", "131072", "4294972356", "18446744073709556676", "-1", "+5060", ""}) {
    EXPECT_FALSE(Uri::parse(fmt::format("sip:a@b:{}", port))) << port;
    EXPECT_FALSE(Via::parse(fmt::format("SIP/2.0/UDP a:{}", port))) << port;
  }
}

/// Bounds of the agent: INVITEs of a trunk.
class CallLimits : public Ladder {
 protected:
  void SetUp() override { ASSERT_TRUE(agent_->put_trunk(carrier(), now_)); }
  // What comes back for an INVITE in which one piece is another.
  std::string answer(std::string_view what, std::string_view by) {
    auto text = invite({}, fmt::format("z9hG4bK{}", ++count_));
    text.replace(text.find(what), what.size(), by);
    arrives(text);
    const auto sent = take();
    return sent.empty() ? "-" : sent.back().line().substr(8);
  }
  std::string with(std::string_view more) { return answer("Max-Forwards", fmt::format("{}Max-Forwards", more)); }
  int count_ = 0;
};

TEST_F(CallLimits, FieldsThatADialogKeeps) {
  const auto of = [](std::string_view before, std::size_t size, std::string_view after) {
    return fmt::format("{}{}{}", before, std::string(size - before.size() - after.size(), 'x'), after);
  };
  EXPECT_EQ(answer("incoming@192.0.2.2", of("", 192, "")), "100 Trying");
  EXPECT_EQ(answer("incoming@192.0.2.2", of("", 193, "")), "400 Bad Dialog Fields");
  EXPECT_EQ(answer("tag=far", of("tag=", 4 + 192, "")), "100 Trying");
  EXPECT_EQ(answer("tag=far", of("tag=", 4 + 193, "")), "400 Bad Dialog Fields");
  EXPECT_EQ(answer("\"Bob\" <sip:+4930123@carrier.example>", of("<sip:", 512, ">")), "100 Trying");
  EXPECT_EQ(answer("\"Bob\" <sip:+4930123@carrier.example>", of("<sip:", 513, ">")), "400 Bad Dialog Fields");
  EXPECT_EQ(answer("To: <sip:+4930777@192.0.2.1>", "To: " + of("<sip:", 512, ">")), "100 Trying");
  EXPECT_EQ(answer("To: <sip:+4930777@192.0.2.1>", "To: " + of("<sip:", 513, ">")), "400 Bad Dialog Fields");
  EXPECT_EQ(answer("<sip:bob@192.0.2.2:5060>", "<" + of("sip:", 320, "") + ">"), "100 Trying");
  EXPECT_EQ(answer("<sip:bob@192.0.2.2:5060>", "<" + of("sip:", 321, "") + ">"), "400 Bad Dialog Fields");
}

TEST_F(CallLimits, RouteSet) {  // 1 KiB with the commas between
  const auto routes = [](std::size_t count, std::size_t last) {
    return repeated("Record-Route: <sip:192.0.2.3;lr>\r\n", count) + "Record-Route: <sip:" + std::string(last, 'r') +
           ">\r\n";
  };
  EXPECT_EQ(with(routes(48, 1024 - 48 * 19 - 6)), "100 Trying");
  EXPECT_EQ(with(routes(48, 1024 - 48 * 19 - 5)), "400 Bad Dialog Fields");
}

TEST_F(CallLimits, HeadersOfAnInvite) {  // its responses must be readable to us
  const auto own = Message::parse(bytes_of(invite({})))->size();
  EXPECT_EQ(with(repeated("X: y\r\n", Message::kHeadersMax - 16 - own)), "100 Trying");
  EXPECT_EQ(with(repeated("X: y\r\n", Message::kHeadersMax - 16 - own + 1)), "513 Message Too Large");
}

TEST_F(CallLimits, ListsAndUris) {
  EXPECT_EQ(with(repeated("Via: SIP/2.0/UDP c\r\n", kValuesMax - 1)), "100 Trying");
  EXPECT_EQ(with(repeated("Via: SIP/2.0/UDP c\r\n", kValuesMax)), "513 Too Many Values");
  EXPECT_EQ(answer("sip:+4930777@192.0.2.1 SIP", "sip:" + std::string(kRequestUriMax - 4, 'x') + " SIP"), "100 Trying");
  EXPECT_EQ(answer("sip:+4930777@192.0.2.1 SIP", "sip:" + std::string(kRequestUriMax - 3, 'x') + " SIP"),
            "414 Request-URI Too Long");
}

// What does not fit into our 4 KiB any more is not answered, and not served either.
TEST_F(CallLimits, AnswerThatWouldNotFit) {
  const auto before = agent_->counters().too_long;
  EXPECT_EQ(answer(";rport", ";rport;x=" + std::string(kWriteMax, 'x')), "-");
  EXPECT_GT(agent_->counters().too_long, before);
  EXPECT_EQ(agent_->dialogs(), 0u);
  EXPECT_EQ(agent_->transactions(), 0u);
}

// A body of many parts is refused by its type, unread: however many there are and however they nest.
TEST_F(CallLimits, Multipart) {
  const auto body = repeated("--b\r\nContent-Type: multipart/mixed;boundary=b\r\n\r\n", 1000);
  EXPECT_EQ(answer("Content-Length: 0\r\n\r\n",
                   fmt::format("Content-Type: multipart/mixed;boundary=b\r\nContent-Length: {}\r\n\r\n{}", body.size(),
                               body)),
            "415 Unsupported Media Type");
  EXPECT_EQ(agent_->dialogs(), 0u);
}

/// Bounds of the registrar.
class RegisterLimits : public Ladder {
 protected:
  void SetUp() override {
    const auto secret = ha1(hasher_, Algorithm::kMd5, "anna", "carillon", "pw");
    ASSERT_TRUE(agent_->put_endpoint({"phone", "anna", std::string(secret.view()), ""}));
  }
  // A REGISTER with these lines and a digest for the challenge to the one before; what comes back.
  Sent answer(std::string_view lines) {
    std::string proof;
    for (;;) {
      ++count_;
      arrives(
          fmt::format("REGISTER sip:192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.5;branch=z9hG4bK{0};rport\r\n"
                      "From: <sip:anna@192.0.2.1>;tag=p\r\nTo: <sip:anna@192.0.2.1>\r\nCall-ID: {0}\r\n"
                      "CSeq: {0} REGISTER\r\n{1}{2}Content-Length: 0\r\n\r\n",
                      count_, lines, proof));
      const Sent sent = take().back();
      if (sent.what() != "401" || !proof.empty()) return sent;
      const auto header = sent.header("WWW-Authenticate");
      const auto at = header.find("nonce=\"") + 7;
      const auto nonce = header.substr(at, header.find('"', at) - at);
      const auto secret = ha1(hasher_, Algorithm::kMd5, "anna", "carillon", "pw");
      proof = fmt::format(
          "Authorization: Digest username=\"anna\", realm=\"carillon\", nonce=\"{}\", uri=\"sip:x\", response=\"{}\", "
          "algorithm=MD5, cnonce=\"c\", qop=auth, nc=00000001\r\n",
          nonce,
          digest_response(hasher_, Algorithm::kMd5, secret, nonce, "00000001", "c", "auth", "REGISTER", "sip:x")
              .view());
    }
  }
  std::string expires(std::string_view header, std::string_view parameter = {}) {
    const auto contact =
        answer(fmt::format("Contact: <sip:anna@10.0.0.5>{}\r\n{}", parameter, header)).header("Contact");
    return contact.substr(contact.rfind('=') + 1);
  }
  Hasher hasher_;
  int count_ = 0;
};

TEST_F(RegisterLimits, Expires) {
  EXPECT_EQ(expires("Expires: 3600\r\n"), "3600");
  for (const char* seconds : {"3601", "4294967295", "4294967296", "18446744073709551676"}) {  // more is the most
    EXPECT_EQ(expires(fmt::format("Expires: {}\r\n", seconds)), "3600") << seconds;
    EXPECT_EQ(expires({}, fmt::format(";expires={}", seconds)), "3600") << seconds;
  }
  EXPECT_EQ(answer("Contact: <sip:anna@10.0.0.5>\r\nExpires: 60\r\n").what(), "200");
  EXPECT_EQ(answer("Contact: <sip:anna@10.0.0.5>\r\nExpires: 59\r\n").what(), "423");
}

TEST_F(RegisterLimits, Contacts) {
  const auto many = [](std::size_t count) {
    std::string lines;
    for (std::size_t i = 0; i < count; ++i) lines += fmt::format("Contact: <sip:{}@10.0.0.5>\r\n", i);
    return lines;
  };
  EXPECT_EQ(answer(many(kContactsMax)).what(), "200");
  EXPECT_EQ(answer(many(kContactsMax + 1)).line(), "SIP/2.0 400 Too Many Contacts");
  const auto of_size = [](std::size_t size) {
    return fmt::format("Contact: <sip:{}>\r\n", std::string(size - 4, 'x'));
  };
  EXPECT_EQ(answer(of_size(kContactBytesMax)).what(), "200");
  EXPECT_EQ(answer(of_size(kContactBytesMax + 1)).line(), "SIP/2.0 400 Contact Too Long");
}

/// Bounds in the answers of a trunk.
class ResponseLimits : public Outgoing {};

TEST_F(ResponseLimits, RetryAfterAndQ850) {
  const auto refused = [&](std::string_view more) {
    dial();
    arrives(response(last("INVITE"), 503, "far", more));
    take();
    const auto events = std::exchange(events_, {});
    return events.at(0);
  };
  EXPECT_EQ(refused("Retry-After: 86400\r\n").retry_after, Duration(24h));
  for (const char* seconds : {"86401", "4294967296", "949302838503028349304023988"})
    EXPECT_EQ(refused(fmt::format("Retry-After: {}\r\n", seconds)).retry_after, Duration(0)) << seconds;
  EXPECT_EQ(refused("Reason: Q.850;cause=127\r\n").q850, 127);
  EXPECT_EQ(refused("Reason: Q.850;cause=128\r\n").q850, 0);
  EXPECT_EQ(refused("Reason: Q.850;cause=4294967312\r\n").q850, 0);
}

}  // namespace
}  // namespace carillon::sip
