#include "tests/carrier/phone.h"

#include <fmt/format.h>

#include <algorithm>

#include "tests/carrier/badge.h"

namespace carillon::carrier {

Phone::Phone(Switchboard& board, const SipMessage& invite, const Endpoint& source, TimePoint now)
    : Call(board), invite_(invite), source_(source), invited_at_(now) {
  call_id_ = invite.get("call-id");
  local_ = fmt::format("{};tag={}", invite.get("to"), local_tag_);
  remote_ = invite.get("from");
  target_ = uri_of(invite.get("contact"));
  routes_ = invite.all("record-route");
  peer_ = source;
  truth_.invite_at = wall_now();
  truth_.sip_call_id = call_id_;
  truth_.from = user_of(uri_of(remote_));
  truth_.to = user_of(invite.uri);
  truth_.is_challenged = board.require_auth.has_value();
  const Kind kind =
      board.agents.contains(truth_.to) ? Kind::kAgent : draw_kind(board.seed, truth_.to, board.options.mix);
  auto random = random_for(board.seed + 1, truth_.to);
  behaviour_ = draw(kind, random, board.library, board.options);
  dress(random);
  mouth_.loop(behaviour_.is_repeated);
  truth_.behaviour = name_of(kind);
  truth_.greeting_began = behaviour_.greeting_began;
  truth_.greeting_end = behaviour_.greeting_end;
  truth_.beep_end = behaviour_.beep_end;
  last_response_ = write_sip(response_to(invite_, 100, "Trying", "", source_));
  board_.sip.send(response_address(invite_, source_), last_response_);
  if (target_.empty()) {
    refuse(400, "Missing Contact", now);
    return;
  }
  if (invite_.body.empty()) return;  // late offer: ours goes out with the 200
  const auto offer = parse_sdp(invite_.body);
  if (!offer || !accept(*offer, now)) refuse(488, "Not Acceptable Here", now);
}

// Agents wear the badges of their own set, in order of their users; people wear one by their number.
void Phone::dress(Random& random) {
  const bool is_agent = behaviour_.kind == Kind::kAgent;
  const auto place = std::distance(board_.agents.begin(), board_.agents.lower_bound(truth_.to));
  wear(behaviour_, is_agent ? badge_of(kAgentBadges, static_cast<std::uint64_t>(place)) : person_badge(truth_.to),
       random, board_.library, board_.options);
  ear_.read_badges(is_agent ? kPersonBadges : kAgentBadges);
  if (is_agent) truth_.badge_hz = behaviour_.badge_hz;
}

void Phone::send_provisional(int status, std::string_view reason, bool with_sdp) {
  auto response = response_to(invite_, status, reason, local_tag_, source_);
  response.add("contact", contact());
  if (with_sdp) {
    response.add("content-type", "application/sdp");
    response.body = own_sdp();
  }
  last_response_ = write_sip(response);
  board_.sip.send(response_address(invite_, source_), last_response_);
}

void Phone::ring(TimePoint now) {
  has_rung_ = true;
  const bool is_early = behaviour_.is_early_media && has_description_;
  if (is_early) {
    mouth_.say(behaviour_.says, behaviour_.background);
    ear_.begin(now);
    is_up_ = true;
    send_provisional(183, "Session Progress", true);
    return;
  }
  truth_.ringing_at = wall_now();
  send_provisional(180, "Ringing", false);
}

void Phone::answer(TimePoint now) {
  if (!rtp_ && !offer_media(now)) return refuse(500, "No Port", now);
  state_ = State::kAnswered;
  if (!is_up_) ear_.begin(now);  // else early media has begun it
  is_up_ = true;
  answered_at_ = now;
  truth_.answered_at = wall_now();
  truth_.sip_final = 200;
  mouth_.say(behaviour_.says, behaviour_.background);
  ear_.listen_from(now + behaviour_.greeting_end + 300ms);
  auto response = response_to(invite_, 200, "OK", local_tag_, source_);
  response.add("contact", contact());
  response.add("allow", "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE");
  response.add("content-type", "application/sdp");
  response.body = own_sdp();
  resend_.start(write_sip(response), response_address(invite_, source_), 4s, now, board_.sip);
}

void Phone::refuse(int status, std::string_view reason, TimePoint now) {
  state_ = State::kRefused;
  is_up_ = false;
  truth_.sip_final = status;
  truth_.ended_at = wall_now();
  truth_.ended_by = status == 487 ? "caller" : "carrier";
  auto response = response_to(invite_, status, reason, local_tag_, source_);
  if (status == 503 && behaviour_.retry_after_s > 0)
    response.add("retry-after", fmt::format("{}", behaviour_.retry_after_s));
  resend_.start(write_sip(response), response_address(invite_, source_), 4s, now, board_.sip);
}

void Phone::proceed(TimePoint now) {
  const Duration passed = now - invited_at_;
  const bool is_immediate = behaviour_.kind == Kind::kBusy || behaviour_.kind == Kind::kCongestion;
  if (!has_rung_ && !is_immediate && passed >= behaviour_.ringing_after) ring(now);
  if (behaviour_.status == 0 || passed < behaviour_.final_after) return;
  if (behaviour_.status == 200)
    answer(now);
  else
    refuse(behaviour_.status, behaviour_.reason, now);
}

// Somebody is there: what was being said gives way to a conversation, which this side ends.
void Phone::talk_with_agent(TimePoint now) {
  if (behaviour_.talk == Duration{0} || ear_.badges().empty()) return;
  if (agent_heard_ == TimePoint{}) {
    agent_heard_ = now;
    truth_.badge_hz = behaviour_.badge_hz;
    mouth_.say({{behaviour_.reply, behaviour_.reply->length()}}, behaviour_.background);
    mouth_.loop(true);
    behaviour_.digit = 0;
    behaviour_.hang_up_after = now - answered_at_ + behaviour_.talk;
  }
}

void Phone::talk(TimePoint now) {
  talk_with_agent(now);
  if (behaviour_.digit != 0 && !is_digit_pressed_ && ear_.onset() != TimePoint{} &&
      now >= ear_.onset() + behaviour_.digit_after) {
    is_digit_pressed_ = true;
    if (mouth_.press(behaviour_.digit)) truth_.digits_sent += behaviour_.digit;
  }
  const TimePoint heard_at = std::max(answered_at_, ear_.last_arrival());
  if (board_.options.media_timeout > 0ns && now > heard_at + board_.options.media_timeout) {
    truth_.is_media_lost = true;
    hang_up(now);
  }
  if (behaviour_.hang_up_after && now >= answered_at_ + *behaviour_.hang_up_after && truth_.acknowledged) hang_up(now);
}

void Phone::step(TimePoint now) {
  if (is_finished()) return;
  if (is_up_) run_media();
  if (resend_.step(now, board_.sip)) {  // no ACK in 32 s
    if (state_ == State::kAnswered) return hang_up(now);
    return finish("carrier", now);
  }
  if (bye_.step(now, board_.sip)) return finish("carrier", now);
  if (is_hanging_up_) return;
  if (state_ == State::kProceeding) proceed(now);
  if (state_ == State::kAnswered) talk(now);
}

void Phone::on_invite(const SipMessage& request, const Endpoint& source, TimePoint now) {
  if (request.cseq() == invite_.cseq() && !parameter(request.get("to"), "tag")) {  // retransmitted
    if (state_ == State::kProceeding) board_.sip.send(response_address(invite_, source_), last_response_);
    return;  // finals repeat on their own beat
  }
  if (state_ != State::kAnswered || is_finished()) return respond(request, 491, "Request Pending", source);
  answer_reinvite(request, source, now);
}

void Phone::on_cancel(const SipMessage& request, const Endpoint& source, TimePoint now) {
  respond(request, 200, "OK", source);
  if (state_ != State::kProceeding) return;  // too late: our final answer is out (RFC 3261 §9.2)
  truth_.is_cancelled = true;
  refuse(487, "Request Terminated", now);
}

void Phone::on_ack(const SipMessage& request, TimePoint now) {
  resend_.stop();
  truth_.acknowledged = true;
  if (state_ == State::kRefused) return finish("", now);
  if (!has_description_)  // our 200 was the offer
    if (const auto described = parse_sdp(request.body)) (void)accept(*described, now);
}

void Phone::on_request(const SipMessage& request, const Endpoint& source, TimePoint now) {
  if (request.method == "INVITE") return on_invite(request, source, now);
  if (request.method == "CANCEL") return on_cancel(request, source, now);
  if (request.method == "ACK" && !is_finished()) return on_ack(request, now);
  if (request.method == "BYE" && state_ != State::kAnswered) return respond(request, 481, "No Such Call", source);
  Call::on_request(request, source, now);
}

void Phone::on_response(const SipMessage& response, TimePoint now) {
  if (!is_hanging_up_ || response.cseq_method() != "BYE" || response.status < 200) return;
  bye_.stop();
  finish("carrier", now);
}

void Phone::close(TimePoint now) {
  if (is_finished()) return;
  if (state_ == State::kProceeding) refuse(480, "Temporarily Unavailable", now);
  if (state_ == State::kAnswered) hang_up(now);
}

}  // namespace carillon::carrier
