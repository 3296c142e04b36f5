// Ladders of calls that we place: what goes over the wire, and what the owner hears.

#include "tests/engine/sip/ladder.h"

namespace carillon::sip {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using enum EventKind;

TEST_F(Outgoing, CallIsAnsweredAndHungUp) {
  const Handle handle = dial();
  const Sent invite = last("INVITE");
  EXPECT_EQ(invite.to, kCarrier);
  EXPECT_EQ(invite.line(), "INVITE sip:+4930123@carrier.example SIP/2.0");
  EXPECT_THAT(invite.header("From"), HasSubstr("<sip:+4940999@carrier.example>;tag=cn"));
  EXPECT_EQ(invite.header("To"), "<sip:+4930123@carrier.example>");
  EXPECT_EQ(invite.body(), kSdp);
  arrives(response(invite, 100, ""));
  arrives(response(invite, 180));
  arrives(response(invite, 183, "far", "Content-Type: application/sdp\r\n", kSdp));
  arrives(response(invite, 200, "far", "Content-Type: application/sdp\r\n", kSdp));
  EXPECT_THAT(take_names(), ElementsAre("INVITE", "ACK"));
  EXPECT_EQ(events_.at(1).body, kSdp);
  EXPECT_EQ(events_.at(2).user, 42u);
  EXPECT_THAT(take_kinds(), ElementsAre(kProvisional, kProvisional, kAnswered));
  agent_->bye(handle, 16, "done", now_);
  const Sent bye = last("BYE");
  EXPECT_EQ(bye.line(), "BYE sip:bob@192.0.2.2:5060 SIP/2.0");
  EXPECT_EQ(bye.header("Reason"), "Q.850;cause=16;text=\"done\"");
  EXPECT_THAT(bye.header("To"), HasSubstr(";tag=far"));
  arrives(response(bye, 200));
  EXPECT_THAT(take_kinds(), ElementsAre(kGone));
  passes(40s);
  EXPECT_EQ(agent_->dialogs(), 0u);
  EXPECT_EQ(agent_->transactions(), 0u);
}

// The response to a request of ours that is repeated because our ACK was lost is ACKed again, and told once.
TEST_F(Outgoing, Repeated2xxIsAckedAgain) {
  Sent invite;
  stand(invite);
  for (int i = 0; i < 3; ++i) arrives(response(invite, 200, "far", {}, kSdp));
  EXPECT_THAT(take_names(), ElementsAre("ACK", "ACK", "ACK"));
  EXPECT_THAT(take_kinds(), IsEmpty());
}

TEST_F(Outgoing, Repeated2xxIsAckedEvenAfterTheCall) {
  Sent invite;
  const Handle handle = stand(invite);
  agent_->bye(handle, 16, "", now_);
  arrives(response(last("BYE"), 200));
  EXPECT_EQ(agent_->dialogs(), 0u);
  take();
  arrives(response(invite, 200, "far", {}, kSdp));
  EXPECT_THAT(take_names(), ElementsAre("ACK"));
}

// Two phones rang and both answered: the first wins, the other is ACKed and hung up (RFC 3261 §13.2.2.4).
// Ten thousand calls a second would hold 320,000 INVITE transactions (timer M, 32 s) and 50,000 of BYE (timer K).
TEST_F(Outgoing, CallsThatAreOverHoldNoRoomThatOthersNeed) {
  for (int i = 0; i < 1000; ++i) {  // in no time, in room for 64
    Sent invite;
    const Handle call = stand(invite);
    agent_->bye(call, 16, "", now_);
    arrives(response(last("BYE"), 200));
    ASSERT_THAT(take_kinds(), Contains(kGone)) << "call " << i;
    take();
  }
  EXPECT_EQ(agent_->counters().transactions_full, 0u);
  EXPECT_EQ(agent_->dialogs(), 0u);
}

TEST_F(Outgoing, SecondForkIsAckedAndHungUp) {
  dial();
  const Sent invite = last("INVITE");
  arrives(response(invite, 180, "one"));
  arrives(response(invite, 183, "two", {}, kSdp));
  EXPECT_EQ(events_.at(0).early_dialog, 0u);
  EXPECT_EQ(events_.at(1).early_dialog, 1u);
  arrives(response(invite, 200, "two", {}, kSdp));
  EXPECT_EQ(events_.at(2).early_dialog, 1u);
  take();
  take_kinds();
  arrives(response(invite, 200, "one", {}, kSdp));
  const auto sent = take();
  ASSERT_EQ(sent.size(), 2u);
  EXPECT_EQ(sent[0].what(), "ACK");
  EXPECT_THAT(sent[0].header("To"), HasSubstr("tag=one"));
  EXPECT_EQ(sent[1].what(), "BYE");
  EXPECT_THAT(sent[1].header("To"), HasSubstr("tag=one"));
  EXPECT_THAT(take_kinds(), IsEmpty());
  EXPECT_EQ(agent_->dialogs(), 1u);
}

TEST_F(Outgoing, UnansweredCallEndsAs408) {
  dial();
  passes(33s);
  EXPECT_THAT(take_names(), testing::Each("INVITE"));
  ASSERT_EQ(events_.size(), 2u);
  EXPECT_EQ(events_[0].status, 408);
  EXPECT_TRUE(events_[0].local);
  EXPECT_THAT(take_kinds(), ElementsAre(kFailed, kGone));
  EXPECT_EQ(agent_->dialogs(), 0u);
  EXPECT_EQ(agent_->transactions(), 0u);
}

TEST_F(Outgoing, RefusalTellsRetryAfterAndCause) {
  dial();
  const Sent invite = last("INVITE");
  take();
  arrives(response(invite, 503, "far", "Retry-After: 30 (busy)\r\nReason: Q.850;cause=34;text=\"no circuit\"\r\n"));
  ASSERT_EQ(events_.size(), 2u);
  EXPECT_EQ(events_[0].status, 503);
  EXPECT_EQ(events_[0].reason, "Whatever");
  EXPECT_FALSE(events_[0].local);
  EXPECT_EQ(events_[0].retry_after, Duration(30s));
  EXPECT_EQ(events_[0].q850, 34);
  EXPECT_EQ(events_[0].q850_text, "no circuit");
  const auto sent = take();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].what(), "ACK");
  EXPECT_EQ(sent[0].header("Via"), invite.header("Via"));  // the same branch (§17.1.1.3)
  arrives(response(invite, 503));
  EXPECT_THAT(take_names(), ElementsAre("ACK"));
  passes(40s);
  EXPECT_EQ(agent_->transactions(), 0u);
}

