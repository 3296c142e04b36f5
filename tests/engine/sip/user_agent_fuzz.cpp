// The whole agent under a script of bytes: datagrams, both raw and made from what the agent itself has sent, the
// owner's wishes, and time. Nothing may crash, every call ends, and after the last timer nothing is left.
//
// Each step is one byte that says what, and what it needs from the bytes that follow.

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/base/check.h"
#include "engine/sip/user_agent.h"

namespace carillon::sip {
namespace {

const Endpoint kOurs = Endpoint::v4(192, 0, 2, 1, 5060), kPeer = Endpoint::v4(192, 0, 2, 2, 5060);

class Script {
 public:
  Script(const std::uint8_t* data, std::size_t size) : in_(std::as_bytes(std::span(data, size))), random_(1) {
    UserAgentConfig config;
    config.bound = kOurs;
    config.dialogs_max = 8;
    config.transactions_max = 24;
    config.registrations_max = 2;
    config.trunks_max = 2;
    config.events_max = 32;
    config.outbox_max = 32;
    agent_ = std::make_unique<UserAgent>(config, random_, now_);
    TrunkConfig trunk;
    trunk.id = "t";
    trunk.gateways = {kPeer};
    trunk.username = "u";
    trunk.password = "p";
    trunk.registers = true;
    trunk.options_interval = 60s;
    CHECK(agent_->put_trunk(trunk, now_));
    CHECK(agent_->put_endpoint({"e", "anna", "00112233445566778899aabbccddeeff", ""}));
  }

  void run() {
    while (in_.left() > 0 && !in_.failed()) {
      step();
      listen();
    }
    agent_->remove_trunk("t", now_);
    for (const Handle call : calls_) agent_->bye(call, 16, {}, now_);
    for (int i = 0; i < 100'000 && agent_->deadline() != TimePoint::max(); ++i) {
      now_ = std::max(now_, agent_->deadline());
      agent_->fire(now_);
      listen();
      for (const Handle call : calls_) agent_->bye(call, 16, {}, now_);
    }
    CHECK(agent_->dialogs() == 0);
    CHECK(agent_->transactions() == 0);
    CHECK(calls_.empty());
  }

 private:
  std::string text(std::size_t most) { return std::string(text_of(in_.take(std::min<std::size_t>(most, in_.left())))); }
  Handle call() { return calls_.empty() ? Handle{} : calls_[in_.u8() % calls_.size()]; }

  void step() {
    const auto what = in_.u8();
    const std::string sdp = what & 0x80 ? "v=0" : "";
    switch (what & 0x1F) {
      case 0:
        return agent_->receive(bytes_of(text(in_.u16())), kPeer, now_);
      case 1:
        return pass(std::chrono::milliseconds(in_.u16()));
      case 2:
        return dial(sdp);
      case 3:
        return agent_->cancel(call(), now_);
      case 4:
        return (void)agent_->ack_with(call(), sdp, now_);
      case 5:
        return (void)agent_->ring(call(), 180 + in_.u8() % 4, sdp, now_);
      case 6:
        return (void)agent_->accept(call(), sdp, now_);
      case 7:
        return (void)agent_->reject(call(), 300 + in_.u16() % 400, {}, 1s, now_);
      case 8:
        return (void)agent_->reinvite(call(), sdp, now_);
      case 9:
        return (void)agent_->accept_reinvite(call(), sdp, now_);
      case 10:
        return (void)agent_->refuse_reinvite(call(), 488, now_);
      case 11:
        return agent_->bye(call(), in_.u8() % 128, "why", now_);
      case 12:
      case 13:
      case 14:
        return respond(sdp);
      case 15:
        return invite(sdp);
      default:
        return request(what & 0x0F, sdp);
    }
  }

  void pass(Duration time) {
    const TimePoint end = now_ + time;
    for (int i = 0; i < 1000 && agent_->deadline() <= end; ++i) {
      now_ = std::max(now_, agent_->deadline());
      agent_->fire(now_);
      listen();
    }
    now_ = end;
  }

  void dial(std::string_view sdp) {
    Invite invite;
    invite.destination = kPeer;
    invite.request_uri = "sip:x@192.0.2.2";
    invite.from = "me";
    invite.trunk = in_.u8() % 2 ? "t" : "";
    invite.sdp = sdp;
    if (const auto handle = agent_->invite(invite, now_)) calls_.push_back(*handle);
  }

  static std::string header(std::string_view message, std::string_view name) {
    const auto at = message.find("\r\n" + std::string(name) + ": ");
    if (at == message.npos) return {};
    const auto start = at + name.size() + 4;
    return std::string(message.substr(start, message.find("\r\n", start) - start));
  }

