// The torture messages of RFC 4475 and RFC 5118, each read by the parser and answered by a whole agent: the verdicts
// stand in torture/verdicts.h.

#include "tests/engine/sip/torture/verdicts.h"

#include <filesystem>
#include <fstream>
#include <iterator>

#include "engine/sip/digest.h"
#include "engine/sip/field.h"
#include "engine/sip/message.h"
#include "engine/sip/text.h"
#include "engine/sip/validate.h"
#include "tests/engine/sip/ladder.h"

namespace carillon::sip {
namespace {

using testing::ElementsAre;
using torture::kVerdicts;
using torture::Verdict;

const std::filesystem::path kFolder = CARILLON_SOURCE_DIR "/tests/engine/sip/torture";
const Endpoint kStranger = Endpoint::v4(203, 0, 113, 9, 5060);

std::string wire_of(std::string_view name) {
  std::ifstream in(kFolder / (std::string(name) + ".dat"), std::ios::binary);
  EXPECT_TRUE(in.good()) << name;
  return {std::istreambuf_iterator<char>(in), {}};
}

Message message_of(const std::string& wire) {
  const auto message = Message::parse(bytes_of(wire));
  EXPECT_TRUE(message.has_value());
  return message.value();
}

std::string parsed(std::string_view wire) {
  const auto message = Message::parse(bytes_of(wire));
  if (!message) return "no message";
  const Fault fault =
      message->fault() != Fault::kNone || !message->is_request() ? message->fault() : validate(*message);
  return fault == Fault::kNone ? "ok" : std::string(name_of(fault));
}

class Torture : public Ladder {
 protected:
  void SetUp() override { begin("nobody"); }
  // An agent that nothing has happened to, with a trunk at kCarrier and a phone of this username.
  void begin(std::string_view username) {
    restart();
    EXPECT_TRUE(agent_->put_trunk(carrier(), now_));
    const auto secret = ha1(hasher_, Algorithm::kMd5, username, "carillon", "pw");
    EXPECT_TRUE(agent_->put_endpoint({"phone", std::string(username), std::string(secret.view()), ""}));
    take();
    take_kinds();
  }

  // The status that comes back, "rings" for a call, "-" for nothing. Whatever comes must be an answer to `wire`.
  std::string answer(const std::string& wire, const Endpoint& from) {
    arrives(wire, from);
    const auto sent = take();
    for (const auto& each : sent) expect_answers(wire, each);
    if (sent.empty()) return "-";
    const auto kinds = take_kinds();
    return std::count(kinds.begin(), kinds.end(), EventKind::kIncoming) ? "rings" : sent.back().what();
  }
  void expect_answers(const std::string& wire, const Sent& sent) {
    last_ = sent;
    const auto request = message_of(wire), response = message_of(sent.text);
    EXPECT_FALSE(response.is_request());
    EXPECT_EQ(response.value(HeaderId::kCSeq).substr(0, 4), request.value(HeaderId::kCSeq).substr(0, 4));
    EXPECT_EQ(response.value(HeaderId::kCallId), request.value(HeaderId::kCallId));
    EXPECT_EQ(Via::parse(top_via(response))->branch, Via::parse(top_via(request))->branch);
    if (request.fault() == Fault::kNone) {
      EXPECT_EQ(response.fault(), Fault::kNone) << sent.text;
    }
  }

