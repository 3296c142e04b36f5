// Ladders of calls that stand, and what the owner may not do.

#include "tests/engine/sip/ladder.h"

namespace carillon::sip {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using enum EventKind;

class InDialog : public Outgoing {};

// ---- in the dialog

TEST_F(InDialog, PeerHangsUpWithACause) {
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

TEST_F(InDialog, ByeOfAStrangerIsNotObeyed) {
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

TEST_F(InDialog, ReinviteIsAnsweredAndAcked) {
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
TEST_F(InDialog, RefusedReinviteKeepsTarget) {
  Sent invite;
  const Handle handle = stand(invite);
  ASSERT_TRUE(agent_->reinvite(handle, "v=0 hold", now_).has_value());
  arrives(response(last("INVITE"), 488, "far", "Contact: <sip:elsewhere@192.0.2.66>\r\n"));
  EXPECT_THAT(take_kinds(), ElementsAre(kReinviteRefused));
  agent_->bye(handle, 16, "", now_);
  EXPECT_EQ(last("BYE").line(), "BYE sip:bob@192.0.2.2:5060 SIP/2.0");
}

TEST_F(InDialog, DeadDialogIsToldAndHungUp) {
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

TEST_F(InDialog, PeersReinviteMovesTheTargetOnlyWhenAccepted) {
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

TEST_F(InDialog, GlareIsAnswered491) {
  Sent invite;
  const Handle handle = stand(invite);
  ASSERT_TRUE(agent_->reinvite(handle, "v=0 hold", now_).has_value());
  take();
  arrives(in_dialog("INVITE", invite, 1, {}, "v=0"));
  EXPECT_THAT(take_names(), ElementsAre("491"));
  EXPECT_THAT(take_kinds(), IsEmpty());
}

TEST_F(InDialog, InfoAndOptionsAreAnsweredInTheDialog) {
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

TEST_F(InDialog, CrossedByesEndTheCallOnce) {
  Sent invite;
  const Handle handle = stand(invite);
  agent_->bye(handle, 16, "", now_);
  const Sent bye = last("BYE");
  arrives(in_dialog("BYE", invite, 1));
  arrives(response(bye, 481));
  EXPECT_THAT(take_kinds(), ElementsAre(kGone));
}

TEST_F(InDialog, ByeIsResentAndGivenUp) {
  Sent invite;
  const Handle handle = stand(invite);
  agent_->bye(handle, 16, "", now_);
  passes(33s);
  EXPECT_EQ(take_names().size(), 11u);  // 0, 0.5, 1.5, 3.5, then every 4 s to 31.5
  EXPECT_THAT(take_kinds(), ElementsAre(kGone));
  EXPECT_EQ(agent_->transactions(), 0u);
}

// ---- what the owner may not do, and bounds

TEST_F(InDialog, NothingCanBeSmuggledIntoAnInvite) {
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

TEST_F(InDialog, NamesAndHeadersAreWritten) {
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

TEST_F(InDialog, FullPoolsRefuse) {
  for (std::uint32_t i = 0; i < config_.dialogs_max; ++i) EXPECT_TRUE(agent_->invite(call(), now_).has_value());
  EXPECT_EQ(agent_->invite(call(), now_).error(), Refusal::kFull);
  passes(33s);
  EXPECT_TRUE(agent_->invite(call(), now_).has_value());
}

TEST_F(InDialog, FullOutboxDropsAndCounts) {
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