  // A response to one of the requests that the agent has sent.
  void respond(std::string_view sdp) {
    if (requests_.empty()) return;
    const auto& request = requests_[in_.u8() % requests_.size()];
    static constexpr int kStatuses[] = {100, 180, 183, 200, 200, 202, 302, 401, 407, 423, 481, 486, 487, 491, 503, 603};
    const int status = kStatuses[in_.u8() % std::size(kStatuses)];
    auto to = header(request, "To");
    if (to.find("tag=") == to.npos) to += ";tag=" + std::to_string(in_.u8() % 3);
    std::string out = "SIP/2.0 " + std::to_string(status) + " x\r\nVia: " + header(request, "Via") +
                      "\r\nFrom: " + header(request, "From") + "\r\nTo: " + to +
                      "\r\nCall-ID: " + header(request, "Call-ID") + "\r\nCSeq: " + header(request, "CSeq") +
                      "\r\nContact: <sip:y@192.0.2.2>;expires=60\r\nMin-Expires: 500\r\nRetry-After: 1\r\n";
    if (status == 401) out += "WWW-Authenticate: Digest realm=\"r\", nonce=\"" + text(3) + "\", stale=true\r\n";
    if (status == 407) out += "Proxy-Authenticate: Digest realm=\"r\", nonce=\"n\", qop=\"auth\"\r\n";
    if (in_.u8() % 8 == 0) out += "Record-Route: <sip:192.0.2.3" + text(8) + ">\r\n";
    out += "\r\n";
    agent_->receive(bytes_of(out.append(sdp)), kPeer, now_);
  }

  void invite(std::string_view sdp) {
    const auto name = std::to_string(in_.u8() % 8);
    const std::string out = "INVITE sip:a@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.2;branch=z9hG4bK" + name +
                            ";rport\r\nFrom: <sip:b@192.0.2.2>;tag=" + name +
                            "\r\nTo: <sip:a@192.0.2.1>\r\nCall-ID: " + name +
                            "\r\nCSeq: 5 INVITE\r\nContact: <sip:b@192.0.2.2>\r\n" +
                            (sdp.empty() ? "" : "Content-Type: application/sdp\r\n") + "\r\n";
    const auto from = in_.u8() % 4 ? kPeer : Endpoint::v4(203, 0, 113, 1, 5060);
    agent_->receive(bytes_of(out + std::string(sdp)), from, now_);
  }

  // A request that answers to something the agent has sent, so that it may belong to a dialog or a transaction.
  void request(int which, std::string_view sdp) {
    static constexpr std::string_view kMethods[] = {"ACK",    "BYE",    "CANCEL",   "INVITE", "INFO", "OPTIONS",
                                                    "UPDATE", "PRACK",  "REGISTER", "REFER",  "XYZ",  "ACK",
                                                    "BYE",    "INVITE", "ACK",      "CANCEL"};
    const std::string method(kMethods[which]);
    const auto& pool = in_.u8() % 2 ? responses_ : requests_;
    if (pool.empty()) return;
    const auto& base = pool[in_.u8() % pool.size()];
    const bool is_response = &pool == &responses_;
    auto via = header(base, "Via");
    const auto cseq = header(base, "CSeq");
    const bool is_new = in_.u8() % 2;
    if (is_new) via = "SIP/2.0/UDP 192.0.2.2;branch=z9hG4bKr" + std::to_string(in_.u8());
    const auto count = is_new && method != "ACK" ? std::to_string(in_.u8()) : cseq.substr(0, cseq.find(' '));
    auto remote = header(base, is_response ? "From" : "To");
    if (remote.find("tag=") == remote.npos && in_.u8() % 4) remote += ";tag=" + std::to_string(in_.u8() % 3);
    const std::string out = method + " sip:a@192.0.2.1 SIP/2.0\r\nVia: " + via + "\r\nFrom: " + remote +
                            "\r\nTo: " + header(base, is_response ? "To" : "From") +
                            "\r\nCall-ID: " + header(base, "Call-ID") + "\r\nCSeq: " + count + " " + method +
                            "\r\nContact: <sip:b@192.0.2.2>\r\n\r\n" + std::string(sdp);
    agent_->receive(bytes_of(out), kPeer, now_);
  }

  void listen() {
    for (const auto& event : agent_->events()) {
      if (event.kind == EventKind::kIncoming) calls_.push_back(event.call);
      if (event.kind == EventKind::kGone) CHECK(std::erase(calls_, event.call) == 1);
      CHECK(event.header("X-Any").size() <= kHeaderMax);
    }
    agent_->clear_events();
    for (const auto& datagram : agent_->outbox()) {
      const std::string bytes(text_of(datagram.data));
      auto& pool = bytes.starts_with("SIP/2.0 ") ? responses_ : requests_;
      if (pool.size() == 16) pool.erase(pool.begin());
      pool.push_back(bytes);
    }
    agent_->clear_outbox();
  }

  static constexpr std::size_t kHeaderMax = 0xFFFF;
  ByteReader in_;
  Random random_;
  TimePoint now_{};
  std::unique_ptr<UserAgent> agent_;
  std::vector<Handle> calls_;
  std::vector<std::string> requests_, responses_;
};

}  // namespace
}  // namespace carillon::sip

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 4096) carillon::sip::Script(data, size).run();
  return 0;
}
