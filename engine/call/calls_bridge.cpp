// Two legs joined: what one hears, the other is sent, at the other's beat.

#include "engine/call/calls.h"
#include "engine/call/cause.h"

namespace carillon::call {

/// Both legs must live on this shard; the link routes commands by leg, so a leg of another shard is not found.
const char* Calls::bridge(Leg& leg, LegId id, TimePoint now) {
  Leg* other = find(id);
  if (!other) return "bridge: the other leg is not on this shard or does not exist";
  if (other == &leg) return "bridge: a leg cannot be bridged with itself";
  if (!leg.is_answered() || !other->is_answered()) return "bridge: both legs must be answered";
  if (leg.partner == other->self) return nullptr;
  if (leg.partner || other->partner) return "bridge: a leg is bridged already";
  join(leg, *other, now);
  return nullptr;
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
  for (Leg* leg : {&a, &b}) {
    Event event = news(EventKind::kBridgeState, *leg, now);
    event.body.bridge = {leg == &a ? b.id : a.id, true};
    events_.push(event);
  }
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
  for (Leg* one : {&leg, other}) {
    Event event = news(EventKind::kBridgeState, *one, now);
    event.body.bridge = {one == &leg ? other->id : leg.id, false};
    events_.push(event);
  }
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
