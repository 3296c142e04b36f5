#include "tests/carrier/registration.h"

#include <fmt/format.h>

namespace carillon::carrier {

Result<AgentLine, std::string> parse_agent(std::string_view text) {
  const auto at = text.rfind('@'), colon = text.find(':');
  if (at == std::string_view::npos || colon == std::string_view::npos || colon > at || colon == 0)
    return fmt::format("'{}' is not USER:PASSWORD@ADDRESS:PORT", text);
  const auto registrar = endpoint_of(fmt::format("sip:{}", text.substr(at + 1)));
  if (!registrar) return fmt::format("'{}': no address", text);
  return AgentLine{{std::string(text.substr(0, colon)), std::string(text.substr(colon + 1, at - colon - 1))},
                   *registrar};
}

Registration::Registration(Switchboard& board, const AgentLine& line)
    : board_(board),
      line_(line),
      call_id_(fmt::format("{:016x}@carrier", board.random.next())),
      tag_(fmt::format("{:08x}", board.random.u32())),
      uri_(fmt::format("sip:{}", line.registrar.text())) {}

std::string Registration::text(int expires, const std::string& header, const std::string& credentials) {
  SipMessage request;
  request.method = "REGISTER";
  request.uri = uri_;
  const auto address = fmt::format("<sip:{}@{}>", line_.login.user, line_.registrar.text());
  request.add("via",
              fmt::format("SIP/2.0/UDP {};branch=z9hG4bK{:016x};rport", board_.listen.text(), board_.random.next()));
  request.add("max-forwards", "70");
  request.add("from", fmt::format("{};tag={}", address, tag_));
  request.add("to", address);
  request.add("call-id", call_id_);
  request.add("cseq", fmt::format("{} REGISTER", ++cseq_));
  request.add("contact", fmt::format("<sip:{}@{}>", line_.login.user, board_.listen.text()));
  request.add("expires", fmt::format("{}", expires));
  if (!credentials.empty()) request.add(header, credentials);
  return write_sip(request);
}

void Registration::step(TimePoint now) {
  if (resend_.step(now, board_.sip)) next_ = now + 2s;  // nobody answers: once more
  if (resend_.is_on() || now < next_) return;
  has_answered_challenge_ = false;
  resend_.start(text(kExpires, "", ""), line_.registrar, 4s, now, board_.sip);
}

void Registration::on_response(const SipMessage& response, TimePoint now) {
  if (response.cseq() != cseq_ || response.status < 200) return;
  resend_.stop();
  const bool is_challenge = response.status == 401 || response.status == 407;
  if (is_challenge && !has_answered_challenge_) {
    has_answered_challenge_ = true;
    const bool as_proxy = response.status == 407;
    for (const auto& header : response.headers) {
      if (header.name != (as_proxy ? "proxy-authenticate" : "www-authenticate")) continue;
      const auto credentials =
          answer(header.value, line_.login, "REGISTER", uri_, fmt::format("{:08x}", board_.random.u32()));
      if (credentials.empty()) continue;  // an algorithm we do not have
      const auto again = text(kExpires, as_proxy ? "proxy-authorization" : "authorization", credentials);
      return resend_.start(again, line_.registrar, 4s, now, board_.sip);
    }
  }
  is_registered_ = response.status == 200;
  next_ = now + (is_registered_ ? Duration(std::chrono::seconds(kExpires * 3 / 4)) : Duration(5s));
}

void Registration::close() {
  if (is_registered_) board_.sip.send(line_.registrar, text(0, "", ""));
}

}  // namespace carillon::carrier
