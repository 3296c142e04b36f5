#pragma once
// A phone that calls in: places a call, listens to ringback and prompts, speaks, presses digits, hangs up.

#include <deque>
#include <string>

#include "engine/base/result.h"
#include "tests/carrier/call.h"

namespace carillon::carrier {

/// One line of a call file (JSON). Times in seconds.
///   {"at":1.5,"from":"+12125550100","to":"+12125550199","via":"127.0.0.1:5060",
///    "talk":30,"ring_max":60,"digits":"19","digits_after":2,"speaks":true,"badge":true}
struct CallOrder {
  Duration at{0};  ///< from the start of the carrier
  std::string from, to;
  Endpoint via;         ///< where the INVITE goes
  Duration talk = 30s;  ///< from answer until it hangs up
  Duration ring_max = 60s;
  std::string digits;          ///< pressed one after the other
  Duration digits_after = 2s;  ///< from answer; one second between two
  bool speaks = true;          ///< repeats a voice; else silence
  bool badge = true;           ///< the voice wears a badge; else it is sent as it is
};
/// errors  what is wrong with the line
Result<CallOrder, std::string> parse_order(std::string_view line);

/// INVITE client over UDP with its ACK, CANCEL and BYE (RFC 3261 §17.1.1); the first 2xx wins.
class Caller : public Call {
 public:
  Caller(Switchboard& board, const CallOrder& order, TimePoint now);
  void on_request(const SipMessage& request, const Endpoint& source, TimePoint now) override;
  void on_response(const SipMessage& response, TimePoint now) override;
  void step(TimePoint now) override;
  void close(TimePoint now) override;

 private:
  void on_final(const SipMessage& response, TimePoint now);
  void on_answer(const SipMessage& response, TimePoint now);
  std::string within_invite(std::string_view method, const SipMessage* final_response) const;
  void cancel(TimePoint now);

  CallOrder order_;
  TimePoint invited_at_;
  std::string invite_uri_, invite_via_, invite_to_, ack_;
  bool is_proceeding_ = false, is_cancelling_ = false;
  std::size_t digits_pressed_ = 0;
};

}  // namespace carillon::carrier
