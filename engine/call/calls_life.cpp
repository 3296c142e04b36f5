// Timers, SIP events and the end of a leg.

#include <algorithm>
#include <array>

#include "engine/call/calls.h"
#include "engine/call/cause.h"
#include "engine/sip/writer.h"

namespace carillon::call {

// ---- SIP

void Calls::on_sip(const sip::Event& event, TimePoint now) {
  using Kind = sip::EventKind;
  switch (event.kind) {
    case Kind::kIncoming:
      return on_incoming(event, now);
    case Kind::kRegistration: {
      Event news;
      news.kind = EventKind::kEndpointState;
      news.at = wall(now);
      const auto binding = ports_.agent.find_binding(event.endpoint, now);  // of several, the one to call first
      news.body.endpoint = {.id = event.endpoint,
                            .registered = event.is_registered,
                            .contact = binding ? binding->contact : event.contact,
                            .expires_s = binding ? static_cast<std::uint32_t>((binding->expires - now) / 1s) : 0,
                            .user_agent = event.user_agent,
                            .source = binding ? binding->destination : event.source};
      return events_.push(news);
    }
    case Kind::kTrunk: {
      Event news;
      news.kind = EventKind::kTrunkState;
      news.at = wall(now);
      const TrunkEntry* trunk = find_trunk(event.trunk);
      if (trunk) trunk->limits->set_reachable(event.is_reachable);
      news.body.trunk = {.id = event.trunk,
                         .reachable = event.is_reachable,
                         .registered = event.is_registered,
                         .sip_status = static_cast<std::uint16_t>(event.status),
                         .reason = event.reason,
                         .channels = trunk ? trunk->limits->channels() : 0};
      return events_.push(news);
    }
    default:
      break;
  }
  // An earlier try of the leg, or a leg that is gone: the agent ends such dialogs by itself.
  Leg* leg = legs_.find(Handle::from_bits(event.user));
  if (!leg || leg->is_ended || leg->dialog != event.call) return;
  on_leg_event(*leg, event, now);
  arm(*leg);
}

void Calls::on_leg_event(Leg& leg, const sip::Event& event, TimePoint now) {
  using Kind = sip::EventKind;
  switch (event.kind) {
    case Kind::kProvisional:
      return on_provisional(leg, event, now);
    case Kind::kAnswered:
      return on_answered(leg, event, now);
    case Kind::kFailed:
      return on_failed(leg, event, now);
    case Kind::kAcked:
      return on_acked(leg, event, now);
    case Kind::kReinvite:
      return on_reinvite(leg, event, now);
    case Kind::kReinviteAnswered:
    case Kind::kReinviteRefused:
      return on_reinvite_done(leg, event, now);
    case Kind::kInfo:
      return on_info(leg, event, now);
    case Kind::kCancelled:
      leg.dialog = {};
      return end(leg, {EndedBy::kPeer, kCauseNormal, 487, "caller gave up"}, now);
    case Kind::kBye: {
      leg.dialog = {};
      const auto cause = static_cast<std::uint8_t>(event.q850 > 0 && event.q850 < 128 ? event.q850 : kCauseNormal);
      if (!event.local) return end(leg, {EndedBy::kPeer, cause, 0, event.q850_text}, now);
      std::array<char, 64> why;
      sip::Writer reason(why);
      event.status != 0 ? reason.put("signalling lost: SIP ", event.status) : reason.put("signalling lost: no answer");
      return end(leg, {EndedBy::kEngine, kCauseTimer, 0, reason.text()}, now);
    }
    case Kind::kGone:  // without an end of its own: nothing is left to hang up
      leg.dialog = {};
      return end(leg, {EndedBy::kEngine, kCauseTemporary, 0, "signalling lost"}, now);
    default:
      return;
  }
}

// ---- timers

void Calls::fire(TimePoint now, int most) {
  timers_.fire(now, most, [&](Handle handle) {
    Leg* leg = legs_.find(handle);
    if (!leg || leg->is_ended) return;
    leg->timer = {};
    leg->timer_at = TimePoint::max();
    on_timer(*leg, now);
    arm(*leg);
  });
}

void Calls::arm(Leg& leg) {
  if (leg.is_ended) return;
  const Deadlines& at = leg.at;
  const TimePoint next = std::min({at.ring, at.decide, at.respond, at.token, at.cancel, at.life, at.media, at.reinvite,
                                   at.linger, leg.across.ask_ends, leg.machine.deadline(), leg.gatherer.deadline()});
  if (next == leg.timer_at) return;
  timers_.cancel(leg.timer);
  leg.timer = next == TimePoint::max() ? Handle{} : timers_.schedule(next, leg.self);
  leg.timer_at = next;
}

namespace {

bool is_due(TimePoint& at, TimePoint now) {
  if (now < at) return false;
  at = TimePoint::max();
  return true;
}

}  // namespace

void Calls::on_timer(Leg& leg, TimePoint now) {
  Deadlines& at = leg.at;
  if (is_due(at.cancel, now)) return end(leg, leg.ending, now);
  if (is_due(at.ring, now)) return hang_up(leg, {EndedBy::kEngine, kCauseNoAnswer, 0, "no answer"}, now);
  if (is_due(at.decide, now)) {
    ++counters_.refused_no_brain;
    return hang_up(leg, {EndedBy::kEngine, kCauseTemporary, 480, "control did not decide"}, now);
  }
  if (is_due(at.linger, now)) return hang_up(leg, leg.ending, now);
  if (is_due(at.respond, now)) no_response(leg, now);
  if (!leg.is_ended && is_due(leg.across.ask_ends, now))
    on_refused(leg, "bridge: the other shard does not answer", now);
  if (!leg.is_ended && is_due(at.token, now)) try_candidates(leg, now);
  if (!leg.is_ended && is_due(at.reinvite, now)) send_hold(leg, now);
  if (!leg.is_ended && is_due(at.life, now))
    return hang_up(leg, {EndedBy::kEngine, kCauseTimer, 0, "call time is over"}, now);
  if (!leg.is_ended && is_due(at.media, now)) check_media_time(leg, now);
  if (!leg.is_ended && now >= leg.machine.deadline()) perform(leg, leg.machine.on_deadline(now), now);
  if (!leg.is_ended && leg.gatherer.on_deadline(now) == Gatherer::Outcome::kTimeout)
    gathered(leg, leg.gatherer.digits(), true, now);
}

/// The peer must send while we said that we receive. Silence on a held leg is right.
void Calls::check_media_time(Leg& leg, TimePoint now) {
  if (!leg.plan || leg.plan->media_timeout <= Duration::zero()) return;
  if (!leg.is_agreed || !sdp::receives(leg.session.agreed.direction)) {
    leg.at.media = now + leg.plan->media_timeout;
    return;
  }
  leg.at.media = leg.stream.last_heard() + leg.plan->media_timeout;
  if (leg.at.media <= now) hang_up(leg, {EndedBy::kEngine, kCauseOutOfOrder, 0, "media timeout"}, now);
}

// ---- the end

void Calls::hang_up(Leg& leg, const Ending& ending, TimePoint now) {
  if (leg.is_ended || leg.is_cancelling) return;
  if (leg.is_answered() || leg.cdr.inbound || !leg.dialog) return end(leg, ending, now);
  // CANCEL; how it ended is known when the final answer comes (a 200 may cross it)
  leg.is_cancelling = true;
  leg.ending = ending;
  leg.at = {};
  leg.at.cancel = now + config_.cancel_wait_max;
  ports_.agent.cancel(leg.dialog, now);
  arm(leg);
}

void Calls::end(Leg& leg, const Ending& ending, TimePoint now) {
  if (leg.is_ended) return;
  play_over(leg, false, now);
  if (leg.pressed != 0) report_digit(leg, leg.pressed, Duration{0}, "rfc4733", now);  // held down to the end
  leg.is_ended = true;
  if (leg.dialog) {
    if (leg.cdr.inbound && !leg.is_answered() && !leg.answer_waits && ending.status >= 400)
      (void)ports_.agent.reject(leg.dialog, ending.status, {}, {}, now);
    else
      ports_.agent.bye(leg.dialog, ending.cause, cause_text(ending.cause), now);
    leg.dialog = {};
  }
  const Handle partner = leg.partner;
  if (partner) part(leg, now);
  if (!leg.across.is_free()) part_across(leg, Crossing::Kind::kLost, now);
  if (leg.recording) {
    ports_.recordings.stop(leg.recording);
    leg.recording = {};
    --recordings_;
  }
  stop_media(leg, now);
  drop_channel(leg);
  timers_.cancel(leg.timer);
  leg.timer = {};

  leg.cdr.ended = wall(now);
  leg.cdr.ended_by = ending.by;
  leg.cdr.cause = ending.cause;
  if (ending.status != 0) leg.cdr.sip_status = ending.status;
  leg.cdr.reason = ending.why.empty() ? FixedText<96>(cause_text(ending.cause)) : ending.why;
  report(leg, LegPhase::kEnded, now);
  give_back(leg.originate);
  give_back(leg.answer);
  give_back(leg.play);
  by_id_.remove(leg.id);
  ended_.push_back(leg.self);
  if (Leg* left = legs_.find(partner)) bridge_lost(*left, now);
}

void Calls::reap() {
  for (Command* command : returned_) CHECK(ports_.rings.returned.push(command));  // room for all that are out
  returned_.clear();
  for (const Handle handle : ended_) legs_.remove(handle);
  ended_.clear();
}

}  // namespace carillon::call
