#pragma once
// Two agents, or an agent and hand-written datagrams, joined by a wire that the test controls. Time is simulated.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fmt/format.h>

#include <string>
#include <vector>

#include "engine/sip/user_agent.h"

namespace carillon::sip {

inline const Endpoint kOurs = Endpoint::v4(192, 0, 2, 1, 5060);
inline const Endpoint kCarrier = Endpoint::v4(192, 0, 2, 2, 5060);
inline constexpr std::string_view kSdp = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\n";

/// An event whose texts outlive the agent's.
struct Seen {
  EventKind kind;
  Handle call;
  std::uint64_t user;
  int status;
  std::string reason, body, contact, trunk, endpoint, from_user, from_name, to_user, request_user, content_type;
  bool local, needs_ack, is_reachable, is_registered;
  std::uint32_t early_dialog;
  int q850;
  std::string q850_text;
  Duration retry_after, expires;
};

inline Seen seen(const Event& e) {
  return {e.kind,
          e.call,
          e.user,
          e.status,
          std::string(e.reason),
          std::string(e.body),
          std::string(e.contact),
          std::string(e.trunk),
          std::string(e.endpoint),
          std::string(e.from_user),
          std::string(e.from_name),
          std::string(e.to_user),
          std::string(e.request_user),
          std::string(e.content_type),
          e.local,
          e.needs_ack,
          e.is_reachable,
          e.is_registered,
          e.early_dialog,
          e.q850,
          std::string(e.q850_text),
          e.retry_after,
          e.expires};
}

struct Sent {
  Endpoint to;
  std::string text;
  std::string line() const { return text.substr(0, text.find("\r\n")); }
  /// "INVITE" or "200"
  std::string what() const {
    const auto first = text.find(' ');
    return text.starts_with("SIP/2.0 ") ? text.substr(8, 3) : text.substr(0, first);
  }
  std::string header(std::string_view name) const {
    const auto at = text.find(fmt::format("\r\n{}: ", name));
    if (at == text.npos) return {};
    const auto start = at + name.size() + 4;
    return text.substr(start, text.find("\r\n", start) - start);
  }
  std::string body() const { return text.substr(text.find("\r\n\r\n") + 4); }
};

/// One agent, whose far side the test writes by hand.
class Ladder : public testing::Test {
 protected:
  UserAgentConfig config_ = [] {
    UserAgentConfig config;
    config.bound = kOurs;
    config.dialogs_max = 16;
    config.transactions_max = 64;
    config.registrations_max = 8;
    config.trunks_max = 4;
    return config;
  }();
  Random random_{7};
  TimePoint now_{};
  std::unique_ptr<UserAgent> agent_ = std::make_unique<UserAgent>(config_, random_, now_);
  std::vector<Seen> events_;
  std::vector<Sent> sent_;  ///< since the last take()

  void restart() { agent_ = std::make_unique<UserAgent>(config_, random_, now_); }
  void collect() {
    for (const auto& event : agent_->events()) events_.push_back(seen(event));
    agent_->clear_events();
    for (const auto& datagram : agent_->outbox()) sent_.push_back({datagram.to, std::string(text_of(datagram.data))});
    agent_->clear_outbox();
  }
  void arrives(const std::string& text, const Endpoint& from = kCarrier) {
    agent_->receive(bytes_of(text), from, now_);
    collect();
  }
  void passes(Duration time) {
    const TimePoint end = now_ + time;
    while (agent_->deadline() <= end) {
      now_ = std::max(now_, agent_->deadline());
      agent_->fire(now_);
      collect();
    }
    now_ = end;
    agent_->fire(now_);
    collect();
  }
  std::vector<Sent> take() {
    collect();
    return std::exchange(sent_, {});
  }
  std::vector<std::string> take_names() {
    std::vector<std::string> names;
    for (const auto& sent : take()) names.push_back(sent.what());
    return names;
  }
  std::vector<EventKind> take_kinds() {
    collect();
    std::vector<EventKind> kinds;
    for (const auto& event : std::exchange(events_, {})) kinds.push_back(event.kind);
    return kinds;
  }

  TrunkConfig carrier() const {
    TrunkConfig trunk;
    trunk.id = "carrier";
    trunk.gateways = {kCarrier};
    trunk.username = "alice";
    trunk.password = "secret";
    trunk.domain = "carrier.example";
    return trunk;
  }
  Invite call(std::string_view sdp = kSdp) const {
    Invite invite;
    invite.destination = kCarrier;
    invite.request_uri = "sip:+4930123@carrier.example";
    invite.from = "+4940999";
    invite.to = "+4930123";
    invite.sdp = sdp;
    invite.user = 42;
    return invite;
  }
  /// A response to what the agent sent. `more` are header lines.
  static std::string response(const Sent& request, int status, std::string_view tag = "far", std::string_view more = {},
                              std::string_view body = {}) {
    const auto to = request.header("To");
    return fmt::format(
        "SIP/2.0 {} Whatever\r\nVia: {}\r\nFrom: {}\r\nTo: {}{}\r\nCall-ID: {}\r\nCSeq: {}\r\n{}{}Content-Length: "
        "{}\r\n\r\n{}",
        status, request.header("Via"), request.header("From"), to,
        to.find("tag=") == to.npos && !tag.empty() ? fmt::format(";tag={}", tag) : "", request.header("Call-ID"),
        request.header("CSeq"), status >= 200 && status < 300 ? "Contact: <sip:bob@192.0.2.2:5060>\r\n" : "", more,
        body.size(), body);
  }
  /// An INVITE of the carrier.
  static std::string invite(std::string_view sdp = kSdp, std::string_view branch = "z9hG4bKone",
                            std::string_view more = {}) {
    return fmt::format(
        "INVITE sip:+4930777@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.2:5060;branch={};rport\r\n"
        "From: \"Bob\" <sip:+4930123@carrier.example>;tag=far\r\nTo: <sip:+4930777@192.0.2.1>\r\n"
        "Call-ID: incoming@192.0.2.2\r\nCSeq: 10 INVITE\r\nContact: <sip:bob@192.0.2.2:5060>\r\n"
        "Max-Forwards: 70\r\n{}{}Content-Length: {}\r\n\r\n{}",
        branch, more, sdp.empty() ? "" : "Content-Type: application/sdp\r\n", sdp.size(), sdp);
  }
  /// A request of the carrier in the dialog that our response (or request) `ours` belongs to.
  static std::string in_dialog(std::string_view method, const Sent& ours, int cseq, std::string_view more = {},
                               std::string_view body = {}, std::string_view branch = {}) {
    const bool is_response = ours.text.starts_with("SIP/2.0");
    auto from = ours.header(is_response ? "From" : "To"), to = ours.header(is_response ? "To" : "From");
    if (from.find("tag=") == from.npos) from += ";tag=far";
    return fmt::format(
        "{0} sip:us@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.2:5060;branch={1};rport\r\nFrom: {2}\r\nTo: {3}\r\n"
        "Call-ID: {4}\r\nCSeq: {5} {0}\r\nContact: <sip:bob@192.0.2.2:5060>\r\nMax-Forwards: 70\r\n{6}"
        "Content-Length: {7}\r\n\r\n{8}",
        method, branch.empty() ? fmt::format("z9hG4bK{}{}", method, cseq) : std::string(branch), from, to,
        ours.header("Call-ID"), cseq, more, body.size(), body);
  }
};

/// An agent with the trunk "carrier" that places calls.
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

}  // namespace carillon::sip
