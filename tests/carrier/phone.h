#pragma once
// A phone that is called: rings, answers or refuses, speaks, listens, presses a digit, hangs up.

#include "tests/carrier/call.h"

namespace carillon::carrier {

///   Proceeding ─180/183─► Proceeding ─┬─200──► Answered ─BYE──► finished
///        └───────CANCEL─────────487───┴─4xx/5xx─► Refused ─ACK─► finished
class Phone : public Call {
 public:
  /// Takes an INVITE that opens a dialog and answers 100 to it.
  Phone(Switchboard& board, const SipMessage& invite, const Endpoint& source, TimePoint now);
  void on_request(const SipMessage& request, const Endpoint& source, TimePoint now) override;
  void on_response(const SipMessage& response, TimePoint now) override;
  void step(TimePoint now) override;
  void close(TimePoint now) override;

 private:
  enum class State { kProceeding, kAnswered, kRefused };

  void on_invite(const SipMessage& request, const Endpoint& source, TimePoint now);
  void on_cancel(const SipMessage& request, const Endpoint& source, TimePoint now);
  void on_ack(const SipMessage& request, TimePoint now);
  void proceed(TimePoint now);
  void ring(TimePoint now);
  void answer(TimePoint now);
  void refuse(int status, std::string_view reason, TimePoint now);
  void dress(Random& random);
  void talk(TimePoint now);
  void talk_with_agent(TimePoint now);
  void send_provisional(int status, std::string_view reason, bool with_sdp);

  State state_ = State::kProceeding;
  SipMessage invite_;
  Endpoint source_;
  TimePoint invited_at_;
  Behaviour behaviour_;
  std::string last_response_;  ///< repeated when the INVITE is
  TimePoint agent_heard_{};
  bool has_rung_ = false, is_digit_pressed_ = false;
};

}  // namespace carillon::carrier
