// Agents: their seats, the legs that are kept up, what they say of a call.

#include "control/live/campaigns.h"
#include "control/live/stored.h"

namespace carillon::control {
namespace {

Refused no_agent() { return {.code = "not_found", .detail = "no agent of that id in this project"}; }
Refused not_here(std::string why) { return {.code = "agent_state", .detail = std::move(why)}; }

}  // namespace

Rules DispositionBody::rules() {
  static const Rule rules[] = {{.field = "agent", .about = "Id of the agent who says so.", .required = true},
                               {.field = "disposition",
                                .about = "In the agent's words; do_not_call blocks the number.",
                                .required = true,
                                .min = 1,
                                .max = 64},
                               {.field = "note", .about = "Free text.", .max = 2000},
                               {.field = "callback_at", .about = "The lead is due then, for this agent first."},
                               {.field = "was_machine", .about = "The detector took a machine for a person."}};
  return rules;
}

Campaigns::SeatState* Campaigns::find_seat(dialer::AgentId agent) {
  for (auto& [id, seat] : seats_)
    if (dialer_number(id) == agent.value) return &seat;
  return nullptr;
}

std::set<dialer::CampaignId> Campaigns::campaigns_of(const Agent& agent) const {
  std::set<dialer::CampaignId> numbers;
  for (const auto& id : agent.campaigns) numbers.insert({dialer_number(id)});
  for (const auto& id : agent.queues) numbers.insert({dialer_number(id)});
  return numbers;
}

void Campaigns::keep(const SeatState& seat) {
  parts_.store.keep_seat({.agent = seat.body.id,
                          .project = seat.seat.project,
                          .body = json::text(json::write(seat.seat, json::Mode::kStore))});
}

Accepted Campaigns::log_in(const std::string& project, const std::string& id) {
  const Lock lock(mutex_);
  const auto row = parts_.store.find(Kind::kAgents, project, id);
  const auto body = row ? read_stored<Agent>(row->body) : std::nullopt;
  if (!body) return no_agent();
  if (seats_.contains(id)) return std::monostate{};  // sits or is being called
  for (const auto& [other, seat] : seats_)
    if (seat.body.endpoint == body->endpoint) return not_here("agent \"" + seat.body.name + "\" sits at this phone");
  if (const auto phone = parts_.live.endpoint_state(body->endpoint); phone && !phone->registered())
    return not_here("the phone is not registered");
  left_.erase(id);
  SeatState seat;
  seat.body = *body;
  seat.seat = {.agent = id, .project = project, .call = {}};
  if (body->leg == AgentLeg::kOnDemand) {
    keep(seat);
    seat_is_up(seats_[id] = std::move(seat));
    show_changes();
    commit();
    return std::monostate{};
  }
  if (call_phone(seats_[id] = std::move(seat))) return std::monostate{};
  seats_.erase(id);
  parts_.store.remove_seat(id);
  return Refused{.code = "engine_unavailable"};
}

void Campaigns::seat_is_up(SeatState& seat) {
  seat.is_up = true;
  seat.again.reset();
  const dialer::AgentId number{dialer_number(seat.body.id)};
  dialer_.agent_log_in(number, campaigns_of(seat.body), parts_.mono());
  if (seat.seat.on_break) dialer_.agent_break(number, parts_.mono());
}

// The phone is gone: whoever was on the line is let go by the engine's own plan.
void Campaigns::seat_is_lost(const std::string& agent, const std::string& why) {
  const auto found = seats_.find(agent);
  if (found == seats_.end()) return;
  const SeatState seat = std::move(found->second);
  seats_.erase(found);
  by_agent_call_.erase(seat.seat.call);
  const dialer::AgentId number{dialer_number(agent)};
  if (const auto flight = flights_.find(seat.serial); flight != flights_.end() && !flight->second.body.connected_at) {
    not_connected(flight->second);
  }
  dialer_.agent_log_out(number, parts_.mono());
  if (parts_.live.live_call(seat.seat.call)) parts_.live.hang_up(seat.seat.call, why);
  parts_.store.remove_seat(agent);
  left_[agent] = why;
  announce(seat.seat.project, "agent.status_changed",
           boost::json::object{{"agent", agent},
                               {"name", seat.body.name},
                               {"status", "offline"},
                               {"was", json::enum_text(seat.shown)},
                               {"why", why}});
}

void Campaigns::on_agent_leg(SeatState& seat, const CallNews& news) {
  const std::string agent = seat.body.id;
  const bool is_kept_up = news.call.id == seat.seat.call;
  if (news.type == "call.answered" && is_kept_up && !seat.is_up) return seat_is_up(seat);
  if (news.type != "call.ended") return;
  by_agent_call_.erase(news.call.id);
  if (is_lost_with_engine(news.call) || seat.again) return on_lost_with_engine(seat, news.call);
  if (is_kept_up) return seat_is_lost(agent, news.call.answered_at ? "phone hung up" : "phone did not answer");
  if (!news.call.answered_at) seat_is_lost(agent, "phone did not answer");
}

Accepted Campaigns::log_out(const std::string& project, const std::string& id) {
  const Lock lock(mutex_);
  const auto seat = seats_.find(id);
  if (!parts_.store.find(Kind::kAgents, project, id)) return no_agent();
  if (seat == seats_.end()) return std::monostate{};
  if (!seat->second.is_up || dialer_.agent_log_out({dialer_number(id)}, parts_.mono())) seat_is_lost(id, "logged out");
  show_changes();
  commit();
  return std::monostate{};
}

Accepted Campaigns::take_break(const std::string& project, const std::string& id) {
  const Lock lock(mutex_);
  const auto seat = seats_.find(id);
  if (!parts_.store.find(Kind::kAgents, project, id)) return no_agent();
  if (seat == seats_.end() || !seat->second.is_up) return not_here("the agent is not logged in");
  dialer_.agent_break({dialer_number(id)}, parts_.mono());  // or after the call in hand
  seat->second.seat.on_break = true;
  keep(seat->second);
  show_changes();
  commit();
  return std::monostate{};
}

Accepted Campaigns::make_ready(const std::string& project, const std::string& id) {
  {
    const Lock lock(mutex_);
    const auto seat = seats_.find(id);
    if (!parts_.store.find(Kind::kAgents, project, id)) return no_agent();
    if (seat == seats_.end() || !seat->second.is_up) return not_here("the agent is not logged in");
    if (!dialer_.agent_ready({dialer_number(id)}, parts_.mono())) return not_here("the agent has a call in hand");
    seat->second.seat.on_break = false;
    keep(seat->second);
    show_changes();
    commit();
  }
  wake_.notify_one();
  return std::monostate{};
}

void Campaigns::changed(const Agent& agent) {
  const Lock lock(mutex_);
  const auto seat = seats_.find(agent.id);
  if (seat == seats_.end()) return;
  seat->second.body = agent;
  if (seat->second.is_up) dialer_.agent_log_in({dialer_number(agent.id)}, campaigns_of(agent), parts_.mono());
}

void Campaigns::removed_agent(const std::string& id) {
  const Lock lock(mutex_);
  seat_is_lost(id, "agent deleted");
  commit();
}

// One look at the roster after each turn finds every change, whoever made it.
void Campaigns::show_changes() {
  std::vector<std::string> gone;
  for (auto& [id, seat] : seats_) {
    const auto* agent = dialer_.roster().find({dialer_number(id)});
    if (agent == nullptr && seat.is_up) {
      gone.push_back(id);
      continue;
    }
    const auto status = agent == nullptr ? AgentState::kOffline : static_cast<AgentState>(agent->status);
    if (status == seat.shown) continue;
    boost::json::object data{{"agent", id},
                             {"name", seat.body.name},
                             {"status", json::enum_text(status)},
                             {"was", json::enum_text(seat.shown)}};
    if (const auto flight = flights_.find(seat.serial); flight != flights_.end())
      data["attempt"] = flight->second.body.id;
    seat.shown = status;
    seat.since = parts_.wall();
    announce(seat.seat.project, "agent.status_changed", std::move(data));
  }
  for (const auto& id : gone) seat_is_lost(id, "logged out");  // after the call in hand
}

void Campaigns::show(Agent& agent) {
  const Lock lock(mutex_);
  const auto found = seats_.find(agent.id);
  if (const auto left = left_.find(agent.id); left != left_.end()) agent.status_reason = left->second;
  if (found == seats_.end()) return;
  const SeatState& seat = found->second;
  const auto* state = dialer_.roster().find({dialer_number(agent.id)});
  agent.status = state == nullptr ? AgentState::kOffline : static_cast<AgentState>(state->status);
  if (agent.status != AgentState::kOffline) agent.since = seat.since;
  std::optional<Attempt> attempt;
  if (const auto flight = flights_.find(seat.serial); flight != flights_.end()) {
    attempt = flight->second.body;
  } else if (!seat.last_attempt.empty() && agent.status == AgentState::kWrapUp) {
    const auto row = parts_.store.attempt(seat.seat.project, seat.last_attempt);
    if (row) attempt = read_stored<Attempt>(row->body);
  }
  if (!attempt) return;
  agent.current = AgentCurrent{.attempt = attempt->id,
                               .call = attempt->call,
                               .campaign = attempt->campaign,
                               .queue = attempt->queue,
                               .number = attempt->number,
                               .lead = parts_.leads.card({attempt->dialed.number})};
}

Result<Attempt, Refused> Campaigns::set_disposition(const std::string& project, const std::string& id,
                                                    const DispositionBody& body) {
  const Lock lock(mutex_);
  commit();
  const auto row = parts_.store.attempt(project, id);
  auto attempt = row ? read_stored<Attempt>(row->body) : std::nullopt;
  if (!attempt) return Refused{.code = "not_found", .detail = "no attempt of that id in this project"};
  if (body.callback_at && *body.callback_at < parts_.wall())
    return Refused{.code = "invalid", .errors = {{"/callback_at", "range", "lies in the past"}}};
  if (!parts_.store.find(Kind::kAgents, project, body.agent))
    return Refused{.code = "invalid", .errors = {{"/agent", "unknown", "no agent of that id"}}};
  const auto apply = [&](Attempt& target) {
    target.disposition = body.disposition;
    if (!body.note.empty()) target.note = body.note;
    target.callback_at = body.callback_at;
    target.was_machine = body.was_machine;
  };
  apply(*attempt);
  if (const auto flight = flights_.find(attempt->serial); flight != flights_.end()) {
    apply(flight->second.body);
    attempt = flight->second.body;
  }
  for (auto& [home, waiting] : returns_)
    if (waiting.id == id) apply(waiting);
  note(*attempt);
  boost::json::object data = json::write(*attempt, json::Mode::kApi).as_object();
  data["attempt"] = attempt->id;
  announce(project, "disposition.set", std::move(data));
  commit();
  parts_.leads.note(project, {attempt->dialed.number},
                    {.callback_at = body.callback_at,
                     .sticky = body.callback_at ? dialer::AgentId{dialer_number(body.agent)} : dialer::AgentId{},
                     .disposition = body.disposition},
                    parts_.wall());
  if (body.callback_at)
    if (Run* run = find_run({dialer_number(attempt->campaign)})) dialer_.leads_arrived(run->number);
  if (body.disposition == "do_not_call") opt_out(project, attempt->number);
  return *attempt;
}

std::string Campaigns::phone_user(const std::string& project, const std::string& endpoint) const {
  const auto row = parts_.store.find(Kind::kEndpoints, project, endpoint);
  const auto phone = row ? read_stored<PhoneEndpoint>(row->body) : std::nullopt;
  return phone ? phone->username : endpoint;
}

}  // namespace carillon::control