TEST_F(Outgoing, RedirectIsToldNotFollowed) {
  dial();
  arrives(response(last("INVITE"), 302, "far", "Contact: \"x\" <sip:else@192.0.2.9>;q=0.5, <sip:b@192.0.2.8>\r\n"));
  EXPECT_EQ(events_.at(0).contact, "sip:else@192.0.2.9");
  EXPECT_THAT(take_names(), ElementsAre("INVITE", "ACK"));
}

// ---- CANCEL

TEST_F(Outgoing, CancelWaitsForAProvisional) {
  const Handle handle = dial();
  const Sent invite = last("INVITE");
  take();
  agent_->cancel(handle, now_);
  EXPECT_THAT(take_names(), IsEmpty());
  arrives(response(invite, 100, ""));
  const Sent cancel = last("CANCEL");
  EXPECT_EQ(cancel.line(), "CANCEL sip:+4930123@carrier.example SIP/2.0");
  EXPECT_EQ(cancel.header("Via"), invite.header("Via"));
  EXPECT_EQ(cancel.header("From"), invite.header("From"));
  arrives(response(cancel, 200));
  EXPECT_THAT(take_kinds(), IsEmpty());
  arrives(response(invite, 487));
  EXPECT_EQ(events_.at(0).status, 487);
  EXPECT_FALSE(events_.at(0).local);
  EXPECT_THAT(take_kinds(), ElementsAre(kFailed, kGone));
  EXPECT_THAT(take_names(), ElementsAre("CANCEL", "ACK"));
  passes(40s);
  EXPECT_EQ(agent_->transactions(), 0u);
}

