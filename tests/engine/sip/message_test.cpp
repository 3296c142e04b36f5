#include "engine/sip/message.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "engine/sip/compose.h"
#include "engine/sip/dialog.h"
#include "engine/sip/field.h"
#include "engine/sip/text.h"
#include "engine/sip/validate.h"

namespace carillon::sip {
namespace {

constexpr std::string_view kHead =
    "INVITE sip:bob@b.example SIP/2.0\r\nVia: SIP/2.0/UDP a.example;branch=z9hG4bK1\r\nFrom: <sip:a@a>;tag=1\r\n"
    "To: <sip:b@b>\r\nCall-ID: 1@a\r\nCSeq: 1 INVITE\r\n";

Result<Message, ParseError> parse(std::string_view text) { return Message::parse(bytes_of(text)); }
Fault fault_of(const std::string& text) {
  const auto message = parse(text);
  EXPECT_TRUE(message.has_value());
  return message ? message->fault() : Fault::kNone;
}

TEST(Message, RequestIsReadWhereItLies) {
  const auto text = fmt::format("{}Content-Length: 3\r\n\r\nabcdef", kHead);
  const auto message = parse(text);
  ASSERT_TRUE(message.has_value());
  EXPECT_TRUE(message->is_request());
  EXPECT_EQ(message->method(), Method::kInvite);
  EXPECT_EQ(message->request_uri(), "sip:bob@b.example");
  EXPECT_EQ(message->cseq(), 1u);
  EXPECT_EQ(message->body(), "abc");
  EXPECT_EQ(message->fault(), Fault::kNone);
  EXPECT_EQ(message->value(HeaderId::kCallId).data(), text.data() + text.find("1@a"));
}

TEST(Message, ResponseIsRead) {
  const auto message =
      parse("SIP/2.0 180 \r\nv: SIP/2.0/UDP a\r\nf: <sip:a@a>\r\nt: <sip:b@b>\r\ni: x\r\nCSeq: 7 BYE\r\n\r\n");
  ASSERT_TRUE(message.has_value());
  EXPECT_EQ(message->status(), 180);
  EXPECT_EQ(message->reason(), "");
  EXPECT_EQ(message->method(), Method::kBye);
  EXPECT_EQ(message->fault(), Fault::kNone);
}

// The short tortuous INVITE of RFC 4475 §3.1.1.1, in spirit: compact and odd-cased names, folds, spaces before colons.
TEST(Message, TortuousInviteIsUnderstood) {
  const std::string text =
      "INVITE sip:vivekg@chair-dnrc.example.com;unknownparam SIP/2.0\r\n"
      "TO :\r\n sip:vivekg@chair-dnrc.example.com ;   tag    = 1918181833n\r\n"
      "from   : \"J Rosenberg \\\\\\\"\"       <sip:jdrosen@example.com>\r\n  ;\r\n  tag = 98asjd8\r\n"
      "MaX-fOrWaRdS: 0068\r\nCall-ID: wsinv.ndaksdj@192.0.2.1\r\nContent-Length   : 150\r\ncseq: 0009\r\n  INVITE\r\n"
      "Via  : SIP  /   2.0\r\n /UDP\r\n    192.0.2.2;branch=390skdjuw\r\ns :\r\n"
      "NewFangledHeader:   newfangled value\r\n continued newfangled value\r\nv:  SIP  / 2.0  / TCP     "
      "spindle.example.com   ;\r\n  branch  =   z9hG4bK9ikj8  ,\r\n SIP  /    2.0   / UDP  192.168.255.111   ; "
      "branch=\r\n"
      " z9hG4bK30239\r\nm:\"Quoted string \\\"\\\"\" <sip:jdrosen@example.com> ; newparam =\r\n      newvalue ;\r\n"
      "  secondparam ; q = 0.33\r\n\r\n" +
      std::string(150, 'v');
  const auto message = parse(text);
  ASSERT_TRUE(message.has_value());
  EXPECT_EQ(message->fault(), Fault::kNone);
  EXPECT_EQ(message->cseq(), 9u);
  EXPECT_EQ(message->body().size(), 150u);
  EXPECT_EQ(NameAddress::parse(message->value(HeaderId::kTo))->tag(), "1918181833n");
  const auto from = NameAddress::parse(message->value(HeaderId::kFrom));
  ASSERT_TRUE(from);
  EXPECT_EQ(from->uri, "sip:jdrosen@example.com");
  EXPECT_EQ(from->tag(), "98asjd8");
  EXPECT_EQ(from->name, "J Rosenberg \\\\\\\"");
  const auto via = Via::parse(top_via(*message));
  ASSERT_TRUE(via);
  EXPECT_EQ(via->host, "192.0.2.2");
  EXPECT_EQ(via->branch, "390skdjuw");
  std::vector<std::string> branches;
  for (std::size_t i = 0; i < message->size(); ++i) {
    if (message->id(i) != HeaderId::kVia) continue;
    auto list = message->value(i);
    for (auto element = next_element(list); !element.empty(); element = next_element(list))
      branches.emplace_back(Via::parse(element).value().branch);
  }
  EXPECT_THAT(branches, testing::ElementsAre("390skdjuw", "z9hG4bK9ikj8", "z9hG4bK30239"));
  const auto contact = NameAddress::parse(message->value(HeaderId::kContact));
  EXPECT_EQ(parameter(contact->parameters, "q"), "0.33");
  EXPECT_EQ(parameter(contact->parameters, "secondparam"), "");
  EXPECT_EQ(parameter(contact->parameters, "third"), std::nullopt);
  EXPECT_EQ(message->find("newfangledheader"), "newfangled value\r\n continued newfangled value");
}

TEST(Message, WhatIsNoMessageIsNamed) {
  EXPECT_EQ(parse("\r\n\r\n").error(), ParseError::kKeepAlive);
  EXPECT_EQ(parse("").error(), ParseError::kKeepAlive);
  EXPECT_EQ(parse("GET / HTTP/1.1\r\n\r\n").error(), ParseError::kStartLine);
  EXPECT_EQ(parse("INVITE SIP/2.0\r\n\r\n").error(), ParseError::kStartLine);
  EXPECT_EQ(parse("INVITE  SIP/2.0\r\n\r\n").error(), ParseError::kStartLine);
  EXPECT_EQ(parse("INV(ITE sip:a@b SIP/2.0\r\n\r\n").error(), ParseError::kStartLine);
  EXPECT_EQ(parse("SIP/2.0 099 x\r\n\r\n").error(), ParseError::kStartLine);
  EXPECT_EQ(parse("SIP/2.0 700 x\r\n\r\n").error(), ParseError::kStartLine);
  EXPECT_EQ(parse("SIP/2.0 4294967301 better not break the receiver\r\n\r\n").error(), ParseError::kStartLine);
  EXPECT_EQ(parse("BYE sip:a SIP/2.0\r\nno colon\r\n\r\n").error(), ParseError::kHeader);
  EXPECT_EQ(parse("BYE sip:a SIP/2.0\r\nX: a\rb\r\n\r\n").error(), ParseError::kHeader);
  EXPECT_EQ(parse("BYE sip:a SIP/2.0\r\nX: a\r\r\n\r\n").error(), ParseError::kHeader);
  EXPECT_EQ(parse(std::string_view("BYE sip:a SIP/2.0\r\nX: a\0b\r\n\r\n", 31)).error(), ParseError::kHeader);
  EXPECT_EQ(parse("BYE sip:a SIP/2.0\r\n: x\r\n\r\n").error(), ParseError::kHeader);
  EXPECT_EQ(parse("BYE sip:a SIP/2.0\r\nX: y\r\n").error(), ParseError::kNoEnd);
  std::string many = "BYE sip:a SIP/2.0\r\n";
  for (int i = 0; i < 97; ++i) many += "X: y\r\n";
  EXPECT_EQ(parse(many + "\r\n").error(), ParseError::kTooManyHeaders);
  EXPECT_EQ(parse(std::string(70'000, 'a')).error(), ParseError::kTooLong);
}

TEST(Message, FaultsAreNamed) {
  const std::string head(kHead);
  EXPECT_EQ(fault_of(head + "\r\n"), Fault::kNone);
  EXPECT_EQ(fault_of(head + "Content-Length: 4\r\n\r\nabc"), Fault::kContentLength);
  EXPECT_EQ(fault_of(head + "Content-Length: -1\r\n\r\n"), Fault::kContentLength);
  EXPECT_EQ(fault_of(head + "Content-Length: 99999999999999999999\r\n\r\n"), Fault::kContentLength);
  EXPECT_EQ(fault_of(head + "l: 0\r\nContent-Length: 0\r\n\r\n"), Fault::kDuplicate);
  EXPECT_EQ(fault_of(head + "Call-ID: 2\r\n\r\n"), Fault::kDuplicate);
  EXPECT_EQ(fault_of(head + "Max-Forwards: 256\r\n\r\n"), Fault::kMaxForwards);
  EXPECT_EQ(fault_of("BYE sip:a SIP/3.0\r\nVia: x\r\n\r\n"), Fault::kVersion);
  EXPECT_EQ(fault_of("BYE sip:a SIP/2.0\r\nVia: x\r\n\r\n"), Fault::kMissing);
  for (const char* line : {"BYE  sip:a SIP/2.0", "BYE sip:a  SIP/2.0", "BYE sip:a SIP/2.0 ", " BYE sip:a SIP/2.0",
                           "BYE <sip:a> SIP/2.0", "BYE sip:a; lr SIP/2.0", "BYE sip:a\t SIP/2.0"})
    EXPECT_EQ(fault_of(std::string(line) + "\r\nVia: x\r\n\r\n"), Fault::kRequestLine) << line;
  const auto with_cseq = [&](std::string_view cseq) {
    auto text = head + "\r\n";
    return fault_of(text.replace(text.find("1 INVITE"), 8, cseq));
  };
  EXPECT_EQ(with_cseq("2147483648 INVITE"), Fault::kCSeq);
  EXPECT_EQ(with_cseq("36893488147419103232 INVITE"), Fault::kCSeq);
  EXPECT_EQ(with_cseq("8 OPTIONS"), Fault::kMethod);
  EXPECT_EQ(with_cseq("8INVITE"), Fault::kCSeq);
  EXPECT_EQ(with_cseq("2147483647 INVITE"), Fault::kNone);
}

TEST(Message, NulStandsBehindABackslashOnly) {
  using namespace std::string_view_literals;
  const auto with = [](std::string_view value) {
    return parse(fmt::format("{}X: {}\r\n\r\n", kHead, value)).has_value();
  };
  EXPECT_TRUE(with("\"a\\\0b\""sv));
  EXPECT_TRUE(with("\"\\\\\\\0\""sv));
  EXPECT_FALSE(with("\"\0\""sv));
  EXPECT_FALSE(with("a\\\0"sv));
  EXPECT_FALSE(with("\"\\\\\0\""sv));
}

TEST(Validate, ParametersAreNamesAndValues) {
  for (const char* good : {"", ";a", ";a=b;c", " ; a = b ;\r\n c=\"x; \\\" y\"", ";received=2001:db8::9:255",
                           ";received=[2001:db8::9]", ";a=b@c,d"})
    EXPECT_TRUE(are_parameters(good)) << good;
  for (const char* bad : {";", ";;a", ";a;", "a", ";a=", ";a=;b", ";=b", ";a b", ";a=b c", ";a=\"b", ";a=\"b\"c",
                          ";a=b\"c\"", ";a=<b>", ";(a)"})
    EXPECT_FALSE(are_parameters(bad)) << bad;
}

TEST(Validate, TheFirstBrokenFieldIsNamed) {
  const auto fault = [](std::string_view from, std::string_view to) {
    auto text = fmt::format("{}\r\n", kHead);
    text.replace(text.find(from), from.size(), to);
    const auto message = parse(text);
    EXPECT_EQ(message->fault(), Fault::kNone);
    return validate(*message);
  };
  EXPECT_EQ(fault("bob@b", "bob@b"), Fault::kNone);
  EXPECT_EQ(fault("sip:bob@b.example", "tel:+4930"), Fault::kNone);
  EXPECT_EQ(fault("sip:bob@b.example", "sip:bob@b.example?Route=x"), Fault::kRequestUri);
  EXPECT_EQ(fault("sip:bob@b.example", "sip:bob@b.example?"), Fault::kRequestUri);
  EXPECT_EQ(fault("sip:bob@b.example", "sip:2001:db8::10"), Fault::kRequestUri);
  EXPECT_EQ(fault("sip:bob@b.example", "sip:[2001:db8::zz]"), Fault::kRequestUri);
  EXPECT_EQ(fault("sip:bob@b.example", "bob"), Fault::kRequestUri);
  EXPECT_EQ(fault("sip:bob@b.example", "soap.beep://192.0.2.103:3002"), Fault::kScheme);
  EXPECT_EQ(fault(";branch=z9hG4bK1", ";;branch=z9hG4bK1"), Fault::kVia);
  EXPECT_EQ(fault(";branch=z9hG4bK1", ";branch=z9hG4bK1, SIP/2.0"), Fault::kVia);
  EXPECT_EQ(fault("<sip:a@a>;tag=1", "<sip:a@a>;tag=1;;"), Fault::kFrom);
  EXPECT_EQ(fault("<sip:b@b>", "\"B <sip:b@b>"), Fault::kTo);
  EXPECT_EQ(fault("<sip:b@b>", "sip:b@b?Route=x"), Fault::kTo);
  EXPECT_EQ(fault("<sip:b@b>", "b"), Fault::kTo);
  EXPECT_EQ(fault("Call-ID", "Contact: *, <sip:a@a>;q\r\nCall-ID"), Fault::kNone);
  EXPECT_EQ(fault("Call-ID", "Contact: <sip:a@a>, <sip:a@a\r\nCall-ID"), Fault::kContact);
}

TEST(Uri, PartsAreTakenApart) {
  const auto uri = Uri::parse("sip:+49%2030;phone-context=x:secret@[2001:db8::1]:5070;lr;transport=udp?Subject=x");
  ASSERT_TRUE(uri);
  EXPECT_EQ(uri->user, "+49%2030;phone-context=x");
  EXPECT_EQ(uri->host, "2001:db8::1");
  EXPECT_EQ(uri->port, 5070);
  EXPECT_EQ(uri->headers, "Subject=x");
  EXPECT_TRUE(parameter(uri->parameters, "lr"));
  EXPECT_EQ(Uri::parse("sip:192.0.2.4")->endpoint(), Endpoint::v4(192, 0, 2, 4, 5060));
  EXPECT_EQ(Uri::parse("sip:carrier.example")->endpoint(), std::nullopt);
  EXPECT_EQ(Uri::parse("tel:+4930;isub=1")->user, "+4930");
  for (const char* bad : {"", "sip:", "http://x", "sip:a@", "sip:@b", "sip:a@b:99999", "sip:a b@c", "sip:[::1",
                          "tel:", "sip:[zz]", "sip:a@[::1]x", "sip:a@b\r\nX: y", "sip:a@b:5060x", "noscheme"})
    EXPECT_FALSE(Uri::parse(bad)) << bad;
}

TEST(NameAddress, FormsAreTold) {
  const auto bare = NameAddress::parse("sip:a@b;tag=1");
  EXPECT_EQ(bare->uri, "sip:a@b");
  EXPECT_EQ(bare->tag(), "1");
  const auto tricky = NameAddress::parse("\"a, <b> ;tag=no\" <sip:c@d;tag=uri>;tag=yes");
  EXPECT_EQ(tricky->name, "a, <b> ;tag=no");
  EXPECT_EQ(tricky->tag(), "yes");
  EXPECT_EQ(NameAddress::parse("Plain Name <sip:c@d>")->name, "Plain Name");
  for (const char* bad :
       {"", "\"open <sip:a@b>", "\"a\" b <sip:a@b>", "\"a\"\"b\" <sip:a@b>", "a \"<sip:a@b>\" <sip:c@d>", "sip:a@b?X=y",
        "sip:a,b@c", "<sip:a@b", "<>", "<sip:a b@c>", "<sip:a@b> junk"})
    EXPECT_FALSE(NameAddress::parse(bad)) << bad;
}

TEST(Compose, ResponseCarriesEveryViaAndWhereItCameFrom) {
  const auto request = parse(
      "INVITE sip:x SIP/2.0\r\nVia: SIP/2.0/UDP one;branch=z9hG4bK1;rport, SIP/2.0/UDP two\r\nv: SIP/2.0/UDP three\r\n"
      "From: <sip:a>;tag=1\r\nTo: <sip:b>\r\nCall-ID: c\r\n d\r\nCSeq: 1 INVITE\r\nRecord-Route: <sip:r;lr>\r\n\r\n");
  char buffer[1024];
  Writer out(buffer);
  const auto from = Endpoint::v4(192, 0, 2, 9, 777);
  write_response(out, *request, &from, 200, {}, "mine");
  EXPECT_EQ(out.text(),
            "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP one;branch=z9hG4bK1;received=192.0.2.9;rport=777, SIP/2.0/UDP two\r\n"
            "Via: SIP/2.0/UDP three\r\nFrom: <sip:a>;tag=1\r\nTo: <sip:b>;tag=mine\r\nCall-ID: c   d\r\n"
            "CSeq: 1 INVITE\r\nRecord-Route: <sip:r;lr>\r\n");
  char small[64];
  Writer full(small);
  write_response(full, *request, &from, 200, {}, "mine");
  EXPECT_TRUE(full.failed());
}

TEST(Writer, TextOfPeersStaysOnItsLine) {
  char buffer[256];
  Writer out(buffer);
  out.header("X", "a\r\n b").quoted("say \"x\" \\ \n").put(" ").user("+49 30;x@y");
  EXPECT_EQ(out.text(), "X: a   b\r\n\"say \\\"x\\\" \\\\  \" +49%2030;x%40y");
}

}  // namespace
}  // namespace carillon::sip
