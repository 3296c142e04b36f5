// Placing a call: trunk candidates in order, their gateways, fail-over before answer, redirects.

#include <algorithm>

#include "engine/call/calls.h"
#include "engine/call/cause.h"
#include "engine/call/number_rule.h"
#include "engine/sip/field.h"
#include "engine/sip/steer.h"
#include "engine/sip/writer.h"

namespace carillon::call {

const char* Calls::originate(Command& command, TimePoint now) {
  const Originate& wanted = std::get<Originate>(command.body);
  if (is_draining_) return "engine is draining";
  if (!wanted.leg || wanted.leg.value >> 63) return "leg id must be below 2^63 and not 0";
  if (find(wanted.leg)) return "leg exists";
  if (wanted.trunks.empty() == wanted.endpoint.empty()) return "either trunks or an endpoint must be given";
  const bool is_near = wanted.bridge_to && home_of(wanted.bridge_to, wanted.bridge_shard) == config_.shard;
  if (is_near && !find(wanted.bridge_to)) return "bridge_to: no such leg";
  if (events_.is_crowded()) return "engine full: link is behind";
  // a leg for a call that stands already is part of that call
  if (!wanted.bridge_to && !ports_.gate.takes_call(now)) return text_of(ports_.gate.refusal());
  Leg* leg = make_leg(wanted.leg, now);
  if (!leg) {
    ++counters_.refused_full;
    return "engine full";
  }
  leg->originate = &command;
  leg->plan = &wanted.plan;
  leg->cdr.from.assign(wanted.from);
  leg->cdr.to.assign(wanted.to);
  leg->cdr.endpoint.assign(wanted.endpoint);
  if (wanted.ring_time > Duration::zero()) leg->at.ring = now + wanted.ring_time;
  leg->at.tokens_end = now + config_.token_wait_max;
  ++counters_.originated;
  ports_.trace.bind(leg->id, {}, {});
  report(*leg, LegPhase::kTrying, now);
  if (!take_pair(*leg, {})) {
    ++counters_.media_full;
    end(*leg, {EndedBy::kEngine, 47, 0, "no RTP port is free"}, now);
  } else {
    try_candidates(*leg, now);
  }
  arm(*leg);
  return nullptr;
}

void Calls::try_candidates(Leg& leg, TimePoint now) {
  const Originate& wanted = std::get<Originate>(leg.originate->body);
  Route& route = leg.route;
  if (!wanted.endpoint.empty()) {
    Try outcome = Try::kNextGateway;
    while (outcome == Try::kNextGateway) outcome = try_phone(leg, now);
    if (outcome == Try::kSent) return;
  } else {
    while (route.candidate < wanted.trunks.size()) {
      TrunkEntry* entry = find_trunk(wanted.trunks[route.candidate]);
      if (!entry) {
        route.refused_because.assign("no such trunk");
      } else if (route.gateway < entry->trunk.gateways.size()) {
        const Try outcome = try_trunk(leg, *entry, now);
        if (outcome == Try::kSent) return;
        if (outcome == Try::kNextGateway && ++route.gateway < entry->trunk.gateways.size()) continue;
      }
      ++route.candidate;
      route.gateway = 0;
    }
    if (route.was_slowed && now < leg.at.tokens_end) {  // a trunk has no token this moment: from the first again
      route.candidate = route.gateway = 0;
      route.was_slowed = false;
      leg.at.token = now + 20ms;
      return;
    }
  }
  // what the last candidate said, else why none was asked
  if (leg.ending.by != EndedBy::kNobody) return end(leg, leg.ending, now);
  const bool is_phone = !wanted.endpoint.empty();
  end(leg, {EndedBy::kEngine, is_phone ? std::uint8_t{20} : kCauseNoCircuit, 0, route.refused_because}, now);
}

Calls::Try Calls::try_trunk(Leg& leg, TrunkEntry& entry, TimePoint now) {
  const Originate& wanted = std::get<Originate>(leg.originate->body);
  const Trunk& trunk = entry.trunk;
  const bool is_last = leg.route.candidate + 1 == wanted.trunks.size();
  const bool is_poor = !entry.limits->is_reachable() || entry.limits->is_resting(now);
  if (is_poor && !is_last) {
    leg.route.refused_because.assign("trunk does not answer OPTIONS, or asked to be called later");
    return Try::kNextTrunk;
  }
  if (leg.route.limits != entry.limits) {  // a further gateway goes on with the channel it has
    switch (entry.limits->admit(trunk.calls_per_second_max, trunk.channels_max, now)) {
      case Admission::kYes:
        break;
      case Admission::kChannels:
        leg.route.refused_because.assign("trunk: all channels are in use");
        return Try::kNextTrunk;
      case Admission::kCallsPerSecond:
        leg.route.refused_because.assign("trunk: calls per second are used up");
        leg.route.was_slowed = true;
        return Try::kNextTrunk;
    }
    drop_channel(leg);
    leg.route.limits = entry.limits;
  }
  if (!move_pair(leg, entry.local)) {
    leg.route.refused_because.assign("no RTP port is free at the trunk's address");
    return Try::kNextTrunk;
  }
  leg.cdr.trunk.assign(trunk.id);
  const auto tried = std::span(leg.cdr.trunks_tried).first(leg.cdr.trunks_tried_count);
  if (std::ranges::find(tried, leg.cdr.trunk) == tried.end() && tried.size() < leg.cdr.trunks_tried.size())
    leg.cdr.trunks_tried[leg.cdr.trunks_tried_count++] = leg.cdr.trunk;
  leg.is_behind_nat = trunk.behind_nat;
  choose_codecs(leg, trunk.codecs);
  advertise(leg, trunk);

  const Endpoint& gateway = trunk.gateways[leg.route.gateway];
  const auto to = rewrite(wanted.to, trunk.to_rule);
  const auto from = rewrite(wanted.from, trunk.from_rule);
  std::array<char, 512> room;
  sip::Writer uri(room);
  uri.put("sip:", to.view(), '@');
  trunk.domain.empty() ? uri.host(gateway) : uri.put(trunk.domain);
  if (uri.failed()) {
    leg.route.refused_because.assign("trunk: its domain is too long");
    return Try::kNextTrunk;
  }
  sip::Invite invite;
  invite.destination = gateway;
  invite.request_uri = uri.text();
  invite.from = from.view();
  invite.to = to.view();
  invite.trunk = trunk.id;
  const bool has_more = !is_last || leg.route.gateway + 1 < trunk.gateways.size();
  leg.at.respond = has_more ? now + config_.response_wait_max : TimePoint::max();
  return this->invite(leg, invite, now) ? Try::kSent : Try::kNextGateway;
}

/// The next Contact of the phone: kNextGateway when it could not be called, kNextTrunk when there is none (any more).
Calls::Try Calls::try_phone(Leg& leg, TimePoint now) {
  const Originate& wanted = std::get<Originate>(leg.originate->body);
  Route& route = leg.route;
  std::array<sip::Binding, sip::kContactsMax> bindings;
  const std::size_t count = ports_.agent.find_bindings(wanted.endpoint, now, bindings);
  const auto phone = std::ranges::find(phones_, wanted.endpoint, &PhoneEntry::id);
  const auto tried = [&] { return std::span(route.contacts_tried).first(route.contacts_tried_count); };
  const auto is_new = [&](const sip::Binding& binding) {
    return std::ranges::find(tried(), std::hash<std::string_view>{}(binding.contact)) == tried().end();
  };
  const auto known = std::span(bindings).first(count);
  const auto next = std::ranges::find_if(known, is_new);
  if (next == known.end() || phone == phones_.end() || tried().size() == route.contacts_tried.size()) {
    if (tried().empty()) route.refused_because.assign("phone is not registered");
    return Try::kNextTrunk;
  }
  route.contacts_tried[route.contacts_tried_count++] = std::hash<std::string_view>{}(next->contact);
  const bool has_more = std::ranges::any_of(known, is_new);
  leg.at.respond = has_more ? now + config_.response_wait_max : TimePoint::max();
  leg.is_behind_nat = phone->behind_nat;
  sip::Invite invite;
  invite.destination = next->destination;
  invite.request_uri = next->contact;
  invite.from = wanted.from;
  return this->invite(leg, invite, now) ? Try::kSent : Try::kNextGateway;
}

bool Calls::invite(Leg& leg, sip::Invite& invite, TimePoint now) {
  const Originate& wanted = std::get<Originate>(leg.originate->body);
  std::array<sip::HeaderField, 32> headers;
  const std::size_t count = std::min(headers.size(), wanted.headers.size());
  for (std::size_t i = 0; i < count; ++i) headers[i] = {wanted.headers[i].name, wanted.headers[i].value};
  invite.headers = std::span(headers).first(count);
  invite.from_name = wanted.from_name;
  const sdp::Text offer = sdp::make_offer(leg.session.local, leg.session.origin);
  invite.sdp = offer.view();
  invite.user = leg.self.bits();
  leg.is_agreed = false;
  leg.session.has_offered = true;
  leg.route.has_response = false;
  const auto dialog = ports_.agent.invite(invite, now);
  if (!dialog) {
    leg.route.refused_because.assign(sip::name_of(dialog.error()));
    return false;
  }
  leg.dialog = *dialog;
  const auto outbox = ports_.agent.outbox();
  const auto call_id = outbox.empty() ? std::string_view{} : sip::call_id_of(outbox.back().data);
  leg.cdr.call_id.assign(call_id);
  ports_.trace.bind(leg.id, call_id, leg.cdr.trunk);
  return true;
}

void Calls::drop_channel(Leg& leg) {
  if (leg.route.limits) leg.route.limits->release();
  leg.route.limits = nullptr;
}

/// Silence from a candidate while there are others: what it may still answer is cancelled by the agent.
void Calls::no_response(Leg& leg, TimePoint now) {
  if (leg.route.has_response || leg.is_cancelling || !leg.dialog) return;
  const Handle silent = leg.dialog;
  leg.dialog = {};
  ports_.agent.cancel(silent, now);
  leg.ending = {EndedBy::kEngine, kCauseTimer, 408, "no answer to INVITE"};
  ++leg.route.gateway;
  try_candidates(leg, now);
}

void Calls::on_provisional(Leg& leg, const sip::Event& event, TimePoint now) {
  leg.route.has_response = true;
  leg.at.respond = TimePoint::max();
  if (leg.is_cancelling) return;
  const bool has_media = !event.body.empty() && accept_answer(leg, event.body, now);
  if (has_media) {
    start_media(leg, now);
    if (leg.plan->detects && !leg.detector) start_detector(leg, leg.plan->detect, true);
  }
  if (event.status < 180 || event.status == 181 || event.status == 182) return;
  if (leg.cdr.ringing == WallTime{}) leg.cdr.ringing = wall(now);
  leg.cdr.sip_status = static_cast<std::uint16_t>(event.status);
  const LegPhase phase = has_media || leg.cdr.phase == LegPhase::kEarly ? LegPhase::kEarly : LegPhase::kRinging;
  if (phase != leg.cdr.phase) report(leg, phase, now);
}

void Calls::on_answered(Leg& leg, const sip::Event& event, TimePoint now) {
  if (leg.is_cancelling) return;  // the agent hangs up what crossed our CANCEL and tells by kFailed
  leg.at.ring = leg.at.respond = TimePoint::max();
  leg.cdr.sip_status = static_cast<std::uint16_t>(event.status);
  const bool has_session = event.body.empty() ? leg.is_agreed : accept_answer(leg, event.body, now);
  if (!has_session) return end(leg, {EndedBy::kEngine, 65, 0, "answered without a usable session"}, now);
  const auto& wanted = std::get<Originate>(leg.originate->body);
  const LegId other = wanted.bridge_to;
  const std::uint32_t shard = wanted.bridge_shard;
  begin_call(leg, now);  // a plan that hangs up at once has given the command back
  if (leg.is_ended || !other) return;
  const char* error = bridge(leg, other, shard, nullptr, now);
  if (error != nullptr && error != kLater)
    hang_up(leg, {EndedBy::kEngine, kCauseNormal, 0, "the leg to bridge with is gone"}, now);
}

void Calls::on_failed(Leg& leg, const sip::Event& event, TimePoint now) {
  leg.dialog = {};
  leg.at.respond = TimePoint::max();
  if (leg.is_cancelling) {
    // 487 says what we wanted; anything else crossed our CANCEL and is the better reason
    leg.ending.status = static_cast<std::uint16_t>(event.status);
    return end(leg, leg.ending, now);
  }
  leg.ending.by = event.local ? EndedBy::kEngine : EndedBy::kPeer;
  leg.ending.status = static_cast<std::uint16_t>(event.status);
  leg.ending.cause =
      event.q850 > 0 && event.q850 < 128 ? static_cast<std::uint8_t>(event.q850) : cause_of_status(event.status);
  leg.ending.why = event.local ? FixedText<96>("no answer to INVITE") : FixedText<96>(event.reason);
  if (event.status == 503 && event.retry_after > Duration::zero() && leg.route.limits)
    leg.route.limits->retry_after(now + std::min<Duration>(event.retry_after, 1h));
  if (event.status >= 300 && event.status < 400 && redirect(leg, event, now)) return;
  const bool is_phone = !std::get<Originate>(leg.originate->body).endpoint.empty();
  if (!(is_phone ? is_away(event.status) : moves_on(event.status))) return end(leg, leg.ending, now);
  // a trunk that said when to come back is asked no further; else its next gateway
  if (event.retry_after > Duration::zero()) {
    ++leg.route.candidate;
    leg.route.gateway = 0;
  } else {
    ++leg.route.gateway;
  }
  stop_early(leg, now);
  try_candidates(leg, now);
}

/// Early media of a candidate that failed: the next one starts with silence.
void Calls::stop_early(Leg& leg, TimePoint now) {
  if (!leg.hears) return;
  leave_wheel(leg);
  leg.stop_detecting();
  leg.has_heard = false;
  report(leg, LegPhase::kTrying, now);
}

/// A 302 is followed only where the trunk says so, only to an IP address, three times at most: anything else would let
/// a carrier's answer place calls anywhere.
bool Calls::redirect(Leg& leg, const sip::Event& event, TimePoint now) {
  const TrunkEntry* entry = find_trunk(leg.cdr.trunk);
  if (!entry || !entry->trunk.follow_redirects || ++leg.route.redirects > 3) return false;
  const auto target = sip::Uri::parse(event.contact);
  const auto destination = target ? target->endpoint() : std::nullopt;
  if (!destination) return false;
  const Originate& wanted = std::get<Originate>(leg.originate->body);
  const auto from = rewrite(wanted.from, entry->trunk.from_rule);
  sip::Invite again;
  again.destination = *destination;
  again.request_uri = event.contact;
  again.from = from.view();
  again.to = target->user;
  again.trunk = entry->trunk.id;
  return invite(leg, again, now);
}

}  // namespace carillon::call
