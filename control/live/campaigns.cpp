#include "control/live/campaigns.h"

#include <spdlog/spdlog.h>

#include <algorithm>

#include "control/crm/number_zone.h"
#include "control/live/stored.h"

namespace carillon::control {

namespace {

constexpr auto kTurn = 250ms;
constexpr auto kTurnWork = 100ms;  // a turn that has worked so long decides no more; the next follows
constexpr auto kBreath = 5ms;      // between the two, for those who wait for the turn's end
constexpr int kDecisionsPerTurn = 4;
constexpr std::size_t kQueueMax = 1'000'000;

std::int64_t ms_of(WallTime at) { return at.time_since_epoch().count(); }

}  // namespace

Campaigns::Campaigns(Parts parts) : parts_(std::move(parts)), dialer_(parts_.zones, parts_.store.last_attempt() + 1) {
  parts_.live.listen([this](std::vector<CallNews> news) { hear(std::move(news)); });
  recover();
}

Campaigns::~Campaigns() {
  stop_thread();
  parts_.live.listen(nullptr);
}

void Campaigns::start_thread() {
  thread_ = std::thread([this] { run(); });
}

void Campaigns::stop_thread() {
  {
    const std::lock_guard lock(queue_mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Campaigns::run() {
  for (;;) {
    {
      std::unique_lock lock(queue_mutex_);
      if (has_more_)
        wake_.wait_for(lock, kBreath, [this] { return stopping_; });
      else
        wake_.wait_for(lock, kTurn, [this] { return stopping_ || !queue_.empty(); });
      if (stopping_) return;
    }
    try {
      step();
    } catch (const std::exception& error) {  // the next turn tries again what is still to be done
      spdlog::error("campaigns: {}", error.what());
    }
  }
}

// Called with the registry locked: takes note, no more.
void Campaigns::hear(std::vector<CallNews> news) {
  {
    const std::lock_guard lock(queue_mutex_);
    if (queue_.size() > kQueueMax) queue_.clear();  // the calls' own rows still tell how they ended
    queue_.insert(queue_.end(), std::make_move_iterator(news.begin()), std::make_move_iterator(news.end()));
  }
  wake_.notify_one();
}

void Campaigns::step() {
  const Lock lock(mutex_);
  const TimePoint begun = parts_.mono();
  if (turn_ended_) pauses_.note(begun - *turn_ended_, begun);
  struct Turn {  // one that fails was long, too
    Campaigns& own;
    TimePoint begun;
    ~Turn() {
      own.turn_ended_ = own.parts_.mono();
      own.turns_.note(*own.turn_ended_ - begun, *own.turn_ended_);
    }
  } const turn{*this, begun};
  call_lost_phones();
  std::vector<dialer::Action> actions = std::exchange(undone_, {});
  has_more_ = false;
  for (int i = 0; i < kDecisionsPerTurn && !has_more_; ++i) {
    std::vector<CallNews> news;
    {
      const std::lock_guard queue_lock(queue_mutex_);
      news.swap(queue_);
    }
    for (const CallNews& item : news) {
      try {
        on_news(item);
      } catch (const DatabaseError& error) {  // one that cannot be noted must not hide the next
        spdlog::error("campaigns: {} of {}: {}", item.type, item.call.id, error.what());
      }
    }
    dialer_.hold_dialing(!parts_.live.ready());
    decided_ = parts_.mono();
    dialer_.decide(decided_, parts_.wall(), actions);
    if (actions.empty() && joining_.empty()) break;
    perform(actions);
    actions.clear();
    join_all();
    has_more_ = parts_.mono() - begun >= kTurnWork;
  }
  show_changes();
  publish_live();
  tell_positions();
  publish_queues();
  commit();
  give_back();
}

// ------------------------------------------------------------------ actions

// New leads come last: their store may be busy with an import, and nothing else has to wait for that.
void Campaigns::perform(std::vector<dialer::Action>& actions) {
  std::vector<dialer::Dial> dials;
  const auto one = [&](dialer::Action& action) {
    try {
      perform(action, dials);
    } catch (const DatabaseError& error) {
      spdlog::error("campaigns: {}", error.what());
      undone_.push_back(std::move(action));
    }
  };
  const auto wants = std::ranges::stable_partition(
      actions, [](const dialer::Action& action) { return !std::holds_alternative<dialer::WantLeads>(action); });
  for (auto action = actions.begin(); action != wants.begin(); ++action) one(*action);
  if (!dials.empty()) dial(std::move(dials));
  for (dialer::Action& want : wants) one(want);
}

Campaigns::Pulse Campaigns::pulse() const {
  const TimePoint now = parts_.mono();
  return {turns_.view(now), pauses_.view(now), commits_.view(now)};
}

void Campaigns::perform(dialer::Action& action, std::vector<dialer::Dial>& dials) {
  if (auto* wanted = std::get_if<dialer::Dial>(&action)) {
    dials.push_back(std::move(*wanted));
  } else if (const auto* joined = std::get_if<dialer::Connect>(&action)) {
    connect(*joined);
  } else if (const auto* over = std::get_if<dialer::HangUp>(&action)) {
    const auto flight = flights_.find(over->attempt.value);
    if (flight != flights_.end()) parts_.live.hang_up(flight->second.body.call, over->why);
  } else if (const auto* back = std::get_if<dialer::LeadBack>(&action)) {
    lead_back(*back);
  } else if (const auto* refused = std::get_if<dialer::LeadRefused>(&action)) {
    lead_refused(*refused);
  } else if (const auto* want = std::get_if<dialer::WantLeads>(&action)) {
    want_leads(*want);
  } else if (const auto* finished = std::get_if<dialer::CampaignFinished>(&action)) {
    if (Run* run = find_run(finished->campaign)) set_status(*run, CampaignStatus::kFinished);
  }
}

std::optional<Placement> Campaigns::placement_of(const dialer::Dial& dial) {
  const Run* run = find_run(dial.campaign);
  if (run == nullptr) return std::nullopt;
  const WallTime now = parts_.wall();
  Attempt attempt;
  attempt.id = parts_.ids.make("att", now);
  attempt.project = run->project;
  attempt.campaign = run->body.id;
  if (const auto card = parts_.leads.card(dial.lead.id); card.is_object() && card.as_object().contains("id"))
    attempt.lead = std::string(card.at("id").as_string());
  attempt.number = dial.lead.number;
  attempt.placed_at = now;
  attempt.serial = dial.attempt.value;
  attempt.dialed = AttemptLead::of(dial.lead);

  Placement placement;
  Call& call = placement.call;
  call.id = attempt.call = parts_.ids.make("call", now);
  call.project = run->project;
  call.from = run->body.from;
  call.to = dial.lead.number;
  call.trunk = run->body.trunks.front();
  call.created_at = now;
  call.record = run->body.record;
  call.has_harbour = true;
  placement.trunks = run->body.trunks;
  placement.ring_time_s = run->body.pacing.ring_time_s;
  placement.plan = run->plan;
  placement.attempt = row_of(attempt);
  flights_[dial.attempt.value] = Flight{.body = attempt, .campaign = dial.campaign};
  by_call_[call.id] = dial.attempt.value;
  for (const NumberRule& rule : run->trunk_rules)
    if (is_emergency(rule.apply(dial.lead.number))) return std::nullopt;
  return placement;
}

// All intents with one commit. What cannot be placed ends here and now, its lead goes back by the retry rules.
void Campaigns::dial(std::vector<dialer::Dial> dials) {
  std::vector<Placement> placements;
  const auto fail = [&](std::uint64_t serial, dialer::EndFacts facts) {
    if (const auto flight = flights_.find(serial); flight != flights_.end()) by_call_.erase(flight->second.body.call);
    dialer_.on_ended({serial}, facts, parts_.mono(), parts_.wall());
  };
  std::vector<std::uint64_t> serials;
  for (const auto& wanted : dials) {
    auto placement = placement_of(wanted);
    if (!placement) {
      fail(wanted.attempt.value, {.sip_status = 404});  // a trunk would turn it into an emergency number
      continue;
    }
    placements.push_back(std::move(*placement));
    serials.push_back(wanted.attempt.value);
    if (Run* run = find_run(wanted.campaign)) ++run->attempts;
  }
  if (placements.empty()) return;
  bool placed = false;
  try {
    placed = static_cast<bool>(parts_.live.place_all(placements));
  } catch (const DatabaseError& error) {
    spdlog::error("campaigns: attempts could not be committed: {}", error.what());
  }
  const TimePoint now = parts_.mono();
  commits_.note(now - decided_, now);
  if (placed) return;
  for (const std::uint64_t serial : serials) fail(serial, {.engine_fault = true});
}

void Campaigns::connect(const dialer::Connect& wanted) {
  const auto flight = flights_.find(wanted.attempt.value);
  SeatState* seat = find_seat(wanted.agent);
  if (flight == flights_.end()) return;
  if (seat == nullptr) return not_connected(flight->second);
  flight->second.body.agent = seat->body.id;
  if (flight->second.caller) parts_.live.set_agent(flight->second.body.call, seat->body.id);
  seat->serial = wanted.attempt.value;
  note(flight->second.body);
  joining_.push_back(wanted.attempt.value);
}

// Who gets whom is on disk before the engine is told: after a kill nobody is given to a second agent. An engine that
// is not there, or whose news have not been heard, is waited for.
void Campaigns::join_all() {
  if (joining_.empty()) return;
  commit();
  for (const std::uint64_t serial : std::exchange(joining_, {})) {
    const auto flight = flights_.find(serial);
    if (flight == flights_.end() || flight->second.body.connected_at || !flight->second.body.agent) continue;
    if (!parts_.live.ready_for(flight->second.body.call)) {
      joining_.push_back(serial);
      continue;
    }
    const auto seat = seats_.find(*flight->second.body.agent);
    if (seat == seats_.end() || !seat->second.is_up)
      not_connected(flight->second);
    else
      join(flight->second, seat->second);
  }
}

void Campaigns::join(Flight& flight, SeatState& seat) {
  const auto fail = [&] { not_connected(flight); };
  if (seat.body.leg == AgentLeg::kKeptUp) {
    if (!parts_.live.bridge(flight.body.call, seat.seat.call)) fail();
    return;
  }
  const auto customer = parts_.live.live_call(flight.body.call);
  if (!customer) return fail();
  const WallTime now = parts_.wall();
  std::vector<Placement> placements(1);
  Call& call = placements[0].call;
  call.id = parts_.ids.make("call", now);
  call.project = seat.seat.project;
  call.from = flight.body.number;
  call.to = phone_user(call.project, seat.body.endpoint);
  call.endpoint = seat.body.endpoint;
  call.created_at = now;
  call.engine = customer->engine;
  call.bridged_with = flight.body.call;
  placements[0].plan = talking_plan(false);
  placements[0].ring_time_s = 20;
  placements[0].bridge_to = customer->leg;
  flight.agent_call = call.id;
  by_agent_call_[call.id] = seat.body.id;
  const std::string leg = call.id;
  if (!parts_.live.place_all(placements)) {
    by_agent_call_.erase(leg);
    fail();
  }
}

void Campaigns::lead_back(const dialer::LeadBack& back) {
  const auto found = flights_.find(back.attempt.value);
  if (found == flights_.end()) return;
  if (back.outcome == dialer::Outcome::kOptedOut) opt_out(found->second.body.project, found->second.body.number);
  Attempt attempt = std::move(found->second.body);
  by_call_.erase(attempt.call);
  flights_.erase(found);
  const std::string outcome(dialer::text(back.outcome));
  if (Run* run = find_run(back.campaign)) {
    ++run->outcomes[outcome];
    if (dialer::is_person(back.outcome)) ++run->people;
    if (back.outcome == dialer::Outcome::kConnected) ++run->connected;
    if (back.outcome == dialer::Outcome::kAbandoned) ++run->abandoned;
  }
  attempt.state = AttemptStatus::kEnded;
  attempt.outcome = outcome;
  attempt.dialed = AttemptLead::of(back.lead);
  attempt.again = back.again;
  if (!attempt.ended_at) attempt.ended_at = parts_.wall();
  note(attempt);
  announce(attempt.project, "attempt.finished", json::write(attempt, json::Mode::kApi));
  returns_.emplace_back(LeadHome{back.lead, back.again, outcome, back.again ? "" : outcome}, std::move(attempt));
}

void Campaigns::lead_refused(const dialer::LeadRefused& refused) {
  refused_.push_back(
      {refused.lead, refused.again, "", refused.again ? "" : std::string(dialer::text(refused.refusal))});
}

void Campaigns::want_leads(const dialer::WantLeads& want) {
  const Run* run = find_run(want.campaign);
  if (run == nullptr) return dialer_.no_more_leads(want.campaign, std::nullopt);
  if (!refused_.empty() || !returns_.empty()) {  // they may be the ones that are due next
    commit();
    give_back();
  }
  auto leads = parts_.leads.take_pending(run->body.lists, want.count, parts_.wall());
  if (leads.empty()) return dialer_.no_more_leads(want.campaign, parts_.leads.next_due(run->body.lists));
  if (run->body.time_zone.empty())
    for (dialer::Lead& lead : leads)
      if (lead.time_zone.empty()) lead.time_zone = zones_of(lead.number);
  const std::size_t taken = dialer_.add_leads(want.campaign, leads);
  for (std::size_t i = taken; i < leads.size(); ++i) refused_.push_back({leads[i], parts_.wall(), "", ""});
}

// ------------------------------------------------------------------ rows and events

AttemptRow Campaigns::row_of(const Attempt& attempt) const {
  return {.number = attempt.serial,
          .id = attempt.id,
          .project = attempt.project,
          .campaign = attempt.queue.value_or(attempt.campaign),
          .lead = attempt.dialed.number,
          .call = attempt.call,
          .state = json::enum_text(attempt.state),
          .outcome = attempt.outcome.value_or(""),
          .placed_ms = ms_of(attempt.placed_at),
          .ended_ms = attempt.ended_at ? ms_of(*attempt.ended_at) : 0,
          .body = json::text(json::write(attempt, json::Mode::kStore))};
}

void Campaigns::note(const Attempt& attempt) { changes_.attempts.push_back(row_of(attempt)); }

void Campaigns::announce(const std::string& project, const std::string& type, boost::json::value data) {
  const WallTime now = parts_.wall();
  changes_.events.push_back({.id = parts_.ids.make("evt", now),
                             .project = project,
                             .type = type,
                             .time_ms = ms_of(now),
                             .data = json::text(data)});
}

void Campaigns::commit() {
  if (changes_.empty()) return;
  const bool has_events = !changes_.events.empty();
  parts_.store.apply(changes_);  // throws: all of it is tried again with the next turn
  changes_ = {};
  if (has_events) parts_.hub.notify();
}

// After the commit of the ends: a crash in between repeats this and changes nothing.
void Campaigns::give_back() {
  if (returns_.empty() && refused_.empty()) return;
  std::vector<LeadHome> homes = refused_;
  for (const auto& [home, attempt] : returns_)
    if (attempt.dialed.number != 0) homes.push_back(home);
  parts_.leads.put_back(homes, parts_.wall());
  refused_.clear();
  for (auto& [home, attempt] : std::exchange(returns_, {})) {
    attempt.state = AttemptStatus::kSettled;
    note(attempt);
  }
  commit();
}

}  // namespace carillon::control
