#pragma once
// An agent's phone that registers with the product (RFC 3261 §10.2): answers one challenge, refreshes before it ends.

#include <string>

#include "engine/base/result.h"
#include "tests/carrier/call.h"

namespace carillon::carrier {

/// An agent's phone as the command line names it: "USER:PASSWORD@ADDRESS:PORT".
struct AgentLine {
  Login login;
  Endpoint registrar;
};
Result<AgentLine, std::string> parse_agent(std::string_view text);

class Registration {
 public:
  Registration(Switchboard& board, const AgentLine& line);
  void step(TimePoint now);
  void on_response(const SipMessage& response, TimePoint now);
  /// Gives the binding back without waiting for an answer.
  void close();
  const std::string& call_id() const { return call_id_; }
  bool is_registered() const { return is_registered_; }

 private:
  static constexpr int kExpires = 120;  // seconds
  std::string text(int expires, const std::string& header, const std::string& credentials);

  Switchboard& board_;
  AgentLine line_;
  std::string call_id_, tag_, uri_;
  std::uint32_t cseq_ = 0;
  Resend resend_;
  TimePoint next_{};
  bool has_answered_challenge_ = false, is_registered_ = false;
};

}  // namespace carillon::carrier
