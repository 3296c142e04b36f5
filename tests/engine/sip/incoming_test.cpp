// Ladders of calls that come in.

#include "engine/sip/steer.h"
#include "tests/engine/sip/ladder.h"

namespace carillon::sip {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using enum EventKind;

class Incoming : public Ladder {
 protected:
  Incoming() { EXPECT_TRUE(agent_->put_trunk(carrier(), now_)); }
  Handle rings() {
    arrives(invite());
    EXPECT_FALSE(events_.empty());
    return events_.empty() ? Handle{} : events_.front().call;
  }
  // Answered and ACKed; both logs are empty. Returns our 200.
  Sent stand(Handle& handle) {
    handle = rings();
    EXPECT_TRUE(agent_->accept(handle, kSdp, now_).has_value());
    const Sent ok = take().back();
    arrives(in_dialog("ACK", ok, 10));
    EXPECT_THAT(take_kinds(), ElementsAre(kIncoming, kAcked));
    take();
    return ok;
  }
};

TEST_F(Incoming, CallIsAnsweredAndHungUp) {
  const Handle handle = rings();
  const Seen& news = events_.front();
  EXPECT_EQ(news.trunk, "carrier");
  EXPECT_EQ(news.endpoint, "");
  EXPECT_EQ(news.from_user, "+4930123");
  EXPECT_EQ(news.from_name, "Bob");
  EXPECT_EQ(news.to_user, "+4930777");
  EXPECT_EQ(news.request_user, "+4930777");
  EXPECT_EQ(news.body, kSdp);
  agent_->set_user(handle, 99);
  ASSERT_TRUE(agent_->ring(handle, 180, {}, now_).has_value());
  ASSERT_TRUE(agent_->ring(handle, 183, "v=0 early", now_).has_value());
  ASSERT_TRUE(agent_->accept(handle, "v=0 answer", now_).has_value());
  const auto sent = take();
  ASSERT_EQ(sent.size(), 4u);
  EXPECT_EQ(sent[0].line(), "SIP/2.0 100 Trying");
  EXPECT_EQ(sent[1].line(), "SIP/2.0 180 Ringing");
  EXPECT_EQ(sent[2].body(), "v=0 early");
  EXPECT_EQ(sent[3].body(), "v=0 answer");
  EXPECT_EQ(sent[3].header("To"), sent[1].header("To"));
  EXPECT_THAT(sent[3].header("To"), HasSubstr(";tag=cn"));
  EXPECT_EQ(sent[3].header("Contact"), "<sip:+4930777@192.0.2.1:5060>");
  EXPECT_EQ(sent[3].header("Via"), "SIP/2.0/UDP 192.0.2.2:5060;branch=z9hG4bKone;received=192.0.2.2;rport=5060");
  EXPECT_EQ(sent[3].to, kCarrier);
  arrives(in_dialog("ACK", sent[3], 10));
  arrives(in_dialog("BYE", sent[3], 11));
  EXPECT_EQ(events_.back().user, 99u);
  EXPECT_THAT(take_kinds(), ElementsAre(kIncoming, kAcked, kBye, kGone));
  passes(40s);
  EXPECT_EQ(agent_->transactions(), 0u);
}

TEST_F(Incoming, RepeatedInviteGetsTheLastAnswerAgain) {
  const Handle handle = rings();
  arrives(invite());
  ASSERT_TRUE(agent_->ring(handle, 180, {}, now_).has_value());
  arrives(invite());
  EXPECT_THAT(take_names(), ElementsAre("100", "100", "180", "180"));
  EXPECT_THAT(take_kinds(), ElementsAre(kIncoming));
}

// The 2xx is the core's to repeat, at T1 doubling up to T2, until the ACK (RFC 3261 §13.3.1.4).
TEST_F(Incoming, AnswerIsRepeatedUntilTheAck) {
  const Handle handle = rings();
  take();
  ASSERT_TRUE(agent_->accept(handle, kSdp, now_).has_value());
  passes(4s);
  const auto sent = take();
  EXPECT_EQ(sent.size(), 4u);  // 0, 0.5, 1.5, 3.5
  arrives(in_dialog("ACK", sent[0], 10));
  arrives(in_dialog("ACK", sent[0], 10));
  passes(40s);
  EXPECT_THAT(take(), IsEmpty());
  EXPECT_THAT(take_kinds(), ElementsAre(kIncoming, kAcked));
  EXPECT_EQ(agent_->dialogs(), 1u);
}

TEST_F(Incoming, AnswerWithoutAckIsHungUp) {
  const Handle handle = rings();
  take();
  ASSERT_TRUE(agent_->accept(handle, kSdp, now_).has_value());
  passes(32s + 10ms);
  EXPECT_EQ(take().back().what(), "BYE");
  ASSERT_EQ(events_.size(), 2u);
  EXPECT_EQ(events_[1].status, 408);
  EXPECT_TRUE(events_[1].local);
  passes(33s);
  EXPECT_THAT(take_kinds(), ElementsAre(kIncoming, kBye, kGone));
  EXPECT_EQ(agent_->transactions(), 0u);
}

// A callee must not say BYE before the ACK (§15): it waits.
TEST_F(Incoming, HangUpBeforeTheAckWaitsForIt) {
  const Handle handle = rings();
  ASSERT_TRUE(agent_->accept(handle, kSdp, now_).has_value());
  const Sent ok = take().back();
  agent_->bye(handle, 16, "", now_);
  EXPECT_THAT(take(), IsEmpty());
  arrives(in_dialog("ACK", ok, 10));
  const Sent bye = take().back();
  EXPECT_EQ(bye.line(), "BYE sip:bob@192.0.2.2:5060 SIP/2.0");
  arrives(response(bye, 200));
  EXPECT_THAT(take_kinds(), ElementsAre(kIncoming, kGone));
}

TEST_F(Incoming, CallerCancels) {
  const Handle handle = rings();
  take();
  auto cancel = invite({});
  cancel.replace(0, 6, "CANCEL");
  cancel.replace(cancel.find("10 INVITE"), 9, "10 CANCEL");
  arrives(cancel);
  auto sent = take();
  ASSERT_EQ(sent.size(), 2u);
  EXPECT_EQ(sent[0].line(), "SIP/2.0 200 OK");
  EXPECT_EQ(sent[0].header("CSeq"), "10 CANCEL");
  EXPECT_EQ(sent[1].line(), "SIP/2.0 487 Request Terminated");
  EXPECT_EQ(sent[0].header("To"), sent[1].header("To"));
  EXPECT_THAT(take_kinds(), ElementsAre(kIncoming, kCancelled, kGone));
  EXPECT_EQ(agent_->accept(handle, kSdp, now_).error(), Refusal::kNoSuchCall);
  arrives(cancel);  // our 200 was lost
  EXPECT_THAT(take_names(), ElementsAre("200"));
  passes(1s);
  EXPECT_THAT(take_names(), ElementsAre("487"));
  auto ack = invite({});
  ack.replace(0, 6, "ACK");
  ack.replace(ack.find("10 INVITE"), 9, "10 ACK");
  arrives(ack);
  passes(40s);
  EXPECT_THAT(take(), IsEmpty());
  EXPECT_EQ(agent_->transactions(), 0u);
}

TEST_F(Incoming, CancelOfNothingIs481) {
  auto cancel = invite({});
  cancel.replace(0, 6, "CANCEL");
  cancel.replace(cancel.find("10 INVITE"), 9, "10 CANCEL");
  arrives(cancel);
  EXPECT_THAT(take_names(), ElementsAre("481"));
}

// The CANCEL crossed our 200: the call stands, and the caller will say BYE.
TEST_F(Incoming, CancelAfterTheAnswerChangesNothing) {
  const Handle handle = rings();
  ASSERT_TRUE(agent_->accept(handle, kSdp, now_).has_value());
  take();
  auto cancel = invite({});
  cancel.replace(0, 6, "CANCEL");
  cancel.replace(cancel.find("10 INVITE"), 9, "10 CANCEL");
  arrives(cancel);
  EXPECT_THAT(take_names(), ElementsAre("200"));
  EXPECT_EQ(agent_->dialogs(), 1u);
}

TEST_F(Incoming, RejectionIsRepeatedUntilTheAck) {
  const Handle handle = rings();
  take();
  ASSERT_TRUE(agent_->reject(handle, 503, "No Agents", 30s, now_).has_value());
  const Sent refusal = take().front();
  EXPECT_EQ(refusal.line(), "SIP/2.0 503 No Agents");
  EXPECT_EQ(refusal.header("Retry-After"), "30");
  passes(32s);
  EXPECT_EQ(take().size(), 10u);  // timer G: 0.5, 1.5, 3.5, then every 4 s to 31.5
  EXPECT_THAT(take_kinds(), ElementsAre(kIncoming, kGone));
  passes(1s);
  EXPECT_EQ(agent_->transactions(), 0u);
}

TEST_F(Incoming, LateOfferIsCarriedByOurAnswer) {
  arrives(invite({}));
  const Handle handle = events_.at(0).call;
  EXPECT_EQ(events_.at(0).body, "");
  ASSERT_TRUE(agent_->accept(handle, "v=0 offer", now_).has_value());
  const Sent ok = take().back();
  EXPECT_EQ(ok.body(), "v=0 offer");
  arrives(in_dialog("ACK", ok, 10, "Content-Type: application/sdp\r\n", "v=0 answer"));
  EXPECT_EQ(events_.back().body, "v=0 answer");
  EXPECT_THAT(take_kinds(), ElementsAre(kIncoming, kAcked));
}

TEST_F(Incoming, HangingUpWhileItRingsRefuses) {
  agent_->bye(rings(), 17, "", now_);
  EXPECT_THAT(take_names(), ElementsAre("100", "486"));
  passes(2ms);
  EXPECT_THAT(take_kinds(), ElementsAre(kIncoming, kGone));
}

TEST_F(Incoming, CallThatTheOwnerForgetsIsRefusedAtLast) {
  rings();
  passes(config_.proceeding_max + 1ms);
  EXPECT_EQ(take().back().what(), "480");
  EXPECT_THAT(take_kinds(), ElementsAre(kIncoming, kCancelled, kGone));
}

TEST_F(Incoming, ByeOfACallThatStillRingsEndsIt) {
  const Handle handle = rings();
  ASSERT_TRUE(agent_->ring(handle, 180, {}, now_).has_value());
  const Sent ringing = take().back();
  arrives(in_dialog("BYE", ringing, 11));
  EXPECT_THAT(take_names(), ElementsAre("200", "487"));
  EXPECT_THAT(take_kinds(), ElementsAre(kIncoming, kBye, kGone));
}

TEST_F(Incoming, RouteSetOfTheServerKeepsItsOrder) {
  arrives(invite(kSdp, "z9hG4bKrr", "Record-Route: <sip:192.0.2.50;lr>, <sip:192.0.2.51;lr>\r\n"));
  const Handle handle = events_.at(0).call;
  ASSERT_TRUE(agent_->accept(handle, kSdp, now_).has_value());
  const Sent ok = take().back();
  EXPECT_EQ(ok.header("Record-Route"), "<sip:192.0.2.50;lr>, <sip:192.0.2.51;lr>");
  arrives(in_dialog("ACK", ok, 10));
  agent_->bye(handle, 16, "", now_);
  const Sent bye = take().back();
  EXPECT_EQ(bye.header("Route"), "<sip:192.0.2.50;lr>,<sip:192.0.2.51;lr>");
  EXPECT_EQ(bye.to, Endpoint::v4(192, 0, 2, 50, 5060));
}

TEST_F(Incoming, HoldAndResume) {
  Handle handle;
  const Sent ok = stand(handle);
  arrives(in_dialog("INVITE", ok, 11, "Content-Type: application/sdp\r\n", "v=0 hold"));
  ASSERT_TRUE(agent_->accept_reinvite(handle, "v=0 held", now_).has_value());
  arrives(in_dialog("INVITE", ok, 12, {}, "v=0"));  // too soon: the ACK is missing
  EXPECT_THAT(take_names(), ElementsAre("100", "200", "500"));
  arrives(in_dialog("ACK", ok, 11));
  arrives(in_dialog("INVITE", ok, 13, "Content-Type: application/sdp\r\n", "v=0 resume"));
  ASSERT_TRUE(agent_->accept_reinvite(handle, "v=0 resumed", now_).has_value());
  arrives(in_dialog("ACK", ok, 13));
  EXPECT_THAT(take_kinds(), ElementsAre(kReinvite, kAcked, kReinvite, kAcked));
}

TEST_F(Incoming, ReinviteWithoutAckIsHungUp) {
  Handle handle;
  const Sent ok = stand(handle);
  arrives(in_dialog("INVITE", ok, 11, {}, "v=0 hold"));
  ASSERT_TRUE(agent_->accept_reinvite(handle, "v=0 held", now_).has_value());
  passes(33s);
  EXPECT_EQ(events_.at(1).kind, kBye);
  EXPECT_TRUE(events_.at(1).local);
}

// ---- refusals without memory

TEST_F(Incoming, UnknownSourceIsChallenged) {
  arrives(invite(), Endpoint::v4(203, 0, 113, 5, 5060));
  const auto sent = take();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].what(), "401");
  EXPECT_THAT(sent[0].header("WWW-Authenticate"), HasSubstr("Digest realm=\"carillon\", nonce="));
  EXPECT_THAT(take_kinds(), IsEmpty());
  EXPECT_EQ(agent_->transactions(), 0u);
}