  // The same REGISTER with the digest of the phone that the agent knows, after the challenge to it.
  std::string with_digest(const std::string& wire, std::string_view username) {
    arrives(wire, kStranger);
    const auto challenge = take().back().header("WWW-Authenticate");
    const auto at = challenge.find("nonce=\"") + 7;
    const auto nonce = challenge.substr(at, challenge.find('"', at) - at);
    const auto secret = ha1(hasher_, Algorithm::kMd5, username, "carillon", "pw");
    const auto response = digest_response(hasher_, Algorithm::kMd5, secret, nonce, "00000001", "cc", "auth", "REGISTER",
                                          "sip:example.com");
    const auto line = fmt::format(
        "Authorization: Digest username=\"{}\", realm=\"carillon\", nonce=\"{}\", uri=\"sip:example.com\", "
        "response=\"{}\", algorithm=MD5, cnonce=\"cc\", qop=auth, nc=00000001\r\n",
        username, nonce, response.view());
    auto again = wire;
    return again.insert(again.find("\r\n") + 2, line);
  }
  // What the message gets from an agent that lets its sender in.
  std::string answer_to_friend(const std::string& wire) {
    const auto message = Message::parse(bytes_of(wire));
    if (!message || message->method() != Method::kRegister || message->fault() != Fault::kNone ||
        validate(*message) != Fault::kNone)
      return answer(wire, kCarrier);
    const auto to = NameAddress::parse(message->value(HeaderId::kTo));
    const auto uri = Uri::parse(to->uri);
    const std::string username(uri ? uri->user : "somebody");
    begin(username);
    return answer(with_digest(wire, username), kStranger);
  }
  std::vector<std::string> contacts() {
    std::array<Binding, kContactsMax> found;
    std::vector<std::string> uris;
    const auto count = agent_->find_bindings("phone", now_, found);
    for (const auto& each : std::span(found).first(count)) uris.emplace_back(each.contact);
    return uris;
  }

