#include "tests/carrier/caller.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cmath>

#include "tests/carrier/badge.h"

namespace carillon::carrier {
namespace {

namespace json = boost::json;

Duration seconds_in(const json::object& object, const char* name, Duration otherwise) {
  const auto* value = object.if_contains(name);
  if (!value || !value->is_number()) return otherwise;
  const double seconds = std::clamp(value->to_number<double>(), 0.0, 86400.0);
  return Duration(static_cast<Duration::rep>(seconds * 1e9));
}

std::string text_in(const json::object& object, const char* name) {
  const auto* value = object.if_contains(name);
  return value && value->is_string() ? std::string(value->get_string()) : std::string();
}

}  // namespace

Result<CallOrder, std::string> parse_order(std::string_view line) {
  boost::system::error_code error;
  const auto value = json::parse(line, error);
  if (error || !value.is_object()) return std::string("not a JSON object");
  const auto& object = value.get_object();
  const auto via = endpoint_of("sip:" + text_in(object, "via"));
  if (!via) return std::string("via: not ADDRESS:PORT");
  CallOrder order{
      .from = text_in(object, "from"), .to = text_in(object, "to"), .via = *via, .digits = text_in(object, "digits")};
  if (order.from.empty() || order.to.empty()) return std::string("from, to: missing");
  order.at = seconds_in(object, "at", order.at);
  order.talk = seconds_in(object, "talk", order.talk);
  order.ring_max = seconds_in(object, "ring_max", order.ring_max);
  order.digits_after = seconds_in(object, "digits_after", order.digits_after);
  if (const auto* speaks = object.if_contains("speaks"); speaks && speaks->is_bool()) order.speaks = speaks->get_bool();
  if (const auto* badge = object.if_contains("badge"); badge && badge->is_bool()) order.badge = badge->get_bool();
  return order;
}

Caller::Caller(Switchboard& board, const CallOrder& order, TimePoint now)
    : Call(board), order_(order), invited_at_(now) {
  call_id_ = new_token() + "@carrier";
  invite_uri_ = fmt::format("sip:{}@{}", order.to, order.via.text());
  target_ = invite_uri_;
  local_ = fmt::format("<sip:{}@{}>;tag={}", order.from, board.listen.text(), local_tag_);
  remote_ = invite_to_ = fmt::format("<{}>", invite_uri_);
  peer_ = order.via;
  truth_.sip_call_id = call_id_;
  truth_.from = order.from;
  truth_.to = order.to;
  truth_.behaviour = "caller";
  truth_.is_outgoing = true;
  truth_.invite_at = wall_now();
  if (!offer_media(now)) {
    finish("carrier", now);
    return;
  }
  const auto text = request_text("INVITE", ++local_cseq_, own_sdp());
  const auto sent = parse_sip(text);
  invite_via_ = sent ? std::string(sent->get("via")) : std::string();
  resend_.start(text, order.via, 64 * 500ms, now, board.sip);
}

// ACK of a refusal and CANCEL repeat the INVITE's branch, target and CSeq number (RFC 3261 §9.1, §17.1.1.3).
std::string Caller::within_invite(std::string_view method, const SipMessage* final_response) const {
  SipMessage request;
  request.method = method;
  request.uri = invite_uri_;
  request.add("via", invite_via_);
  request.add("max-forwards", "70");
  request.add("from", local_);
  request.add("to", final_response ? std::string(final_response->get("to")) : invite_to_);
  request.add("call-id", call_id_);
  request.add("cseq", fmt::format("1 {}", method));
  return write_sip(request);
}

void Caller::cancel(TimePoint now) {
  if (is_cancelling_ || !is_proceeding_) return;
  is_cancelling_ = truth_.is_cancelled = true;
  bye_.start(within_invite("CANCEL", nullptr), order_.via, 4s, now, board_.sip);
}

void Caller::on_answer(const SipMessage& response, TimePoint now) {
  if (!ack_.empty()) return board_.sip.send(request_address(), ack_);  // their 200 again: our ACK again
  resend_.stop();
  bye_.stop();
  remote_ = response.get("to");
  if (const auto contact = response.get("contact"); !contact.empty()) target_ = uri_of(contact);
  routes_ = response.all("record-route");
  std::ranges::reverse(routes_);
  ack_ = request_text("ACK", 1);
  board_.sip.send(request_address(), ack_);
  truth_.acknowledged = true;
  truth_.sip_final = response.status;
  truth_.answered_at = wall_now();
  answered_at_ = now;
  const auto described = parse_sdp(response.body);
  if ((!described && !has_description_) || (described && !accept(*described, now))) return hang_up(now);
  is_up_ = true;
  ear_.read_badges(kAgentBadges);
  const auto& own = board_.library.role("caller");
  const auto& voices = own.empty() ? board_.library.role("person") : own;
  if (order_.speaks && !voices.empty()) {
    const auto& voice = voices[board_.random.below(voices.size())];
    if (order_.badge) truth_.badge_hz = person_badge(order_.from);
    const auto said = order_.badge ? with_badge(*voice, 800ms, truth_.badge_hz) : voice;
    mouth_.say({{said, said->length()}}, nullptr);
    mouth_.loop(true);
  }
  if (is_cancelling_) hang_up(now);  // the answer crossed our CANCEL
}

void Caller::on_final(const SipMessage& response, TimePoint now) {
  board_.sip.send(order_.via, within_invite("ACK", &response));
  if (is_finished()) return;
  resend_.stop();
  bye_.stop();
  truth_.sip_final = response.status;
  finish(is_cancelling_ ? "carrier" : "callee", now);
}

void Caller::on_response(const SipMessage& response, TimePoint now) {
  const auto method = response.cseq_method();
  if (method == "CANCEL") return bye_.stop();
  if (method == "BYE") {
    if (is_hanging_up_ && response.status >= 200) {
      bye_.stop();
      finish("carrier", now);
    }
    return;
  }
  if (method != "INVITE" || response.cseq() != 1) return;
  if (response.status >= 300) return on_final(response, now);
  if (response.status >= 200) return on_answer(response, now);
  is_proceeding_ = true;
  resend_.stop();
  if (response.status == 180 && truth_.ringing_at == WallTime{}) truth_.ringing_at = wall_now();
  if (const auto early = parse_sdp(response.body); early && !has_description_ && accept(*early, now)) is_up_ = true;
}

void Caller::step(TimePoint now) {
  if (is_finished()) return;
  if (is_up_) run_media();
  if (resend_.step(now, board_.sip) || bye_.step(now, board_.sip)) return finish("carrier", now);
  if (is_hanging_up_) return;
  if (answered_at_ == TimePoint{}) {
    if (now - invited_at_ >= order_.ring_max) cancel(now);
    return;
  }
  if (digits_pressed_ < order_.digits.size() &&
      now >= answered_at_ + order_.digits_after + digits_pressed_ * Duration(1s)) {
    const char digit = order_.digits[digits_pressed_++];
    if (mouth_.press(digit)) truth_.digits_sent += digit;
  }
  if (now >= answered_at_ + order_.talk) hang_up(now);
}

void Caller::on_request(const SipMessage& request, const Endpoint& source, TimePoint now) {
  if (request.method == "INVITE" && answered_at_ != TimePoint{} && !is_finished())
    return answer_reinvite(request, source, now);
  if (request.method == "ACK") return resend_.stop();
  Call::on_request(request, source, now);
}

void Caller::close(TimePoint now) {
  if (is_finished()) return;
  if (answered_at_ != TimePoint{}) return hang_up(now);
  if (is_proceeding_) return cancel(now);
  finish("carrier", now);
}

}  // namespace carillon::carrier
