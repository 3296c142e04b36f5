// Events of shards as control reads them.

#include <algorithm>

#include "engine/base/check.h"
#include "engine/link/translate.h"
#include "engine/link/utf8.h"

namespace carillon::link {
namespace {

std::int64_t ms_of(WallTime time) { return time.time_since_epoch().count(); }
std::uint32_t ms_of(Duration duration) {
  return static_cast<std::uint32_t>(std::chrono::duration_cast<std::chrono::milliseconds>(duration).count());
}
template <std::size_t kMax>
std::string text(const FixedText<kMax>& from) {
  return to_utf8(from.view());
}

void fill(const call::RtpStats& from, wire::RtpStats& to) {
  to.set_packets_in(from.packets_in);
  to.set_packets_out(from.packets_out);
  to.set_lost(from.lost);
  to.set_discarded(from.discarded);
  to.set_jitter_us(from.jitter_us);
  to.set_remote_lost(from.remote_lost);
  to.set_remote_jitter_us(from.remote_jitter_us);
  to.set_round_trip_us(from.round_trip_us);
  to.set_foreign(from.foreign);
}

void fill(const call::LegState& from, LegId leg, wire::LegState& to) {
  to.set_leg(leg.value);
  to.set_state(static_cast<wire::LegState::State>(from.phase));
  to.set_call_id(text(from.call_id));
  to.set_from(text(from.from));
  to.set_to(text(from.to));
  to.set_trunk(text(from.trunk));
  to.set_endpoint(text(from.endpoint));
  to.set_sip_status(from.sip_status);
  to.set_reason(text(from.reason));
  to.set_cause(from.cause);
  to.set_ended_by(static_cast<wire::LegState::EndedBy>(from.ended_by));
  to.set_started_ms(ms_of(from.started));
  to.set_ringing_ms(ms_of(from.ringing));
  to.set_answered_ms(ms_of(from.answered));
  to.set_ended_ms(ms_of(from.ended));
  to.set_inbound(from.inbound);
  fill(from.rtp, *to.mutable_rtp());
  for (std::size_t i = 0; i < from.trunks_tried_count && i < from.trunks_tried.size(); ++i)
    to.add_trunks_tried(text(from.trunks_tried[i]));
  to.set_verdict(text(from.verdict));
  to.set_last_mark(text(from.last_mark));
  to.set_codec(text(from.codec));
}

void fill(const call::DetectionNews& from, LegId leg, wire::Detection& to) {
  to.set_leg(leg.value);
  to.set_verdict(text(from.verdict));
  to.set_confidence(from.confidence);
  to.set_since_answer_ms(ms_of(from.since_answer));
  to.set_since_speech_end_ms(ms_of(from.since_speech_end));
  to.set_final(from.is_final);
  to.set_why(text(from.why));
}

void fill(const call::DtmfNews& from, LegId leg, wire::Dtmf& to) {
  to.set_leg(leg.value);
  to.set_digit(std::string(from.digit == 0 ? 0 : 1, from.digit));
  to.set_duration_ms(ms_of(from.duration));
  to.set_source(text(from.source));
}

void fill(const call::PlayDone& from, LegId leg, wire::PlayDone& to) {
  to.set_leg(leg.value);
  to.set_complete(from.complete);
  to.set_prompt(text(from.prompt));
}

void fill(const call::Gathered& from, LegId leg, wire::Gathered& to) {
  to.set_leg(leg.value);
  to.set_digits(text(from.digits));
  to.set_timed_out(from.timed_out);
}

void fill(const call::PlanMark& from, LegId leg, wire::PlanMark& to) {
  to.set_leg(leg.value);
  to.set_mark(text(from.mark));
  to.set_state(text(from.state));
}

void fill(const call::BridgeState& from, LegId leg, wire::BridgeState& to) {
  to.set_leg(leg.value);
  to.set_other(from.other.value);
  to.set_bridged(from.bridged);
}

void fill(const call::EndpointState& from, LegId, wire::EndpointState& to) {
  to.set_id(text(from.id));
  to.set_registered(from.registered);
  to.set_contact(text(from.contact));
  to.set_expires_s(from.expires_s);
  to.set_user_agent(text(from.user_agent));
}

void fill(const call::TrunkState& from, LegId, wire::TrunkState& to) {
  to.set_id(text(from.id));
  to.set_reachable(from.reachable);
  to.set_registered(from.registered);
  to.set_sip_status(from.sip_status);
  to.set_reason(text(from.reason));
  to.set_channels(from.channels);
}

}  // namespace

wire::FromEngine to_wire(const call::Event& event) {
  wire::FromEngine out;
  out.set_wall_ms(ms_of(event.at));
  const auto& body = event.body;
  switch (event.kind) {
    case call::EventKind::kLegState:
      fill(body.leg, event.leg, *out.mutable_leg());
      break;
    case call::EventKind::kDetection:
      fill(body.detection, event.leg, *out.mutable_detection());
      break;
    case call::EventKind::kDtmf:
      fill(body.dtmf, event.leg, *out.mutable_dtmf());
      break;
    case call::EventKind::kPlayDone:
      fill(body.play_done, event.leg, *out.mutable_play_done());
      break;
    case call::EventKind::kGathered:
      fill(body.gathered, event.leg, *out.mutable_gathered());
      break;
    case call::EventKind::kPlanMark:
      fill(body.mark, event.leg, *out.mutable_mark());
      break;
    case call::EventKind::kBridgeState:
      fill(body.bridge, event.leg, *out.mutable_bridge());
      break;
    case call::EventKind::kEndpointState:
      fill(body.endpoint, event.leg, *out.mutable_endpoint());
      break;
    case call::EventKind::kTrunkState:
      fill(body.trunk, event.leg, *out.mutable_trunk());
      break;
    case call::EventKind::kDone:
    case call::EventKind::kStats:
      CHECK(false);
  }
  return out;
}

wire::ShardStats to_wire(const call::ShardStats& from, WallTime counted) {
  wire::ShardStats to;
  to.set_shard(from.shard);
  to.set_legs(from.legs);
  to.set_bridges(from.bridges);
  to.set_recordings(from.recordings);
  to.set_packets_in(from.packets_in);
  to.set_packets_out(from.packets_out);
  to.set_late_frames(from.late_frames);
  to.set_originated(from.originated);
  to.set_answered(from.answered);
  to.set_incoming(from.incoming);
  to.set_busy_ns(from.busy_ns);
  to.set_steps(from.steps);
  to.set_steps_idle(from.steps_idle);
  to.set_step_longest_us(from.step_longest_us);
  to.set_beat_latest_us(from.beat_latest_us);
  to.set_headroom_rate(from.headroom_rate >= 0 ? std::min(from.headroom_rate, 1.0f) : 0);  // not a number: 0
  to.set_refuses(from.refuses);
  for (std::size_t i = 0; i < from.depths_count && i < from.depths.size(); ++i) {
    wire::Depth& depth = *to.add_depths();
    depth.set_name(text(from.depths[i].name));
    depth.set_used(from.depths[i].used);
    depth.set_room(from.depths[i].room);
  }
  for (std::size_t i = 0; i < from.drops_count && i < from.drops.size(); ++i)
    (*to.mutable_drops())[text(from.drops[i].reason)] += from.drops[i].count;
  to.set_counted_ms(ms_of(counted));
  return to;
}

}  // namespace carillon::link
