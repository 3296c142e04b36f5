// Ladders of calls that we place: what goes over the wire, and what the owner hears.

#include "tests/engine/sip/ladder.h"

namespace carillon::sip {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using enum EventKind;

class Outgoing : public Ladder {
 protected:
  Outgoing() { EXPECT_TRUE(agent_->put_trunk(carrier(), now_)); }
  Handle dial(std::string_view sdp = kSdp) {
    auto invite = call(sdp);
    invite.trunk = "carrier";
    const auto handle = agent_->invite(invite, now_);
    EXPECT_TRUE(handle.has_value());
    collect();
    return *handle;
  }
  Sent last(std::string_view what) {
    collect();
    for (auto it = sent_.rbegin(); it != sent_.rend(); ++it)
      if (it->what() == what) return *it;
    ADD_FAILURE() << "no " << what << " was sent";
    return {};
  }
  // Answered and ACKed; both logs are empty.
  Handle stand(Sent& invite) {
    const Handle handle = dial();
    invite = last("INVITE");
    arrives(response(invite, 200, "far", {}, kSdp));
    EXPECT_EQ(last("ACK").header("CSeq"), invite.header("CSeq").substr(0, invite.header("CSeq").find(' ')) + " ACK");
    take();
    take_kinds();
    return handle;
  }
};

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

// ---- in the dialog

TEST_F(Outgoing, PeerHangsUpWithACause) {
  Sent invite;
  stand(invite);
  arrives(in_dialog("BYE", invite, 1, "Reason: SIP;cause=200, Q.850;cause=17;text=\"busy\"\r\n"));
  EXPECT_EQ(events_.at(0).q850, 17);
  EXPECT_THAT(take_kinds(), ElementsAre(kBye, kGone));
  EXPECT_THAT(take_names(), ElementsAre("200"));
  arrives(in_dialog("BYE", invite, 1));  // our 200 was lost
  EXPECT_THAT(take_names(), ElementsAre("200"));
  arrives(in_dialog("BYE", invite, 2));
  EXPECT_THAT(take_names(), ElementsAre("481"));
}

TEST_F(Outgoing, ByeOfAStrangerIsNotObeyed) {
  Sent invite;
  stand(invite);
  Sent other = invite;
  const auto at = other.text.find(";tag=cn") + 7;
  other.text[at + 20] = other.text[at + 20] == 'a' ? 'b' : 'a';
  arrives(in_dialog("BYE", other, 1));
  auto stranger = in_dialog("BYE", invite, 1);
  stranger.replace(stranger.find("tag=far"), 7, "tag=not");
  arrives(stranger);
  EXPECT_THAT(take_names(), ElementsAre("481", "481"));
  EXPECT_THAT(take_kinds(), IsEmpty());
  EXPECT_EQ(agent_->dialogs(), 1u);
}

TEST_F(Outgoing, ReinviteIsAnsweredAndAcked) {
  Sent invite;
  const Handle handle = stand(invite);
  ASSERT_TRUE(agent_->reinvite(handle, "v=0 hold", now_).has_value());
  EXPECT_EQ(agent_->reinvite(handle, "v=0 hold", now_).error(), Refusal::kPending);
  const Sent again = last("INVITE");
  EXPECT_EQ(again.body(), "v=0 hold");
  arrives(response(again, 200, "far", {}, "v=0 held"));
  EXPECT_EQ(events_.at(0).body, "v=0 held");
  EXPECT_THAT(take_kinds(), ElementsAre(kReinviteAnswered));
  EXPECT_THAT(take_names(), ElementsAre("INVITE", "ACK"));
  arrives(response(again, 200, "far", {}, "v=0 held"));
  EXPECT_THAT(take_names(), ElementsAre("ACK"));
}

// A carrier answering 488 to our hold could no longer be hung up if BYE followed the Contact of the refusal.
TEST_F(Outgoing, RefusedReinviteKeepsTarget) {
  Sent invite;
  const Handle handle = stand(invite);
  ASSERT_TRUE(agent_->reinvite(handle, "v=0 hold", now_).has_value());
  arrives(response(last("INVITE"), 488, "far", "Contact: <sip:elsewhere@192.0.2.66>\r\n"));
  EXPECT_THAT(take_kinds(), ElementsAre(kReinviteRefused));
  agent_->bye(handle, 16, "", now_);
  EXPECT_EQ(last("BYE").line(), "BYE sip:bob@192.0.2.2:5060 SIP/2.0");
}

TEST_F(Outgoing, DeadDialogIsToldAndHungUp) {
  Sent invite;
  const Handle handle = stand(invite);
  ASSERT_TRUE(agent_->reinvite(handle, "v=0 hold", now_).has_value());
  arrives(response(last("INVITE"), 481));
  EXPECT_EQ(events_.at(0).status, 481);
  EXPECT_TRUE(events_.at(0).local);
  EXPECT_THAT(take_kinds(), ElementsAre(kBye));
  passes(33s);
  EXPECT_THAT(take_kinds(), ElementsAre(kGone));
}

TEST_F(Outgoing, PeersReinviteMovesTheTargetOnlyWhenAccepted) {
  Sent invite;
  const Handle handle = stand(invite);
  auto hold = in_dialog("INVITE", invite, 1, "Content-Type: application/sdp\r\n", "v=0 hold");
  hold.replace(hold.find("sip:bob@192.0.2.2:5060"), 22, "sip:bob@192.0.2.3:5060");
  arrives(hold);
  EXPECT_EQ(events_.at(0).body, "v=0 hold");
  ASSERT_TRUE(agent_->refuse_reinvite(handle, 488, now_).has_value());
  EXPECT_THAT(take_names(), ElementsAre("100", "488"));
  auto second = in_dialog("INVITE", invite, 2, "Content-Type: application/sdp\r\n", "v=0 hold");
  arrives(second);
  ASSERT_TRUE(agent_->accept_reinvite(handle, "v=0 held", now_).has_value());
  EXPECT_EQ(last("200").body(), "v=0 held");
  arrives(in_dialog("ACK", invite, 2));
  EXPECT_THAT(take_kinds(), ElementsAre(kReinvite, kReinvite, kAcked));
}

TEST_F(Outgoing, GlareIsAnswered491) {
  Sent invite;
  const Handle handle = stand(invite);
  ASSERT_TRUE(agent_->reinvite(handle, "v=0 hold", now_).has_value());
  take();
  arrives(in_dialog("INVITE", invite, 1, {}, "v=0"));
  EXPECT_THAT(take_names(), ElementsAre("491"));
  EXPECT_THAT(take_kinds(), IsEmpty());
}

TEST_F(Outgoing, InfoAndOptionsAreAnsweredInTheDialog) {
  Sent invite;
  stand(invite);
  const auto info = in_dialog("INFO", invite, 1, "Content-Type: application/dtmf-relay\r\n", "Signal=5\r\n");
  arrives(info);
  arrives(info);
  EXPECT_EQ(events_.at(0).content_type, "application/dtmf-relay");
  EXPECT_EQ(events_.at(0).body, "Signal=5\r\n");
  EXPECT_THAT(take_kinds(), ElementsAre(kInfo));
  arrives(in_dialog("OPTIONS", invite, 2));
  arrives(in_dialog("REFER", invite, 3));
  arrives(in_dialog("FROBNICATE", invite, 4));
  arrives(in_dialog("INFO", invite, 2));
  EXPECT_THAT(take_names(), ElementsAre("200", "200", "200", "405", "501", "500"));
}

TEST_F(Outgoing, CrossedByesEndTheCallOnce) {
  Sent invite;
  const Handle handle = stand(invite);
  agent_->bye(handle, 16, "", now_);
  const Sent bye = last("BYE");
  arrives(in_dialog("BYE", invite, 1));
  arrives(response(bye, 481));
  EXPECT_THAT(take_kinds(), ElementsAre(kGone));
}

TEST_F(Outgoing, ByeIsResentAndGivenUp) {
  Sent invite;
  const Handle handle = stand(invite);
  agent_->bye(handle, 16, "", now_);
  passes(33s);
  EXPECT_EQ(take_names().size(), 11u);  // 0, 0.5, 1.5, 3.5, then every 4 s to 31.5
  EXPECT_THAT(take_kinds(), ElementsAre(kGone));
  EXPECT_EQ(agent_->transactions(), 0u);
}

// ---- what the owner may not do, and bounds

TEST_F(Outgoing, NothingCanBeSmuggledIntoAnInvite) {
  auto bad = call();
  bad.request_uri = "sip:x@y\r\nX: 1";
  EXPECT_EQ(agent_->invite(bad, now_).error(), Refusal::kBadTarget);
  bad = call();
  bad.from = "a\r\nX: 1";
  EXPECT_EQ(agent_->invite(bad, now_).error(), Refusal::kBadTarget);
  const HeaderField evil[] = {{"X-Note", "a\r\nX: 1"}}, ours[] = {{"Via", "x"}};
  bad = call();
  bad.headers = evil;
  EXPECT_EQ(agent_->invite(bad, now_).error(), Refusal::kBadTarget);
  bad.headers = ours;
  EXPECT_EQ(agent_->invite(bad, now_).error(), Refusal::kBadTarget);
  bad = call();
  bad.trunk = "nobody";
  EXPECT_EQ(agent_->invite(bad, now_).error(), Refusal::kNoSuchTrunk);
  const std::string long_sdp(5000, 'x');
  EXPECT_EQ(agent_->invite(call(long_sdp), now_).error(), Refusal::kTooLong);
  EXPECT_EQ(agent_->dialogs(), 0u);
  EXPECT_EQ(agent_->transactions(), 0u);
}

TEST_F(Outgoing, NamesAndHeadersAreWritten) {
  auto invite = call();
  const HeaderField fields[] = {{"X-Campaign", "spring 7"}};
  invite.headers = fields;
  invite.from_name = "Say \"hi\"";
  invite.asserted_user = "+4940999";
  ASSERT_TRUE(agent_->invite(invite, now_).has_value());
  EXPECT_THAT(last("INVITE").header("From"), HasSubstr(R"("Say \"hi\"" <sip:+4940999@192.0.2.1:5060>)"));
  EXPECT_EQ(last("INVITE").header("X-Campaign"), "spring 7");
  EXPECT_EQ(last("INVITE").header("P-Asserted-Identity"), "<sip:+4940999@192.0.2.1:5060>");
}

TEST_F(Outgoing, FullPoolsRefuse) {
  for (std::uint32_t i = 0; i < config_.dialogs_max; ++i) EXPECT_TRUE(agent_->invite(call(), now_).has_value());
  EXPECT_EQ(agent_->invite(call(), now_).error(), Refusal::kFull);
  passes(33s);
  EXPECT_TRUE(agent_->invite(call(), now_).has_value());
}

TEST_F(Outgoing, FullOutboxDropsAndCounts) {
  config_.outbox_max = 16;
  restart();
  for (int i = 0; i < 16; ++i) EXPECT_TRUE(agent_->invite(call(), now_).has_value());
  now_ += 600ms;
  agent_->fire(now_);
  EXPECT_EQ(agent_->outbox().size(), 16u);
  EXPECT_EQ(agent_->counters().outbox_full, 16u);
}

}  // namespace
}  // namespace carillon::sip
