#include "engine/sip/transaction.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace carillon::sip {
namespace {

using testing::ElementsAre;

// What a machine does by itself until its deadline is gone: the times of its sends, and when it ended.
template <class Machine, class Action>
std::vector<std::chrono::nanoseconds> sends(Machine& machine, Action send, TimePoint& now) {
  std::vector<std::chrono::nanoseconds> sent;
  while (machine.deadline() != TimePoint::max()) {
    now = machine.deadline();
    if (machine.on_deadline(now) == send) sent.push_back(now.time_since_epoch());
  }
  return sent;
}

// An unanswered INVITE goes out seven times, then gives up (RFC 3261 §17.1.1.2).
TEST(InviteClient, ResendsWithDoublingGapsUntilTimerB) {
  using Action = InviteClient::Action;
  TimePoint now{};  // simulated; nothing here waits
  InviteClient invite{Timing{}};
  std::vector<std::chrono::nanoseconds> sent;

  auto action = invite.start(now);
  for (; action == Action::kSendInvite; action = invite.on_deadline(now)) {
    sent.push_back(now.time_since_epoch());
    now = invite.deadline();
  }

  EXPECT_THAT(sent, ElementsAre(0ms, 500ms, 1500ms, 3500ms, 7500ms, 15500ms, 31500ms));
  EXPECT_EQ(now.time_since_epoch(), 32s);
  EXPECT_EQ(action, Action::kReportTimeout);
  EXPECT_EQ(invite.state(), InviteClient::State::kTerminated);
}

TEST(InviteClient, ProvisionalStopsResendingAndTimerB) {
  InviteClient invite{Timing{}};
  invite.start(TimePoint{});
  EXPECT_EQ(invite.on_response(180, TimePoint{100ms}), InviteClient::Action::kReport);
  EXPECT_EQ(invite.deadline(), TimePoint::max());
  EXPECT_EQ(invite.on_response(183, TimePoint{200ms}), InviteClient::Action::kReport);
}

// RFC 6026 §7.2: each 2xx, repeated or of another fork, is passed up until timer M.
TEST(InviteClient, AcceptedPassesEvery2xxUpUntilTimerM) {
  InviteClient invite{Timing{}};
  invite.start(TimePoint{});
  EXPECT_EQ(invite.on_response(200, TimePoint{1s}), InviteClient::Action::kReport);
  EXPECT_EQ(invite.state(), InviteClient::State::kAccepted);
  EXPECT_EQ(invite.on_response(200, TimePoint{20s}), InviteClient::Action::kReport);
  EXPECT_EQ(invite.on_response(180, TimePoint{21s}), InviteClient::Action::kNone);
  EXPECT_EQ(invite.on_response(486, TimePoint{21s}), InviteClient::Action::kNone);
  EXPECT_EQ(invite.deadline(), TimePoint{33s});
  EXPECT_EQ(invite.on_deadline(TimePoint{33s}), InviteClient::Action::kNone);
  EXPECT_EQ(invite.state(), InviteClient::State::kTerminated);
  EXPECT_EQ(invite.on_response(200, TimePoint{34s}), InviteClient::Action::kNone);
}

TEST(InviteClient, CompletedAcksEachRepetitionUntilTimerD) {
  InviteClient invite{Timing{}};
  invite.start(TimePoint{});
  EXPECT_EQ(invite.on_response(486, TimePoint{1s}), InviteClient::Action::kReportAndAck);
  EXPECT_EQ(invite.on_response(486, TimePoint{2s}), InviteClient::Action::kSendAck);
  EXPECT_EQ(invite.on_response(200, TimePoint{2s}), InviteClient::Action::kNone);
  EXPECT_EQ(invite.deadline(), TimePoint{33s});
  EXPECT_EQ(invite.on_deadline(TimePoint{33s}), InviteClient::Action::kNone);
  EXPECT_EQ(invite.state(), InviteClient::State::kTerminated);
}

TEST(InviteClient, CancelledInviteIsGivenUpAfter64T1) {
  InviteClient invite{Timing{}};
  invite.start(TimePoint{});
  invite.on_response(180, TimePoint{1s});
  invite.on_cancel(TimePoint{10s});
  EXPECT_EQ(invite.deadline(), TimePoint{42s});
  EXPECT_EQ(invite.on_deadline(TimePoint{42s}), InviteClient::Action::kReportTimeout);
}

TEST(InviteClient, LimitedProceedingIsGivenUp) {
  InviteClient invite{Timing{}};
  invite.limit(TimePoint{});
  invite.start(TimePoint{});
  invite.on_response(100, TimePoint{10s});
  EXPECT_EQ(invite.deadline(), TimePoint{42s});
}

// Timer E doubles up to T2; timer F ends it (§17.1.2.2).
TEST(Client, ResendsUpToT2UntilTimerF) {
  TimePoint now{};
  Client client{Timing{}};
  EXPECT_EQ(client.start(now), Client::Action::kSendRequest);
  EXPECT_THAT(sends(client, Client::Action::kSendRequest, now),
              ElementsAre(500ms, 1500ms, 3500ms, 7500ms, 11500ms, 15500ms, 19500ms, 23500ms, 27500ms, 31500ms));
  EXPECT_EQ(now, TimePoint{32s});
}

TEST(Client, ProvisionalSlowsItToT2AndDoesNotStopTimerF) {
  TimePoint now{};
  Client client{Timing{}};
  client.start(now);
  EXPECT_EQ(client.on_response(100, TimePoint{100ms}), Client::Action::kNone);
  EXPECT_THAT(sends(client, Client::Action::kSendRequest, now),
              ElementsAre(500ms, 4500ms, 8500ms, 12500ms, 16500ms, 20500ms, 24500ms, 28500ms));
  EXPECT_EQ(now, TimePoint{32s});
}

TEST(Client, FinalResponseIsPassedUpOnceUntilTimerK) {
  Client client{Timing{}};
  client.start(TimePoint{});
  EXPECT_EQ(client.on_response(200, TimePoint{1s}), Client::Action::kReport);
  EXPECT_EQ(client.on_response(200, TimePoint{2s}), Client::Action::kNone);
  EXPECT_EQ(client.deadline(), TimePoint{6s});
  EXPECT_EQ(client.on_deadline(TimePoint{6s}), Client::Action::kNone);
  EXPECT_EQ(client.state(), Client::State::kTerminated);
}

TEST(InviteServer, RefusalIsRepeatedByTimerGUntilTheAckThenTimerI) {
  using Action = InviteServer::Action;
  InviteServer invite{Timing{}};
  EXPECT_EQ(invite.respond(180, TimePoint{}), Action::kSendResponse);
  EXPECT_EQ(invite.on_invite(), Action::kSendResponse);
  EXPECT_EQ(invite.respond(486, TimePoint{}), Action::kSendResponse);
  EXPECT_EQ(invite.on_deadline(TimePoint{500ms}), Action::kSendResponse);
  EXPECT_EQ(invite.on_invite(), Action::kSendResponse);
  EXPECT_EQ(invite.deadline(), TimePoint{1500ms});
  EXPECT_EQ(invite.on_ack(TimePoint{1s}), Action::kNone);
  EXPECT_EQ(invite.state(), InviteServer::State::kConfirmed);
  EXPECT_EQ(invite.on_invite(), Action::kNone);
  EXPECT_EQ(invite.deadline(), TimePoint{6s});
  EXPECT_EQ(invite.on_deadline(TimePoint{6s}), Action::kNone);
  EXPECT_EQ(invite.state(), InviteServer::State::kTerminated);
}

TEST(InviteServer, RefusalWithoutAckEndsByTimerH) {
  TimePoint now{};
  InviteServer invite{Timing{}};
  invite.respond(486, now);
  EXPECT_EQ(sends(invite, InviteServer::Action::kSendResponse, now).size(), 10u);
  EXPECT_EQ(now, TimePoint{32s});
}

// RFC 6026 §7.1: the transaction outlives its 2xx, absorbs the INVITE, and takes every ACK.
TEST(InviteServer, AcceptedAbsorbsInvitesAndReportsOneAckUntilTimerL) {
  using Action = InviteServer::Action;
  InviteServer invite{Timing{}};
  EXPECT_EQ(invite.respond(200, TimePoint{}), Action::kSendResponse);
  EXPECT_EQ(invite.on_invite(), Action::kNone);
  EXPECT_EQ(invite.on_deadline(TimePoint{500ms}), Action::kSendResponse);
  EXPECT_EQ(invite.on_ack(TimePoint{600ms}), Action::kReportAck);
  EXPECT_EQ(invite.on_ack(TimePoint{700ms}), Action::kNone);
  EXPECT_EQ(invite.respond(486, TimePoint{1s}), Action::kNone);
  EXPECT_EQ(invite.deadline(), TimePoint{32s});
  EXPECT_EQ(invite.on_deadline(TimePoint{32s}), Action::kNone);
}

TEST(InviteServer, AnswerWithoutAckIsReported) {
  InviteServer invite{Timing{}};
  invite.respond(200, TimePoint{});
  EXPECT_EQ(invite.on_deadline(TimePoint{32s}), InviteServer::Action::kReportTimeout);
}

TEST(Server, RepeatsItsAnswerUntilTimerJ) {
  using Action = Server::Action;
  Server server{Timing{}};
  EXPECT_EQ(server.on_request(), Action::kNone);
  EXPECT_EQ(server.respond(200, TimePoint{}), Action::kSendResponse);
  EXPECT_EQ(server.respond(500, TimePoint{}), Action::kNone);
  EXPECT_EQ(server.on_request(), Action::kSendResponse);
  EXPECT_EQ(server.deadline(), TimePoint{32s});
  server.on_deadline(TimePoint{32s});
  EXPECT_EQ(server.state(), Server::State::kTerminated);
}

}  // namespace
}  // namespace carillon::sip
