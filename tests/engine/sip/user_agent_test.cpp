// Ladders: what goes over the wire, and what the owner hears.

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

}  // namespace
}  // namespace carillon::sip