// The answer crossed our CANCEL: the call is up for the peer, so it is ACKed and hung up.
TEST_F(Outgoing, AnswerThatCrossesCancelIsHungUp) {
  const Handle handle = dial();
  const Sent invite = last("INVITE");
  arrives(response(invite, 180));
  take();
  take_kinds();
  agent_->cancel(handle, now_);
  arrives(response(invite, 200, "far", {}, kSdp));
  EXPECT_EQ(events_.at(0).status, 487);
  EXPECT_TRUE(events_.at(0).local);
  EXPECT_THAT(take_kinds(), ElementsAre(kFailed));
  const Sent bye = last("BYE");
  EXPECT_THAT(take_names(), ElementsAre("CANCEL", "ACK", "BYE"));
  arrives(response(bye, 200));
  EXPECT_THAT(take_kinds(), ElementsAre(kGone));
  passes(40s);
  EXPECT_EQ(agent_->transactions(), 0u);
}

TEST_F(Outgoing, CancelThatNobodyAnswersEndsTheCall) {
  const Handle handle = dial();
  arrives(response(last("INVITE"), 180));
  agent_->cancel(handle, now_);
  passes(33s);
  EXPECT_THAT(take_kinds(), ElementsAre(kProvisional, kFailed, kGone));
  EXPECT_EQ(agent_->dialogs(), 0u);
}

TEST_F(Outgoing, CallThatOnlyRingsIsCancelledAtLast) {
  dial();
  arrives(response(last("INVITE"), 180));
  take();
  passes(config_.proceeding_max + 1ms);
  EXPECT_EQ(last("CANCEL").what(), "CANCEL");
  passes(33s);
  EXPECT_EQ(agent_->dialogs(), 0u);
}

// ---- challenges

constexpr std::string_view kChallenge =
    "Proxy-Authenticate: Digest realm=\"carrier.example\", nonce=\"abc\", qop=\"auth\"\r\n";

TEST_F(Outgoing, ChallengeIsAnsweredOnce) {
  dial();
  const Sent first = last("INVITE");
  take();
  arrives(response(first, 407, "p", kChallenge));
  auto sent = take();
  ASSERT_EQ(sent.size(), 2u);
  EXPECT_EQ(sent[0].what(), "ACK");
  const Sent second = sent[1];
  EXPECT_EQ(second.what(), "INVITE");
  EXPECT_THAT(second.header("Proxy-Authorization"),
              testing::AllOf(HasSubstr("username=\"alice\""), HasSubstr("nonce=\"abc\""), HasSubstr("nc=00000001"),
                             HasSubstr("qop=auth,")));
  EXPECT_NE(second.header("Via"), first.header("Via"));
  EXPECT_EQ(second.header("Call-ID"), first.header("Call-ID"));
  EXPECT_EQ(std::stoi(second.header("CSeq")), std::stoi(first.header("CSeq")) + 1);
  EXPECT_EQ(second.body(), kSdp);
  arrives(response(second, 407, "p", kChallenge));
  EXPECT_THAT(take_names(), ElementsAre("ACK"));
  EXPECT_EQ(events_.at(0).status, 407);
  EXPECT_THAT(take_kinds(), ElementsAre(kFailed, kGone));
  EXPECT_EQ(agent_->counters().foreign_challenge, 1u);
}

TEST_F(Outgoing, StaleNonceIsAnsweredOnceMore) {
  dial();
  arrives(response(last("INVITE"), 407, "p", kChallenge));
  arrives(response(last("INVITE"), 407, "p",
                   "Proxy-Authenticate: Digest realm=\"carrier.example\", nonce=\"new\", stale=TRUE\r\n"));
  EXPECT_THAT(last("INVITE").header("Proxy-Authorization"), HasSubstr("nonce=\"new\""));
  const Sent third = last("INVITE");
  take();
  arrives(
      response(third, 407, "p", "Proxy-Authenticate: Digest realm=\"carrier.example\", nonce=\"n3\", stale=true\r\n"));
  EXPECT_THAT(take_names(), ElementsAre("ACK"));
}

