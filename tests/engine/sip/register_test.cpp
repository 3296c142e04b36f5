// Phones that register with us, and trunks that we register with.

#include "engine/sip/digest.h"
#include "tests/engine/sip/ladder.h"

namespace carillon::sip {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using enum EventKind;

const Endpoint kPhone = Endpoint::v4(198, 51, 100, 20, 33'000);

class Registrar : public Ladder {
 protected:
  Registrar() { EXPECT_TRUE(agent_->put_endpoint(endpoint("agent-1", "anna"))); }

  EndpointConfig endpoint(std::string id, std::string username) {
    return {id, username, std::string(ha1(hasher_, Algorithm::kMd5, username, "carillon", "pw").view()),
            std::string(ha1(hasher_, Algorithm::kSha256, username, "carillon", "pw").view())};
  }
  // REGISTER, or any request without body, with a digest when `nonce` is given.
  std::string request(std::string_view method, int cseq, std::string_view nonce = {}, std::string_view more = {},
                      std::string_view user = "anna", std::string_view password = "pw", int nc = 1,
                      Algorithm algorithm = Algorithm::kMd5) {
    std::string proof;
    if (!nonce.empty()) {
      const auto count = fmt::format("{:08x}", nc);
      const auto secret = ha1(hasher_, algorithm, user, "carillon", password);
      const auto response =
          digest_response(hasher_, algorithm, secret, nonce, count, "cc", "auth", method, "sip:192.0.2.1");
      proof = fmt::format(
          "Authorization: Digest username=\"{}\", realm=\"carillon\", nonce=\"{}\", uri=\"sip:192.0.2.1\", "
          "response=\"{}\", algorithm={}, cnonce=\"cc\", qop=auth, nc={}\r\n",
          user, nonce, response.view(), algorithm == Algorithm::kMd5 ? "MD5" : "SHA-256", count);
    }
    return fmt::format(
        "{0} sip:192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.5:5060;branch=z9hG4bK{1}{0}{2};rport\r\n"
        "From: <sip:{3}@192.0.2.1>;tag=p\r\nTo: <sip:{3}@192.0.2.1>\r\nCall-ID: phone\r\nCSeq: {1} {0}\r\n"
        "User-Agent: Desk Phone\r\n{4}{5}Content-Length: 0\r\n\r\n",
        method, cseq, branches_++, user, more, proof);
  }
  std::string nonce() {
    arrives(request("REGISTER", 1), kPhone);
    const auto header = take().back().header("WWW-Authenticate");
    const auto at = header.find("nonce=\"") + 7;
    return header.substr(at, header.find('"', at) - at);
  }
  static constexpr std::string_view kContact = "Contact: <sip:anna@10.0.0.5:5060>\r\nExpires: 300\r\n";

  Hasher hasher_;
  int branches_ = 0;
};

TEST_F(Registrar, PhoneRegistersIsFoundAndRunsOut) {
  arrives(request("REGISTER", 2, nonce(), kContact), kPhone);
  const Sent ok = take().back();
  EXPECT_EQ(ok.what(), "200");
  EXPECT_EQ(ok.header("Contact"), "<sip:anna@10.0.0.5:5060>;expires=300");
  EXPECT_EQ(ok.to, kPhone);
  const auto binding = agent_->find_binding("agent-1", now_);
  ASSERT_TRUE(binding);
  EXPECT_EQ(binding->contact, "sip:anna@10.0.0.5:5060");
  EXPECT_EQ(binding->destination, kPhone);
  EXPECT_EQ(events_.at(0).endpoint, "agent-1");
  EXPECT_EQ(events_.at(0).expires, Duration(300s));
  EXPECT_THAT(take_kinds(), ElementsAre(kRegistration));
  passes(301s);
  EXPECT_EQ(events_.at(0).expires, Duration(0));
  EXPECT_THAT(take_kinds(), ElementsAre(kRegistration));
  EXPECT_FALSE(agent_->find_binding("agent-1", now_));
}

// Older libre (Debian 12's baresip) never registers once it has read an algorithm it does not know.
TEST_F(Registrar, Sha256IsOfferedOnlyWhereConfigured) {
  arrives(request("REGISTER", 1), kPhone);
  EXPECT_THAT(take().back().text, testing::AllOf(HasSubstr("algorithm=MD5"), testing::Not(HasSubstr("SHA-256"))));
  config_.offers_sha256 = true;
  restart();
  arrives(request("REGISTER", 2), kPhone);
  const auto text = take().back().text;
  EXPECT_LT(text.find("algorithm=SHA-256"), text.find("algorithm=MD5"));  // the preferred one first
  EXPECT_NE(text.find("algorithm=MD5"), text.npos);
}

TEST_F(Registrar, Sha256IsTakenToo) {
  arrives(request("REGISTER", 2, nonce(), kContact, "anna", "pw", 1, Algorithm::kSha256), kPhone);
  EXPECT_THAT(take_names(), ElementsAre("200"));
}

// Whoever asks learns nothing: not whether a user exists, not what was wrong.
TEST_F(Registrar, KnownAndUnknownUsersGetTheSameAnswer) {
  const auto fresh = nonce();
  arrives(request("REGISTER", 2, fresh, kContact, "anna", "wrong"), kPhone);
  arrives(request("REGISTER", 2, fresh, kContact, "nobody", "wrong"), kPhone);
  arrives(request("REGISTER", 2, "0123456789", kContact), kPhone);
  auto sent = take();
  ASSERT_EQ(sent.size(), 3u);
  for (auto& one : sent) {
    EXPECT_EQ(one.what(), "401");
    const auto at = one.text.find("nonce=\"") + 7;
    one.text.erase(at, 56);
    EXPECT_EQ(one.header("WWW-Authenticate"), sent[0].header("WWW-Authenticate"));
    EXPECT_THAT(one.header("WWW-Authenticate"), testing::Not(HasSubstr("stale")));
  }
  EXPECT_EQ(agent_->counters().bad_credentials, 3u);
}

TEST_F(Registrar, OldNonceIsStale) {
  const auto old = nonce();
  passes(config_.nonce_lifetime + 1s);
  arrives(request("REGISTER", 2, old, kContact), kPhone);
  EXPECT_THAT(take().back().header("WWW-Authenticate"), HasSubstr("stale=true"));
}

TEST_F(Registrar, ReplayedCountIsStale) {
  const auto fresh = nonce();
  arrives(request("REGISTER", 2, fresh, kContact, "anna", "pw", 1), kPhone);
  arrives(request("REGISTER", 3, fresh, kContact, "anna", "pw", 2), kPhone);
  arrives(request("REGISTER", 4, fresh, kContact, "anna", "pw", 2), kPhone);
  EXPECT_THAT(take_names(), ElementsAre("200", "200", "401"));
}

TEST_F(Registrar, RepeatedRegisterGetsTheSameAnswerAndNoSecondEvent) {
  const auto text = request("REGISTER", 2, nonce(), kContact);
  arrives(text, kPhone);
  arrives(text, kPhone);
  EXPECT_THAT(take_names(), ElementsAre("200", "200"));
  EXPECT_THAT(take_kinds(), ElementsAre(kRegistration));
}

TEST_F(Registrar, ShortIntervalIs423AndLongIsCut) {
  arrives(request("REGISTER", 2, nonce(), "Contact: <sip:anna@10.0.0.5>;expires=10\r\n"), kPhone);
  Sent sent = take().back();
  EXPECT_EQ(sent.what(), "423");
  EXPECT_EQ(sent.header("Min-Expires"), "60");
  arrives(request("REGISTER", 3, nonce(), "Contact: <sip:anna@10.0.0.5>;expires=99999\r\n"), kPhone);
  EXPECT_THAT(take().back().header("Contact"), HasSubstr(";expires=3600"));
}

TEST_F(Registrar, PhoneGoesByStarOrByItsContact) {
  arrives(request("REGISTER", 2, nonce(), kContact), kPhone);
  arrives(request("REGISTER", 3, nonce(), "Contact: <sip:other@10.0.0.9>\r\nExpires: 0\r\n"), kPhone);
  EXPECT_TRUE(agent_->find_binding("agent-1", now_));
  arrives(request("REGISTER", 4, nonce(), "Contact: *\r\nExpires: 0\r\n"), kPhone);
  EXPECT_FALSE(agent_->find_binding("agent-1", now_));
  EXPECT_EQ(events_.back().expires, Duration(0));
  arrives(request("REGISTER", 5, nonce(), "Contact: *\r\nExpires: 60\r\n"), kPhone);
  EXPECT_EQ(take().back().what(), "400");
}

TEST_F(Registrar, PhoneMayNotRegisterAnother) {
  auto text = request("REGISTER", 2, nonce(), kContact);
  text.replace(text.find("To: <sip:anna"), 13, "To: <sip:ceo1");
  arrives(text, kPhone);
  EXPECT_THAT(take_names(), ElementsAre("403"));
}

TEST_F(Registrar, PhonesCallComesUpAsThatPhone) {
  const auto fresh = nonce();
  auto invite = request("INVITE", 5, fresh, "Contact: <sip:anna@10.0.0.5>\r\n");
  arrives(invite, kPhone);
  ASSERT_EQ(events_.size(), 1u);
  EXPECT_EQ(events_[0].endpoint, "agent-1");
  EXPECT_EQ(events_[0].trunk, "");
  const Handle handle = events_[0].call;
  ASSERT_TRUE(agent_->accept(handle, kSdp, now_).has_value());
  const Sent ok = take().back();
  arrives(in_dialog("ACK", ok, 5), kPhone);
  agent_->bye(handle, 16, "", now_);
  EXPECT_EQ(take().back().to, kPhone);  // not to 10.0.0.5, which lies behind its NAT
}

TEST_F(Registrar, PhoneOnAGatewaysHostIsStillAPhone) {
  auto trunk = carrier();
  trunk.gateways = {Endpoint::v4(198, 51, 100, 20, 5060)};
  ASSERT_TRUE(agent_->put_trunk(trunk, now_));
  arrives(request("REGISTER", 2, nonce(), kContact), kPhone);
  take();
  arrives(request("INVITE", 3), kPhone);
  EXPECT_THAT(take_names(), ElementsAre("401"));
}

TEST_F(Registrar, BindingsAreSharedBetweenShards) {
  UserAgent other(config_, random_, now_);
  ASSERT_TRUE(other.put_endpoint(endpoint("agent-1", "anna")));
  other.apply_binding({"agent-1", "sip:anna@10.0.0.5", kPhone, 100s}, now_);
  ASSERT_TRUE(other.find_binding("agent-1", now_));
  EXPECT_EQ(other.find_binding("agent-1", now_)->destination, kPhone);
  other.fire(now_ + 101s);
  EXPECT_FALSE(other.find_binding("agent-1", now_ + 101s));
  EXPECT_TRUE(other.events().empty());
  other.apply_binding({"agent-1", "sip:anna@10.0.0.5", kPhone, 100s}, now_ + 101s);
  other.apply_binding({"agent-1", "", {}, 0s}, now_ + 102s);
  EXPECT_FALSE(other.find_binding("agent-1", now_ + 102s));
}

std::vector<std::string> contacts_of(const UserAgent& agent, TimePoint now) {
  std::array<Binding, kContactsMax> bindings;
  const auto count = agent.find_bindings("agent-1", now, bindings);
  std::vector<std::string> found;
  for (std::size_t i = 0; i < count; ++i) found.emplace_back(bindings[i].contact);
  return found;
}

TEST_F(Registrar, SeveralContactsStandBesideEachOtherTheNewestFirst) {
  arrives(request("REGISTER", 2, nonce(), "Contact: <sip:desk@10.0.0.5>\r\nExpires: 100\r\n"), kPhone);
  passes(1s);
  arrives(request("REGISTER", 3, nonce(), "Contact: <sip:soft@10.0.0.6>\r\nExpires: 300\r\n"), kPhone);
  const Sent ok = take().back();
  EXPECT_THAT(ok.text,
              HasSubstr("Contact: <sip:soft@10.0.0.6>;expires=300\r\nContact: <sip:desk@10.0.0.5>;expires=99"));
  EXPECT_THAT(contacts_of(*agent_, now_), ElementsAre("sip:soft@10.0.0.6", "sip:desk@10.0.0.5"));
  take_kinds();
  passes(100s);  // the first has run out; the phone is registered all the same
  EXPECT_THAT(contacts_of(*agent_, now_), ElementsAre("sip:soft@10.0.0.6"));
  ASSERT_EQ(events_.size(), 1u);
  EXPECT_EQ(events_[0].contact, "sip:desk@10.0.0.5");
  EXPECT_EQ(events_[0].expires, Duration(0));
  EXPECT_TRUE(events_[0].is_registered);
  take_kinds();
  arrives(request("REGISTER", 4, nonce(), "Contact: <sip:soft@10.0.0.6>;expires=0\r\n"), kPhone);
  ASSERT_EQ(events_.size(), 1u);
  EXPECT_FALSE(events_[0].is_registered);
}

TEST_F(Registrar, ContactsOfOneRequestAreTakenTogetherInOrderOfTheirQ) {
  arrives(request("REGISTER", 2, nonce(),
                  "Contact: <sip:a@10.0.0.5>;q=0.2, <sip:b@10.0.0.5>;q=0.95\r\n"
                  "Contact: <sip:c@10.0.0.5>\r\nExpires: 100\r\n"),
          kPhone);
  EXPECT_THAT(contacts_of(*agent_, now_), ElementsAre("sip:c@10.0.0.5", "sip:b@10.0.0.5", "sip:a@10.0.0.5"));
  EXPECT_THAT(take_kinds(), ElementsAre(kRegistration, kRegistration, kRegistration));
  arrives(request("REGISTER", 3, nonce(), "Contact: *\r\nExpires: 0\r\n"), kPhone);
  EXPECT_THAT(contacts_of(*agent_, now_), IsEmpty());
  ASSERT_EQ(events_.size(), 1u) << "one event for all";
  EXPECT_EQ(events_[0].contact, "");
}

TEST_F(Registrar, WhatIsWrongWithOneContactRefusesAll) {
  const auto refused = [&](std::string_view contacts) {
    arrives(request("REGISTER", 2, nonce(), contacts), kPhone);
    return take().back().what();
  };
  EXPECT_EQ(refused("Contact: <sip:a@10.0.0.5>, *\r\nExpires: 0\r\n"), "400");
  EXPECT_EQ(refused("Contact: *, <sip:a@10.0.0.5>\r\nExpires: 0\r\n"), "400");
  EXPECT_EQ(refused("Contact: <sip:a@10.0.0.5>, <garbage>\r\n"), "400");
  EXPECT_EQ(refused("Contact: <sip:a@10.0.0.5>, <sip:b@10.0.0.5>;expires=5\r\n"), "423");
  EXPECT_EQ(refused("Contact: <sip:a@h>, <sip:b@h>, <sip:c@h>, <sip:d@h>, <sip:e@h>\r\n"), "400");
  EXPECT_THAT(contacts_of(*agent_, now_), IsEmpty());
}

TEST_F(Registrar, ALongContactIsKeptWholeAndOneThatIsTooLongIsRefused) {
  std::string uri = "sip:anna@10.0.0.5;token=";
  uri.resize(kContactBytesMax, 'x');
  arrives(request("REGISTER", 2, nonce(), fmt::format("Contact: <{}>\r\nExpires: 100\r\n", uri)), kPhone);
  EXPECT_EQ(take().back().header("Contact"), fmt::format("<{}>;expires=100", uri));
  UserAgent other(config_, random_, now_);
  ASSERT_TRUE(other.put_endpoint(endpoint("agent-1", "anna")));
  other.apply_binding({"agent-1", uri, kPhone, 100s}, now_);
  EXPECT_THAT(contacts_of(other, now_), ElementsAre(uri));
  take_kinds();
  arrives(request("REGISTER", 3, nonce(), fmt::format("Contact: <{}y>\r\nExpires: 100\r\n", uri)), kPhone);
  EXPECT_THAT(take().back().text, testing::StartsWith("SIP/2.0 400 Contact Too Long\r\n"));
  EXPECT_THAT(contacts_of(*agent_, now_), ElementsAre(uri));
}

// What an earlier process knew belongs to one shard, which tells when it runs out and reminds the others of it.
TEST_F(Registrar, WhatAnEarlierProcessKnewIsToldLikeItsOwn) {
  agent_->apply_binding({"agent-1", "sip:anna@10.0.0.5", kPhone, 100s}, now_, true);
  EXPECT_THAT(take_kinds(), IsEmpty());
  std::uint32_t cursor = 0;
  const auto news = agent_->remind(cursor, now_);
  ASSERT_TRUE(news);
  EXPECT_EQ(news->contact, "sip:anna@10.0.0.5");
  passes(101s);
  ASSERT_EQ(events_.size(), 1u);
  EXPECT_EQ(events_[0].contact, "sip:anna@10.0.0.5");
  EXPECT_FALSE(events_[0].is_registered);
}

TEST_F(Registrar, AFifthContactTakesThePlaceOfTheOldest) {
  int cseq = 2;
  for (const char* contact : {"sip:a@h", "sip:b@h", "sip:c@h", "sip:d@h", "sip:e@h"}) {
    arrives(request("REGISTER", cseq++, nonce(), fmt::format("Contact: <{}>\r\nExpires: 100\r\n", contact)), kPhone);
    passes(1s);
  }
  EXPECT_THAT(contacts_of(*agent_, now_), ElementsAre("sip:e@h", "sip:d@h", "sip:c@h", "sip:b@h"));
}

TEST_F(Registrar, AReminderNeverOverridesWhatAShardKnowsBetter) {
  UserAgent other(config_, random_, now_);
  ASSERT_TRUE(other.put_endpoint(endpoint("agent-1", "anna")));
  arrives(request("REGISTER", 2, nonce(), kContact), kPhone);
  std::uint32_t cursor = 0;
  const auto news = agent_->remind(cursor, now_);
  ASSERT_TRUE(news);
  EXPECT_TRUE(news->is_reminder);
  EXPECT_EQ(news->expires, Duration(300s));
  other.apply_binding(*news, now_);
  EXPECT_THAT(contacts_of(other, now_), ElementsAre("sip:anna@10.0.0.5:5060"));
  EXPECT_FALSE(agent_->remind(cursor, now_)) << "one round is over";
  EXPECT_TRUE(agent_->remind(cursor, now_)) << "and the next begins";
  cursor = 0;
  EXPECT_FALSE(other.remind(cursor, now_)) << "what was learned elsewhere is told by others";

  agent_->apply_binding({"agent-1", "sip:anna@10.0.0.5:5060", kPhone, 100s, 1000, true}, now_);
  EXPECT_EQ(agent_->find_binding("agent-1", now_)->expires, now_ + 300s);
  other.apply_binding({"agent-1", "sip:anna@10.0.0.5:5060", kPhone, 100s, 1000, true}, now_);
  EXPECT_EQ(other.find_binding("agent-1", now_)->expires, now_ + 300s);
}

TEST_F(Registrar, EndpointsAreReplacedAndRemoved) {
  EXPECT_FALSE(agent_->put_endpoint(endpoint("agent-2", "anna")));  // the name is taken
  EXPECT_TRUE(agent_->put_endpoint(endpoint("agent-1", "anne")));
  EXPECT_TRUE(agent_->put_endpoint(endpoint("agent-2", "anna")));
  for (int i = 3; i <= 8; ++i)
    EXPECT_TRUE(agent_->put_endpoint(endpoint(fmt::format("agent-{}", i), fmt::format("u{}", i))));
  EXPECT_FALSE(agent_->put_endpoint(endpoint("agent-9", "u9")));
  agent_->remove_endpoint("agent-1");
  EXPECT_TRUE(agent_->put_endpoint(endpoint("agent-9", "u9")));
}

// ---- trunks

class Registration : public Ladder {
 protected:
  void begin() {
    auto trunk = carrier();
    trunk.registers = true;
    ASSERT_TRUE(agent_->put_trunk(trunk, now_));
    passes(2ms);
  }
  Sent one() {
    const auto sent = take();
    EXPECT_EQ(sent.size(), 1u);
    return sent.empty() ? Sent{} : sent.back();
  }
  static constexpr std::string_view kAsk = "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", algorithm=SHA-256\r\n";
};

TEST_F(Registration, IsRefreshedBeforeItRunsOut) {
  begin();
  const Sent first = one();
  EXPECT_EQ(first.line(), "REGISTER sip:carrier.example SIP/2.0");
  EXPECT_EQ(first.header("Expires"), "300");
  EXPECT_EQ(first.header("Contact"), "<sip:alice@192.0.2.1:5060>");
  EXPECT_THAT(take_kinds(), IsEmpty());
  arrives(response(first, 401, "r", kAsk));
  const Sent second = one();
  EXPECT_THAT(second.header("Authorization"), HasSubstr("algorithm=SHA-256"));
  EXPECT_EQ(second.header("Call-ID"), first.header("Call-ID"));
  arrives(response(second, 200, "r", "Contact: <sip:alice@192.0.2.1:5060>;expires=100\r\n"));
  EXPECT_TRUE(events_.at(0).is_registered);
  EXPECT_TRUE(events_.at(0).is_reachable);
  EXPECT_EQ(events_.at(0).trunk, "carrier");
  EXPECT_THAT(take_kinds(), ElementsAre(kTrunk));
  passes(79s);
  EXPECT_THAT(take(), IsEmpty());
  passes(1100ms);
  EXPECT_EQ(one().what(), "REGISTER");
}

TEST_F(Registration, WrongPasswordIsToldAndTriedAgainEverLater) {
  begin();
  std::vector<Duration> gaps;
  TimePoint last = now_;
  for (int i = 0; i < 10; ++i) {
    const Sent first = one();
    gaps.push_back(now_ - last);
    last = now_;
    arrives(response(first, 401, "r", kAsk));
    arrives(response(one(), 401, "r", kAsk));
    EXPECT_THAT(take(), IsEmpty());  // never a third time
    while (sent_.empty()) passes(100ms);
  }
  EXPECT_EQ(events_.at(0).status, 401);
  EXPECT_FALSE(events_.at(0).is_registered);
  EXPECT_THAT(take_kinds(), ElementsAre(kTrunk));
  EXPECT_GE(gaps[1], Duration(3s));
  EXPECT_LE(gaps[1], Duration(8s));
  EXPECT_GE(gaps[9], Duration(220s));
  EXPECT_LE(gaps[9], Duration(380s));
}

TEST_F(Registration, MinExpiresIsHonoured) {
  begin();
  arrives(response(one(), 423, "r", "Min-Expires: 1800\r\n"));
  passes(2ms);
  const Sent again = one();
  EXPECT_EQ(again.header("Expires"), "1800");
  arrives(response(again, 200, "r", "Expires: 1800\r\n"));
  EXPECT_TRUE(events_.at(0).is_registered);
}

TEST_F(Registration, SilentRegistrarIsUnreachable) {
  begin();
  passes(33s);
  EXPECT_EQ(events_.at(0).status, 408);
  EXPECT_FALSE(events_.at(0).is_reachable);
}

TEST_F(Registration, RemovedTrunkIsUnregistered) {
  begin();
  arrives(response(one(), 200, "r", "Expires: 300\r\n"));
  agent_->remove_trunk("carrier", now_);
  const Sent last = one();
  EXPECT_EQ(last.header("Expires"), "0");
  arrives(response(last, 401, "r", kAsk));
  const Sent again = one();
  EXPECT_EQ(again.header("Expires"), "0");
  arrives(response(again, 200, "r"));
  passes(10min);
  EXPECT_THAT(take(), IsEmpty());
  EXPECT_EQ(agent_->transactions(), 0u);
}

TEST_F(Registration, OnlyOneShardRegisters) {
  int registering = 0;
  for (std::uint32_t shard = 0; shard < 4; ++shard) {
    config_.shards = 4;
    config_.shard = shard;
    restart();
    begin();
    registering += static_cast<int>(take().size());
  }
  EXPECT_EQ(registering, 1);
}

TEST_F(Registration, ProbesTellWhenATrunkGoesAndComes) {
  auto trunk = carrier();
  trunk.options_interval = 60s;
  ASSERT_TRUE(agent_->put_trunk(trunk, now_));
  passes(2ms);
  const Sent probe = one();
  EXPECT_EQ(probe.what(), "OPTIONS");
  arrives(response(probe, 404));  // alive all the same
  EXPECT_TRUE(events_.at(0).is_reachable);
  passes(60s);
  arrives(response(take().back(), 200));
  EXPECT_THAT(take_kinds(), ElementsAre(kTrunk));
  passes(60s + 33s);
  EXPECT_FALSE(events_.at(0).is_reachable);
  EXPECT_EQ(events_.at(0).status, 408);
  EXPECT_THAT(take_kinds(), ElementsAre(kTrunk));
  take();
  passes(28s);
  arrives(response(take().back(), 200));
  EXPECT_TRUE(events_.at(0).is_reachable);
}

TEST_F(Registration, BadTrunksAreRefused) {
  auto trunk = carrier();
  trunk.gateways.clear();
  EXPECT_FALSE(agent_->put_trunk(trunk, now_));
  trunk = carrier();
  trunk.domain = "x>\r\nEvil: 1";
  EXPECT_FALSE(agent_->put_trunk(trunk, now_));
  for (int i = 0; i < 4; ++i) {
    trunk = carrier();
    trunk.id = fmt::format("t{}", i);
    EXPECT_TRUE(agent_->put_trunk(trunk, now_));
  }
  EXPECT_FALSE(agent_->put_trunk(carrier(), now_));
}

}  // namespace
}  // namespace carillon::sip
