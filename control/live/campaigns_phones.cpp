// The legs that are kept up to agents' phones: calling them, and calling them again when an engine took them with it.
// The agent has done nothing: as soon as the engine is back and knows the phone, it rings, and the seat is as before.

#include "control/live/campaigns.h"

namespace carillon::control {
namespace {

constexpr Duration kTryAgain = 5s;
constexpr Duration kPhoneBackMax = 15min;  // phones register anew within their expiry; most within minutes
constexpr int kUnansweredMax = 2;

}  // namespace

// The seat names its leg before the leg's own intent is on disk: a kill in between leaves a seat to be called again.
bool Campaigns::call_phone(SeatState& seat) {
  const WallTime now = parts_.wall();
  std::vector<Placement> placements(1);
  Call& call = placements[0].call;
  const std::string leg = seat.seat.call = call.id = parts_.ids.make("call", now);
  call.project = seat.seat.project;
  call.from = "carillon";
  call.to = phone_user(seat.seat.project, seat.body.endpoint);
  call.endpoint = seat.body.endpoint;
  call.created_at = now;
  placements[0].ring_time_s = 30;
  placements[0].plan = seat_plan("");
  keep(seat);
  by_agent_call_[leg] = seat.body.id;
  if (parts_.live.place_all(placements)) return true;
  by_agent_call_.erase(leg);
  return false;
}

// A leg to an agent's phone ended with its engine, or could not be placed at the engine's return.
void Campaigns::on_lost_with_engine(SeatState& seat, const Call& leg) {
  if (const auto flight = flights_.find(seat.serial); flight != flights_.end() && !flight->second.body.connected_at)
    not_connected(flight->second);
  if (seat.seat.call != leg.id) return;  // on demand: it is called for the next person
  // a refusal without ringing is a phone that takes its dead call for a living one, for a while
  const bool has_rung = !is_lost_with_engine(leg) && leg.ringing_at && !leg.answered_at;
  seat.is_up = false;
  if (!seat.again) seat.again.emplace();
  seat.again->next = parts_.mono() + (is_lost_with_engine(leg) ? Duration{0} : kTryAgain);
  if (is_lost_with_engine(leg)) seat.again->until.reset();
  dialer_.agent_log_out({dialer_number(seat.body.id)}, parts_.mono());
  if (has_rung && ++seat.again->unanswered >= kUnansweredMax) {
    const std::string agent = seat.body.id;
    seat_is_lost(agent, "phone did not answer");
  }
}

void Campaigns::call_lost_phones() {
  const TimePoint now = parts_.mono();
  std::vector<std::string> lost;
  for (auto& [id, seat] : seats_) {
    if (!seat.again || now < seat.again->next || by_agent_call_.contains(seat.seat.call) || !parts_.live.ready())
      continue;
    if (!seat.again->until) seat.again->until = now + kPhoneBackMax;
    if (now > *seat.again->until) {
      lost.push_back(id);
      continue;
    }
    seat.again->next = now + kTryAgain;
    const auto phone = parts_.live.endpoint_state(seat.body.endpoint);
    if (phone && phone->registered()) call_phone(seat);
  }
  for (const auto& id : lost) seat_is_lost(id, "phone did not register again after the engine's restart");
}

}  // namespace carillon::control