TEST_F(Outgoing, AckOfTheAnswerRepeatsTheCredentials) {
  dial();
  arrives(response(last("INVITE"), 407, "p", kChallenge));
  const Sent second = last("INVITE");
  take();
  arrives(response(second, 200, "far", {}, kSdp));
  EXPECT_EQ(last("ACK").header("Proxy-Authorization"), second.header("Proxy-Authorization"));
}

// A digest given to a stranger could be worked on at leisure.
TEST_F(Outgoing, ChallengeFromElsewhereIsNotAnswered) {
  dial();
  arrives(response(last("INVITE"), 407, "p", kChallenge), Endpoint::v4(198, 51, 100, 7, 5060));
  EXPECT_THAT(take_names(), ElementsAre("INVITE", "ACK"));
  EXPECT_EQ(events_.at(0).status, 407);
}

TEST_F(Outgoing, OnlyTheRealmThatOnceSucceededIsAnswered) {
  const Handle handle = dial();
  arrives(response(last("INVITE"), 407, "p", kChallenge));
  arrives(response(last("INVITE"), 200, "far", {}, kSdp));
  agent_->bye(handle, 16, "", now_);
  take();
  dial();
  arrives(response(last("INVITE"), 401, "p", "WWW-Authenticate: Digest realm=\"evil.example\", nonce=\"x\"\r\n"));
  EXPECT_THAT(take_names(), ElementsAre("INVITE", "ACK"));
}

TEST_F(Outgoing, CallWithoutATrunkAnswersNoChallenge) {
  ASSERT_TRUE(agent_->invite(call(), now_).has_value());
  arrives(response(last("INVITE"), 407, "p", kChallenge));
  EXPECT_THAT(take_names(), ElementsAre("INVITE", "ACK"));
}

// ---- late offer

TEST_F(Outgoing, LateOfferIsAnsweredInTheAck) {
  const Handle handle = dial({});
  const Sent invite = last("INVITE");
  EXPECT_EQ(invite.header("Content-Type"), "");
  arrives(response(invite, 200, "far", "Content-Type: application/sdp\r\n", kSdp));
  EXPECT_TRUE(events_.at(0).needs_ack);
  EXPECT_EQ(events_.at(0).body, kSdp);
  EXPECT_THAT(take_names(), ElementsAre("INVITE"));
  ASSERT_TRUE(agent_->ack_with(handle, "v=0 answer", now_).has_value());
  EXPECT_EQ(last("ACK").body(), "v=0 answer");
  take();
  arrives(response(invite, 200, "far", {}, kSdp));
  EXPECT_EQ(last("ACK").body(), "v=0 answer");
}

// ---- routes

TEST_F(Outgoing, RequestsFollowTheRouteSetBackwards) {
  const Handle handle = dial();
  const Sent invite = last("INVITE");
  arrives(
      response(invite, 200, "far",
               "Record-Route: <sip:192.0.2.50;lr>, <sip:192.0.2.51:5070;lr>\r\nRecord-Route: <sip:192.0.2.52;lr>\r\n"));
  agent_->bye(handle, 0, "", now_);
  const Sent bye = last("BYE");
  EXPECT_EQ(bye.line(), "BYE sip:bob@192.0.2.2:5060 SIP/2.0");
  EXPECT_EQ(bye.header("Route"), "<sip:192.0.2.52;lr>,<sip:192.0.2.51:5070;lr>,<sip:192.0.2.50;lr>");
  EXPECT_EQ(bye.to, Endpoint::v4(192, 0, 2, 52, 5060));
  EXPECT_EQ(bye.header("Reason"), "");
}

TEST_F(Outgoing, StrictRouterGetsTheTargetAsLastRoute) {
  const Handle handle = dial();
  arrives(response(last("INVITE"), 200, "far", "Record-Route: <sip:192.0.2.50;lr>, <sip:192.0.2.51>\r\n"));
  agent_->bye(handle, 0, "", now_);
  EXPECT_EQ(last("BYE").line(), "BYE sip:192.0.2.51 SIP/2.0");
  EXPECT_EQ(last("BYE").header("Route"), "<sip:192.0.2.50;lr>,<sip:bob@192.0.2.2:5060>");
}

}  // namespace
}  // namespace carillon::sip
