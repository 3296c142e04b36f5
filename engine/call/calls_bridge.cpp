// Two legs joined: what one hears, the other is sent, at the other's beat. Both live on this shard; calls_across.cpp
// joins a leg with one of another shard.

#include "engine/call/calls.h"
#include "engine/call/cause.h"

namespace carillon::call {

/// `command` is answered here, or later if this returns kLater. Null: the leg was placed for this bridge.
const char* Calls::bridge(Leg& leg, LegId id, std::uint32_t shard, Command* command, TimePoint now) {
  Leg* other = find(id);
  if (!other && home_of(id, shard) != config_.shard) return ask_across(leg, id, home_of(id, shard), command, now);
  if (!other) return "bridge: the other leg does not exist";
  if (other == &leg) return "bridge: a leg cannot be bridged with itself";
  if (!leg.is_answered() || !other->is_answered()) return "bridge: both legs must be answered";
  if (leg.partner == other->self) return nullptr;
  for (const Leg* one : std::initializer_list<const Leg*>{&leg, other})
    if (one->partner || !one->across.is_free()) return "bridge: a leg is bridged already";
  join(leg, *other, now);
  return nullptr;
}

const char* Calls::unbridge(Leg& leg, TimePoint now) {
  if (leg.partner)
    part(leg, now);
  else if (!leg.across.is_free())
    part_across(leg, Crossing::Kind::kPart, now);
  else
    return "leg is not bridged";
  return nullptr;
}

void Calls::tell_bridge(const Leg& leg, LegId other, bool is_bridged, TimePoint now) {
  Event event = news(EventKind::kBridgeState, leg, now);
  event.body.bridge = {other, is_bridged};
  events_.push(event);
}

void Calls::join(Leg& a, Leg& b, TimePoint now) {
  for (Leg* leg : {&a, &b})
    if (leg->player.is_playing()) play_over(*leg, false, now);
  if (a.is_ended || b.is_ended || !a.hears || !b.hears) return;
  a.partner = b.self;
  b.partner = a.self;
  ++bridges_;
  if (a.place.slot != b.place.slot) {  // one beat for both: speech crosses without waiting
    const int slot = a.place.slot;
    leave_wheel(b);
    join_wheel(b, slot);
    b.hears = true;
  }
  tell_bridge(a, b.id, true, now);
  tell_bridge(b, a.id, true, now);
  plan_event(a, PlanEvent::kBridged, now);
  if (!b.is_ended) plan_event(b, PlanEvent::kBridged, now);
}

/// The bridge is over, both legs live on.
void Calls::part(Leg& leg, TimePoint now) {
  Leg* other = legs_.find(leg.partner);
  leg.partner = {};
  --bridges_;
  if (!other) return;
  other->partner = {};
  tell_bridge(leg, other->id, false, now);
  tell_bridge(*other, leg.id, false, now);
}

/// The partner hung up. Without a transition of the plan for it the call is over.
void Calls::bridge_lost(Leg& leg, TimePoint now) {
  if (leg.is_ended) return;
  if (leg.machine.handles(PlanEvent::kBridgeLost))
    plan_event(leg, PlanEvent::kBridgeLost, now);
  else
    hang_up(leg, {EndedBy::kPlan, kCauseNormal, 0, "the bridged party hung up"}, now);
}

}  // namespace carillon::call
