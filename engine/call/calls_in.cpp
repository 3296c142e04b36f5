// Calls that come in: offered to control, which answers, rings or rejects; without control they are turned away.

#include <algorithm>

#include "engine/call/calls.h"
#include "engine/call/cause.h"

namespace carillon::call {

void Calls::refuse(const sip::Event& event, int status, std::string_view reason, Duration retry_after, TimePoint now) {
  (void)ports_.agent.reject(event.call, status, reason, retry_after, now);
}

void Calls::on_incoming(const sip::Event& event, TimePoint now) {
  ++counters_.incoming;
  if (is_draining_) return refuse(event, 503, "Draining", config_.retry_after, now);
  if (!has_brain_) {
    ++counters_.refused_no_brain;
    return refuse(event, 503, "Control is away", config_.retry_after, now);
  }
  TrunkEntry* trunk = find_trunk(event.trunk);
  const bool is_full = events_.is_crowded() || legs_.size() == legs_.capacity();
  if (is_full || (trunk && !trunk->limits->admit_incoming(trunk->trunk.channels_max))) {
    ++counters_.refused_full;
    return refuse(event, 503, is_full ? "Full" : "All channels are in use", config_.retry_after, now);
  }
  if (!ports_.gate.takes_call(now)) {
    if (trunk) trunk->limits->release();
    return refuse(event, 503, "Overloaded", ports_.gate.retry_after(now, ports_.random), now);
  }
  Leg& leg = *make_leg(incoming_leg(config_.shard, ++incoming_counter_), now);
  leg.dialog = event.call;
  ports_.agent.set_user(event.call, leg.self.bits());
  if (trunk) leg.route.limits = trunk->limits;
  LegState& cdr = leg.cdr;
  cdr.inbound = true;
  cdr.call_id.assign(event.call_id);
  const bool is_asserted = trunk && !event.asserted_user.empty();
  cdr.from.assign(is_asserted ? event.asserted_user : event.from_user);
  cdr.to.assign(event.request_user.empty() ? event.to_user : event.request_user);
  cdr.trunk.assign(event.trunk);
  cdr.endpoint.assign(event.endpoint);
  ports_.trace.bind(leg.id, event.call_id, event.trunk);

  const auto phone = std::ranges::find(phones_, event.endpoint, &PhoneEntry::id);
  leg.is_behind_nat = trunk ? trunk->trunk.behind_nat : phone != phones_.end() && phone->behind_nat;
  if (trunk) choose_codecs(leg, trunk->trunk.codecs);
  report(leg, LegPhase::kIncoming, now);
  const bool has_pair = take_pair(leg, trunk ? trunk->local : Endpoint{});
  if (trunk) advertise(leg, trunk->trunk);
  if (!has_pair) {
    ++counters_.media_full;
    return end(leg, {EndedBy::kEngine, 47, 503, "no RTP port is free"}, now);
  }
  if (!event.body.empty() && !read_offer(leg, event.body, now))
    return end(leg, {EndedBy::kEngine, 65, 488, "the offer has nothing that we speak"}, now);
  leg.at.decide = now + config_.incoming_wait_max;
  arm(leg);
}

const char* Calls::progress(Leg& leg, const Progress& progress, TimePoint now) {
  if (!leg.cdr.inbound || leg.is_answered() || leg.answer_waits) return "leg is not a waiting incoming call";
  const bool has_media = progress.early_media && leg.is_agreed;
  const std::string_view description = has_media ? leg.session.answer.view() : std::string_view{};
  if (!ports_.agent.ring(leg.dialog, has_media ? 183 : 180, description, now)) return "the caller is gone";
  leg.at.decide = now + config_.incoming_ring_max;  // control is there, but nothing rings for ever
  if (leg.cdr.ringing == WallTime{}) leg.cdr.ringing = wall(now);
  if (has_media) {
    start_media(leg, now);
    if (progress.prompt) {
      leg.tone = progress.prompt;
      start_play(leg, {&leg.tone, 1}, 0, PlayOwner::kEarly, now);
    } else {
      play_tone(leg, PlanState::Tone::kRingback, PlayOwner::kEarly, now);
    }
  }
  report(leg, has_media ? LegPhase::kEarly : LegPhase::kRinging, now);
  return nullptr;
}

const char* Calls::answer(Leg& leg, Command& command, TimePoint now) {
  if (!leg.cdr.inbound || leg.is_answered() || leg.answer_waits) return "leg is not a waiting incoming call";
  sdp::Text offer;
  if (!leg.is_agreed) {  // late offer: ours goes out with the 200, the answer comes with the ACK
    offer = sdp::make_offer(leg.session.local, leg.session.origin);
    leg.session.has_offered = true;
  }
  const auto description = leg.is_agreed ? leg.session.answer.view() : offer.view();
  if (!ports_.agent.accept(leg.dialog, description, now)) return "the caller is gone";
  leg.at.decide = TimePoint::max();
  leg.answer = &command;
  leg.plan = &std::get<Answer>(command.body).plan;
  leg.cdr.sip_status = 200;
  if (leg.is_agreed)
    begin_call(leg, now);
  else
    leg.answer_waits = true;
  return nullptr;
}

const char* Calls::reject(Leg& leg, const Reject& reject, TimePoint now) {
  if (!leg.cdr.inbound || leg.is_answered() || leg.answer_waits) return "leg is not a waiting incoming call";
  const int status = reject.status >= 300 && reject.status < 700 ? reject.status : 480;
  (void)ports_.agent.reject(leg.dialog, status, reject.reason, std::chrono::seconds(reject.retry_after_s), now);
  leg.dialog = {};
  end(leg, {EndedBy::kControl, cause_of_status(status), static_cast<std::uint16_t>(status), reject.reason}, now);
  return nullptr;
}

void Calls::on_acked(Leg& leg, const sip::Event& event, TimePoint now) {
  if (!leg.session.has_offered) return;
  leg.session.has_offered = false;
  if (!accept_answer(leg, event.body, now)) {
    const bool was_waiting = leg.answer_waits;
    if (was_waiting) hang_up(leg, {EndedBy::kEngine, 65, 0, "the ACK has no usable answer"}, now);
    return;
  }
  if (!leg.answer_waits) return;
  leg.answer_waits = false;
  begin_call(leg, now);
}

/// Both ways: the call stands, media flows, the plan begins.
void Calls::begin_call(Leg& leg, TimePoint now) {
  if (leg.play_owner == PlayOwner::kEarly) play_over(leg, false, now);
  ++counters_.answered;
  leg.cdr.answered = wall(now);
  leg.cdr.codec.assign(sdp::name(leg.session.agreed.codec));
  start_media(leg, now);
  report(leg, LegPhase::kAnswered, now);
  if (leg.plan->call_time_max > Duration::zero()) leg.at.life = now + leg.plan->call_time_max;
  if (leg.plan->media_timeout > Duration::zero()) leg.at.media = now + leg.plan->media_timeout;
  if (leg.plan->record) (void)record(leg, true, now);
  if (leg.plan->detects) {
    if (leg.detector)
      leg.detector->answered();
    else
      start_detector(leg, leg.plan->detect, false);
  }
  if (leg.session.agreed.event_receive_type == sdp::kNoPayloadType) leg.start_hearing_digits();
  perform(leg, leg.machine.start(*leg.plan, now), now);
  arm(leg);
}

}  // namespace carillon::call
