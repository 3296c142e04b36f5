// After a restart: campaigns run on, agents keep their seats, every open attempt is accounted for.

#include <spdlog/spdlog.h>

#include "control/live/campaigns.h"
#include "control/live/stored.h"

namespace carillon::control {

void Campaigns::recover() {
  const Lock lock(mutex_);
  const auto month_ago = parts_.wall() - std::chrono::hours(30 * 24);
  for (auto& count : parts_.store.outcomes(month_ago.time_since_epoch().count()))
    past_[count.campaign].push_back(std::move(count));
  for (const Document& row : parts_.store.all(Kind::kCampaigns)) {
    const auto campaign = read_stored<Campaign>(row.body);
    if (!campaign) continue;
    const bool is_on = campaign->state == CampaignStatus::kRunning || campaign->state == CampaignStatus::kPaused;
    if (!is_on) continue;
    if (const auto run = enter(row.project, campaign->id))
      dialer_.set_state((*run)->number,
                        campaign->state == CampaignStatus::kRunning ? dialer::CampaignState::kRunning
                                                                    : dialer::CampaignState::kPaused,
                        parts_.mono());
  }
  recover_queues();
  recover_seats();
  std::set<std::uint64_t> living;
  recover_attempts(living);
  adopt_callers();
  for (auto& [id, seat] : seats_)  // or after the call in hand
    if (seat.is_up && seat.seat.on_break) dialer_.agent_break({dialer_number(id)}, parts_.mono());
  parts_.leads.reset_in_hand(living);
}

void Campaigns::recover_seats() {
  for (const SeatRow& row : parts_.store.seats()) {
    const auto seat = read_stored<Seat>(row.body);
    const auto document = parts_.store.find(Kind::kAgents, row.project, row.agent);
    const auto agent = document ? read_stored<Agent>(document->body) : std::nullopt;
    const auto leg = seat ? parts_.live.live_call(seat->call) : std::nullopt;
    const bool is_calling = agent && seat && agent->leg == AgentLeg::kKeptUp && !leg && has_lost_its_leg(*seat);
    if (!agent || !seat || (agent->leg == AgentLeg::kKeptUp && !leg && !is_calling)) {
      parts_.store.remove_seat(row.agent);
      continue;
    }
    SeatState& state = seats_[row.agent];
    state.body = *agent;
    state.seat = *seat;
    if (is_calling) state.again.emplace();
    if (leg) by_agent_call_[leg->id] = row.agent;
    state.is_up = agent->leg == AgentLeg::kOnDemand || (leg && leg->state == CallStatus::kAnswered);
    if (state.is_up) dialer_.agent_log_in({dialer_number(row.agent)}, campaigns_of(*agent), parts_.mono());
  }
}

// By an engine's end or our own before the call was placed, and not because the phone hung up.
bool Campaigns::has_lost_its_leg(const Seat& seat) {
  const auto row = parts_.store.call(seat.project, seat.call);
  const auto leg = row ? read_stored<Call>(row->body) : std::nullopt;
  return !leg || is_lost_with_engine(*leg);
}

// `living`: leads that stay in hand.
void Campaigns::recover_attempts(std::set<std::uint64_t>& living) {
  using Phase = dialer::Attempt::Phase;
  for (const AttemptRow& row : parts_.store.open_attempts()) {
    auto attempt = read_stored<Attempt>(row.body);
    if (!attempt) continue;
    if (attempt->queue) {
      recover_caller(row, std::move(*attempt));
      continue;
    }
    living.insert(row.lead);
    if (attempt->state == AttemptStatus::kEnded) {  // its lead was on its way home
      const std::string outcome = attempt->outcome.value_or("failed");
      dialer::Lead lead = attempt->dialed.to_lead();
      if (attempt->again) lead.not_before = *attempt->again;
      returns_.emplace_back(LeadHome{lead, attempt->again, outcome, attempt->again ? "" : outcome}, *attempt);
      continue;
    }
    const auto run = runs_.contains(row.campaign) ? Result<Run*, Refused>(&runs_.at(row.campaign))
                                                  : enter(row.project, row.campaign);
    if (!run) {  // its campaign is gone
      attempt->state = AttemptStatus::kEnded;
      attempt->outcome = "failed";
      returns_.emplace_back(LeadHome{attempt->dialed.to_lead(), parts_.wall(), "failed", ""}, *attempt);
      continue;
    }
    ++(*run)->attempts;
    const auto call = parts_.live.live_call(row.call);
    auto phase = Phase::kDialing;
    dialer::AgentId agent{};
    if (call && call->answered_at) phase = Phase::kAnswered;
    if (call && (has_mark(*call, "person") || has_mark(*call, "wants_agent"))) phase = Phase::kWaiting;
    if (call && (has_mark(*call, "safe_harbour") || has_mark(*call, "abandoned"))) phase = Phase::kLost;
    const bool is_connected = call && (attempt->connected_at || has_mark(*call, "connected"));
    const bool has_seat = attempt->agent && seats_.contains(*attempt->agent);
    if (is_connected) {
      phase = Phase::kTalking;
      if (!attempt->connected_at) attempt->connected_at = parts_.wall();
    } else if (call && has_seat && phase == Phase::kWaiting) {
      phase = Phase::kConnecting;
      const auto phone = parts_.live.phone_called_for(row.call);
      if (phone && seats_.at(*attempt->agent).seat.call != phone->id)
        by_agent_call_[phone->id] = *attempt->agent;  // on demand: it rings, or is bridged by now
      else
        joining_.push_back(row.number);  // the same bridge twice is one
    }
    if (has_seat && (phase == Phase::kConnecting || phase == Phase::kTalking)) {
      agent = {dialer_number(*attempt->agent)};
      seats_.at(*attempt->agent).serial = row.number;
    } else if (!attempt->connected_at) {
      attempt->agent.reset();
    }
    flights_[row.number] = Flight{.body = *attempt, .campaign = (*run)->number};
    dialer_.restore((*run)->number, {row.number}, attempt->dialed.to_lead(), phase, agent, parts_.mono());
    if (call) {
      by_call_[row.call] = row.number;
      continue;
    }
    const auto ended = parts_.store.call(row.project, row.call);
    auto body = ended ? read_stored<Call>(ended->body) : std::nullopt;
    if (!body) {
      body.emplace();
      body->error = "lost: control stopped before its intent was complete";
    }
    finish(row.number, *body);
  }
  if (!flights_.empty()) spdlog::info("campaigns: {} attempts were open", flights_.size());
}

}  // namespace carillon::control
