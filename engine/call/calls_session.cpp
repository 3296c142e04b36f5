// What SDP agrees and what follows for the media: first answer, re-INVITE, hold.

#include <algorithm>

#include "engine/call/calls.h"

namespace carillon::call {
namespace {

rtp::StreamConfig stream_config(const sdp::Agreed& agreed, bool behind_nat) {
  rtp::StreamConfig config;
  config.remote = agreed.rtp;
  config.remote_rtcp = agreed.rtcp;
  config.behind_nat = behind_nat;
  config.sends = sdp::sends(agreed.direction);
  config.receives = sdp::receives(agreed.direction);
  config.codec = agreed.codec == sdp::Codec::kPcmu ? rtp::Codec::kPcmu : rtp::Codec::kPcma;
  config.send_type = agreed.send_type;
  config.pcmu_type = agreed.pcmu_type;
  config.pcma_type = agreed.pcma_type;
  config.event_send_type = agreed.event_send_type;
  config.event_receive_type = agreed.event_receive_type;
  config.packets_per_frame = agreed.send_time == 10ms ? 2 : 1;
  return config;
}

}  // namespace

/// A leg that has no media yet changes over to the address of the trunk that is tried.
bool Calls::move_pair(Leg& leg, const Endpoint& local) {
  if (ports_.pairs.is_at(leg.pair.index, local)) return true;
  const std::uint32_t before = leg.pair.index;
  if (!take_pair(leg, local)) return false;
  ports_.pairs.give_back(before);
  return true;
}

bool Calls::take_pair(Leg& leg, const Endpoint& local) {
  const auto pair = ports_.pairs.take(leg.self, local);
  if (!pair) return false;
  leg.pair = *pair;
  leg.has_pair = true;
  leg.expects_one = false;
  leg.session.local.rtp = pair->rtp;
  return true;
}

/// What this trunk is told of us in SDP.
void Calls::advertise(Leg& leg, const Trunk& trunk) {
  leg.session.local.rtp = leg.pair.rtp;
  if (const auto wanted = Endpoint::parse(trunk.advertised_address, leg.pair.rtp.port)) leg.session.local.rtp = *wanted;
}

void Calls::choose_codecs(Leg& leg, std::span<const std::string> names) {
  sdp::Local& local = leg.session.local;
  local = {.rtp = local.rtp};
  if (names.empty()) return;
  local.codecs_count = 0;
  for (const std::string& name : names) {
    if (local.codecs_count == local.codecs.size()) break;
    if (name == "PCMU") local.codecs[local.codecs_count++] = sdp::Codec::kPcmu;
    if (name == "PCMA") local.codecs[local.codecs_count++] = sdp::Codec::kPcma;
  }
  if (local.codecs_count == 0) local = {.rtp = local.rtp};
}

/// The peer's description answers ours.
bool Calls::accept_answer(Leg& leg, std::string_view body, TimePoint now) {
  const auto session = sdp::parse(body);
  if (!session) return false;
  const auto agreed = sdp::accept(*session, leg.session.local);
  if (!agreed) return false;
  const bool is_new = !leg.is_agreed || leg.session.agreed != *agreed;
  leg.session.agreed = *agreed;
  leg.is_agreed = true;
  if (is_new) expect_anybody(leg);
  if (is_new) leg.stream.configure(stream_config(*agreed, leg.is_behind_nat), now);
  return true;
}

/// The peer's description is an offer; our answer to it lies in session.answer.
bool Calls::read_offer(Leg& leg, std::string_view body, TimePoint now) {
  const auto session = sdp::parse(body);
  if (!session) return false;
  const auto answer = sdp::answer(*session, leg.session.local, leg.session.origin);
  if (!answer) return false;
  leg.session.agreed = answer->agreed;
  leg.session.answer = answer->text;
  leg.is_agreed = true;
  expect_anybody(leg);
  leg.stream.configure(stream_config(answer->agreed, leg.is_behind_nat), now);
  return true;
}

// ---- media on and off

void Calls::join_wheel(Leg& leg, int slot) { leg.place = wheel_.join(leg.self, slot); }

void Calls::leave_wheel(Leg& leg) {
  wheel_.leave(leg.place, [&](Handle moved, MediaWheel::Place place) { legs_.find(moved)->place = place; });
  leg.place = {};
  leg.hears = false;
}

void Calls::start_media(Leg& leg, TimePoint) {
  if (leg.hears) return;
  leg.hears = true;
  join_wheel(leg, wheel_.emptiest());
}

void Calls::stop_media(Leg& leg, TimePoint now) {
  if (leg.hears) {
    send_rtcp(leg, true, now);
    leave_wheel(leg);
  }
  if (!leg.has_pair) return;
  ports_.pairs.give_back(leg.pair.index);
  leg.has_pair = false;
}

// ---- re-INVITE

void Calls::on_reinvite(Leg& leg, const sip::Event& event, TimePoint now) {
  if (event.body.empty()) {  // late offer: ours is what we have
    const sdp::Text offer = sdp::make_offer(leg.session.local, leg.session.origin);
    if (ports_.agent.accept_reinvite(leg.dialog, offer.view(), now)) leg.session.has_offered = true;
    return;
  }
  if (!read_offer(leg, event.body, now)) {  // the session goes on as it was
    (void)ports_.agent.refuse_reinvite(leg.dialog, 488, now);
    return;
  }
  (void)ports_.agent.accept_reinvite(leg.dialog, leg.session.answer.view(), now);
  if (leg.plan->media_timeout > Duration::zero()) leg.at.media = now + leg.plan->media_timeout;
}

const char* Calls::hold(Leg& leg, bool on, TimePoint now) {
  if (leg.session.is_held_by_us == on && !leg.session.hold_wanted) return nullptr;
  leg.session.hold_wanted = on;
  send_hold(leg, now);
  return nullptr;
}

void Calls::send_hold(Leg& leg, TimePoint now) {
  if (!leg.session.hold_wanted) return;
  leg.session.local.direction = *leg.session.hold_wanted ? sdp::Direction::kSendOnly : sdp::Direction::kSendRecv;
  const sdp::Text offer = sdp::make_offer(leg.session.local, leg.session.origin);
  if (!ports_.agent.reinvite(leg.dialog, offer.view(), now)) leg.at.reinvite = now + 500ms;  // another is under way
}

void Calls::on_reinvite_done(Leg& leg, const sip::Event& event, TimePoint now) {
  if (!leg.session.hold_wanted) return;
  const bool on = *leg.session.hold_wanted;
  if (event.kind == sip::EventKind::kReinviteAnswered && accept_answer(leg, event.body, now)) {
    leg.session.is_held_by_us = on;
    leg.session.hold_wanted.reset();
    if (leg.plan->media_timeout > Duration::zero()) leg.at.media = now + leg.plan->media_timeout;
    return;
  }
  if (event.kind == sip::EventKind::kReinviteRefused && event.status == 491) {
    // RFC 3261 §14.1: who chose the Call-ID waits 2.1–4 s, the other up to 2 s
    const auto wait = leg.cdr.inbound ? ports_.random.below(2000) : 2100 + ports_.random.below(1900);
    leg.at.reinvite = now + std::chrono::milliseconds(wait);
    return;
  }
  leg.session.hold_wanted.reset();
  leg.session.local.direction = leg.session.is_held_by_us ? sdp::Direction::kSendOnly : sdp::Direction::kSendRecv;
}

}  // namespace carillon::call