TEST_F(Incoming, AnyPortOfAGatewayIsTheTrunk) {
  arrives(invite(), Endpoint::v4(192, 0, 2, 2, 40'000));
  EXPECT_EQ(events_.at(0).trunk, "carrier");
}

TEST_F(Incoming, WhatWeDoNotKnowIsRefusedByName) {
  arrives(invite(kSdp, "z9hG4bK1", "Require: 100rel, x-unknown\r\n"));
  auto sent = take();
  EXPECT_EQ(sent.at(0).what(), "420");
  EXPECT_EQ(sent.at(0).header("Unsupported"), "100rel, x-unknown");
  const auto of_type = [](std::string_view type) {
    auto text = invite(kSdp, "z9hG4bK2");
    return text.replace(text.find("application/sdp"), 15, type);
  };
  arrives(of_type("application/isup"));
  EXPECT_EQ(take().at(0).header("Accept"), "application/sdp");
  arrives(of_type("application/sdp;charset=x"));
  EXPECT_THAT(take_names(), ElementsAre("100"));
  auto text = invite(kSdp, "z9hG4bK3");
  text.replace(text.find("sip:+4930777@192.0.2.1"), 22, "nobodyKnowsThisScheme:x");
  arrives(text);
  EXPECT_THAT(take_names(), ElementsAre("416"));
  text = invite(kSdp, "z9hG4bK4");
  text.replace(text.find("SIP/2.0"), 7, "SIP/7.0");
  arrives(text);
  EXPECT_THAT(take_names(), ElementsAre("505"));
  text = invite(kSdp, "z9hG4bK5");
  text.replace(text.find("10 INVITE"), 9, "10 BYE");
  arrives(text);
  EXPECT_THAT(take_names(), ElementsAre("400"));
}

TEST_F(Incoming, MethodsOutsideADialog) {
  const auto request = [&](std::string_view method) {
    auto text = invite({});
    text.replace(text.find("10 INVITE"), 9, fmt::format("10 {}", method));
    return text.replace(0, 6, method);
  };
  for (const char* method : {"OPTIONS", "BYE", "INFO", "SUBSCRIBE", "MESSAGE", "FROBNICATE"}) arrives(request(method));
  const auto sent = take();
  std::vector<std::string> names;
  for (const auto& one : sent) names.push_back(one.what());
  EXPECT_THAT(names, ElementsAre("200", "481", "481", "405", "405", "501"));
  EXPECT_THAT(sent[0].header("Allow"), HasSubstr("INVITE"));
  EXPECT_THAT(sent[4].header("Allow"), HasSubstr("INVITE"));
  arrives(request("ACK"));
  EXPECT_THAT(take(), IsEmpty());
}

TEST_F(Incoming, FullAgentSays503WithRetryAfter) {
  for (int i = 0; i < 17; ++i) {
    auto text = invite(kSdp, fmt::format("z9hG4bK{}", i));
    arrives(text.replace(text.find("incoming@"), 9, fmt::format("call{}@", i)));
  }
  const auto sent = take();
  EXPECT_EQ(sent.back().what(), "503");
  EXPECT_EQ(sent.back().header("Retry-After"), "5");
  EXPECT_EQ(agent_->dialogs(), 16u);
  EXPECT_EQ(agent_->counters().dialogs_full, 1u);
}

TEST_F(Incoming, OwnerThatDoesNotClearIsNotOverrun) {
  config_.events_max = 16;
  restart();
  ASSERT_TRUE(agent_->put_trunk(carrier(), now_));
  for (int i = 0; i < 40; ++i) agent_->receive(bytes_of(invite(kSdp, fmt::format("z9hG4bK{}", i))), kCarrier, now_);
  EXPECT_LE(agent_->events().size(), 16u);
  EXPECT_GT(agent_->counters().events_full, 0u);
}

TEST_F(Incoming, ResponseFollowsRport) {
  auto text = invite();
  const auto at = text.find(";rport");
  arrives(text, Endpoint::v4(192, 0, 2, 2, 40'000));
  EXPECT_EQ(take().at(0).to.port, 40'000);
  text.erase(at, 6);
  text.replace(text.find("z9hG4bKone"), 10, "z9hG4bKtwo");
  arrives(text, Endpoint::v4(192, 0, 2, 2, 40'000));
  EXPECT_EQ(take().at(0).to.port, 5060);
}

TEST_F(Incoming, OldPeersWithoutBranchesAreUnderstood) {
  const auto text = invite(kSdp, "1");
  arrives(text);
  arrives(text);
  EXPECT_THAT(take_kinds(), ElementsAre(kIncoming));
  EXPECT_THAT(take_names(), ElementsAre("100", "100"));
}

TEST_F(Incoming, GarbageIsDroppedAndCounted) {
  arrives("\r\n\r\n");
  arrives("hello");
  arrives("INVITE sip:x SIP/2.0\r\n\r\n");
  arrives("SIP/2.0 200 OK\r\n\r\n");
  arrives(std::string(300, '\xFF'));
  EXPECT_THAT(take(), IsEmpty());
  EXPECT_EQ(agent_->counters().keep_alive, 1u);
  EXPECT_EQ(agent_->counters().unparsable, 4u);
}

TEST_F(Incoming, ManyViasAreRefusedNotChokedOn) {
  std::string vias;
  for (int i = 0; i < 84; ++i) vias += "Via: SIP/2.0/UDP a;branch=b\r\n";
  arrives(invite(kSdp, "z9hG4bKmany", vias));
  EXPECT_THAT(take_names(), ElementsAre("513"));
}

// ---- steering

TEST_F(Incoming, TagsAndBranchesNameTheShard) {
  config_.shards = 8;
  config_.shard = 5;
  restart();
  ASSERT_TRUE(agent_->put_trunk(carrier(), now_));
  const auto by_call_id = steer(bytes_of(invite()), 8);
  auto cancel = invite({});
  cancel.replace(0, 6, "CANCEL");
  EXPECT_EQ(steer(bytes_of(cancel), 8), by_call_id);
  EXPECT_EQ(by_call_id, shard_for("incoming@192.0.2.2", 8));
  const Handle handle = rings();
  ASSERT_TRUE(agent_->accept(handle, kSdp, now_).has_value());
  const Sent ok = take().back();
  EXPECT_EQ(steer(bytes_of(in_dialog("ACK", ok, 10)), 8), 5u);
  EXPECT_EQ(steer(bytes_of(in_dialog("BYE", ok, 11)), 5), std::nullopt);  // a shard that does not exist
  ASSERT_TRUE(agent_->invite(call(), now_).has_value());
  EXPECT_EQ(steer(bytes_of(response(take().back(), 180)), 8), 5u);
  EXPECT_EQ(steer(bytes_of("SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP a;branch=z9hG4bKx\r\n\r\n"), 8), std::nullopt);
  EXPECT_EQ(steer(bytes_of("\r\n"), 8), std::nullopt);
  EXPECT_EQ(call_id_of(bytes_of(invite())), "incoming@192.0.2.2");
  EXPECT_EQ(call_id_of(bytes_of("X\r\ni : short\r\n\r\n")), "short");
}

TEST_F(Incoming, RequestOfAnotherShardIs481) {
  Handle handle;
  Sent ok = stand(handle);
  ok.text.replace(ok.text.find("tag=cn000") + 6, 3, "001");
  arrives(in_dialog("BYE", ok, 11));
  EXPECT_THAT(take_names(), ElementsAre("481"));
}

}  // namespace
}  // namespace carillon::sip