  Hasher hasher_;
  Sent last_;
};

TEST_F(Torture, EveryFileHasAVerdictAndEveryVerdictAFile) {
  std::vector<std::string> files, names;
  for (const auto& entry : std::filesystem::directory_iterator(kFolder))
    if (entry.path().extension() == ".dat") files.push_back(entry.path().stem());
  for (const auto& verdict : kVerdicts) names.emplace_back(verdict.name);
  EXPECT_THAT(files, testing::UnorderedElementsAreArray(names));
  EXPECT_EQ(names.size(), 49u + 12u);
}

TEST_F(Torture, ParserAndAgentGiveTheVerdictsOfTheTable) {
  for (const Verdict& verdict : kVerdicts) {
    SCOPED_TRACE(fmt::format("{} (§{}): {}", verdict.name, verdict.section, verdict.rfc));
    const auto wire = wire_of(verdict.name);
    EXPECT_EQ(parsed(wire), verdict.parsed);
    begin("nobody");
    EXPECT_EQ(answer(wire, kStranger), verdict.stranger);
    begin("nobody");
    EXPECT_EQ(answer_to_friend(wire), verdict.friends);
  }
}

// What rings can be answered, and what we answer can be read.
TEST_F(Torture, CallsOfTortuousInvitesStand) {
  for (const Verdict& verdict : kVerdicts) {
    if (verdict.friends != "rings") continue;
    SCOPED_TRACE(verdict.name);
    const auto wire = wire_of(verdict.name);
    begin("nobody");
    agent_->receive(bytes_of(wire), kCarrier, now_);
    collect();
    ASSERT_FALSE(events_.empty());
    const Handle call = events_.back().call;
    EXPECT_TRUE(agent_->accept(call, kSdp, now_));
    collect();
    ASSERT_FALSE(sent_.empty());
    const Sent ok = sent_.back();
    expect_answers(wire, ok);
    EXPECT_EQ(ok.what(), "200");
    const auto response = message_of(ok.text);
    const auto to = NameAddress::parse(response.value(HeaderId::kTo));
    ASSERT_TRUE(to);
    EXPECT_FALSE(to->tag().empty());
    take();
    const auto from = NameAddress::parse(response.value(HeaderId::kFrom));
    arrives(fmt::format(
        "ACK sip:us@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.2;branch=z9hG4bKack\r\n"
        "From: {};tag={}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {} ACK\r\n\r\n",
        from->address, from->tag(), response.value(HeaderId::kTo), response.value(HeaderId::kCallId), response.cseq()));
    EXPECT_THAT(take_kinds(), testing::Contains(EventKind::kAcked));
    agent_->bye(call, 16, {}, now_);
    EXPECT_THAT(take_names(), ElementsAre("BYE"));
  }
}

TEST_F(Torture, AnswersSayWhatIsMissing) {
  const auto header_of = [&](std::string_view name, std::string_view header) {
    begin("nobody");
    answer(wire_of(name), kCarrier);
    return last_.header(header);
  };
  EXPECT_THAT(header_of("intmeth", "Allow"), testing::HasSubstr("INVITE"));
  EXPECT_THAT(header_of("mpart01", "Allow"), testing::HasSubstr("INVITE"));
  EXPECT_EQ(header_of("bext01", "Unsupported"), "nothingSupportsThis, nothingSupportsThisEither");
  EXPECT_EQ(header_of("invut", "Accept"), "application/sdp");
  EXPECT_THAT(header_of("regaut01", "WWW-Authenticate"), testing::StartsWith("Digest realm=\"carillon\""));
  header_of("insuf", "To");
  EXPECT_EQ(last_.text.find("\r\nTo"), last_.text.npos);
  EXPECT_EQ(last_.text.find("\r\nFrom"), last_.text.npos);
}

TEST_F(Torture, ContactsAreBoundAsTheyAreMeant) {
  const auto bound = [&](std::string_view name) {
    EXPECT_EQ(answer_to_friend(wire_of(name)), "200") << name;
    return contacts();
  };
  EXPECT_THAT(bound("escnull"),
              testing::UnorderedElementsAre("sip:%00@host5.example.com", "sip:%00%00@host5.example.com"));
  EXPECT_THAT(bound("cparam01"), ElementsAre("sip:+19725552222@gw1.example.net"));
  EXPECT_THAT(bound("cparam02"), ElementsAre("sip:+19725552222@gw1.example.net;unknownparam"));
  EXPECT_THAT(bound("dblreq"), ElementsAre("sip:j.user@host.example.com"));
  EXPECT_THAT(bound("ipv6-good"), ElementsAre("sip:caller@[2001:db8::1]"));

  // A Request-URI has no headers, and To neither (RFC 3261 §19.1.1).
  ASSERT_THAT(bound("regescrt"), ElementsAre("sip:user@example.com?Route=%3Csip:sip.example.com%3E"));
  Invite invite;
  const auto binding = agent_->find_binding("phone", now_);
  invite.destination = binding->destination;
  invite.request_uri = binding->contact;
  ASSERT_TRUE(agent_->invite(invite, now_));
  const Sent sent = take().back();
  EXPECT_EQ(sent.line(), "INVITE sip:user@example.com SIP/2.0");
  EXPECT_EQ(sent.header("To"), "<sip:user@example.com>");
  EXPECT_EQ(sent.to, kStranger);
}

TEST_F(Torture, UnusualFieldsAreReadRight) {
  const auto long_call = wire_of("longreq"), semicolon = wire_of("semiuri"), ports = wire_of("port-ambiguous"),
             port = wire_of("port-unambiguous"), method = wire_of("intmeth"), reason = wire_of("noreason"),
             twice = wire_of("dblreq"), colons = wire_of("ipv6-correct-abnf-2-colons");
  EXPECT_EQ(NameAddress::parse(message_of(long_call).value(HeaderId::kFrom))->tag().size(), 155u);
  EXPECT_EQ(message_of(long_call).body().size(), 150u);
  EXPECT_EQ(Uri::parse(message_of(semicolon).request_uri())->user, "user;par=u%40example.net");
  EXPECT_EQ(Uri::parse(message_of(ports).request_uri())->host, "2001:db8::10:5070");
  EXPECT_EQ(Uri::parse(message_of(ports).request_uri())->port, 0);
  EXPECT_EQ(Uri::parse(message_of(port).request_uri())->port, 5070);
  EXPECT_TRUE(Uri::parse(message_of(colons).request_uri())->endpoint());
  EXPECT_EQ(message_of(method).method(), Method::kOther);
  EXPECT_EQ(message_of(method).method_text(), "!interesting-Method0123456789_*+`.%indeed'~");
  EXPECT_EQ(Uri::parse(message_of(method).request_uri())->host, "example.com");
  EXPECT_EQ(message_of(reason).reason(), "");
  EXPECT_EQ(message_of(twice).body(), "");
}

// A broken ACK is never answered (RFC 3261 §17).
TEST_F(Torture, BrokenAcksAreDropped) {
  for (const Verdict& verdict : kVerdicts) {
    if (verdict.stranger != "400" && verdict.stranger != "416" && verdict.stranger != "505") continue;
    auto wire = wire_of(verdict.name);
    wire.replace(0, wire.find(' '), "ACK");
    EXPECT_EQ(answer(wire, kStranger), "-") << verdict.name;
  }
}

}  // namespace
}  // namespace carillon::sip
