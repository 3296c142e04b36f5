#include "dialer/sim/world.h"

#include <fmt/format.h>

#include <algorithm>

namespace carillon::dialer::sim {
namespace {

Duration exact(Seconds seconds) { return std::chrono::duration_cast<Duration>(seconds); }

}  // namespace

World::World(const Scenario& scenario, const Zones& zones)
    : scenario_(scenario), zones_(zones), dialer_(std::in_place, zones) {
  Random random(scenario.seed);
  for (std::uint64_t i = 0; i < scenario_.leads; ++i) {
    LeadBook& entry = book(LeadId{i + 1});
    if (random.unit() < scenario_.do_not_call_share) blocked_.insert(entry.lead.number);
    open_.emplace(scenario_.start, i + 1);
  }
  next_number_ = scenario_.leads;
  dialer_->put_campaign(scenario_.campaign);
  for (const auto& number : blocked_) dialer_->block(number);
  dialer_->set_state(scenario_.campaign.id, CampaignState::kRunning, now_);
  log_in_agents();
  if (scenario_.crash_every > Seconds(0)) schedule(scenario_.crash_every, What::kCrash, {});
}

void World::log_in_agents() {
  for (int i = 1; i <= scenario_.agents; ++i) {
    const AgentId agent{static_cast<std::uint64_t>(i)};
    dialer_->agent_log_in(agent, {scenario_.campaign.id}, now_);
    agent_free_since_.try_emplace(agent.value, now_);
  }
}

World::LeadBook& World::book(LeadId lead) {
  const auto [entry, is_new] = books_.try_emplace(lead.value);
  if (is_new) {
    entry->second.lead.id = lead;
    entry->second.lead.number = fmt::format("+1555{:09}", lead.value);
    if (!scenario_.zones.empty()) entry->second.lead.time_zone = scenario_.zones[lead.value % scenario_.zones.size()];
  }
  return entry->second;
}

void World::broke(const std::string& rule) {
  if (report_.broken.empty()) report_.broken = fmt::format("seed {} at {}: {}", scenario_.seed, rfc3339(wall()), rule);
}

void World::schedule(Seconds after, What what, AttemptId attempt, AgentId agent) {
  events_.push({now_ + exact(after), order_++, what, attempt, agent});
}

TimePoint World::next_step() const {
  const bool is_busy = !calls_.empty() || dialer_->find(scenario_.campaign.id)->hopper.size() != 0;
  const TimePoint tick = now_ + (is_busy ? Duration(250ms) : Duration(30s));
  return events_.empty() ? tick : std::min(tick, events_.top().at);
}

Report World::run() {
  const TimePoint until = now_ + exact(scenario_.duration);
  while (now_ < until && !finished_ && report_.broken.empty()) {
    now_ = std::min(next_step(), until);
    while (!events_.empty() && events_.top().at <= now_) {
      const Event event = events_.top();
      events_.pop();
      happen(event);
    }
    perform();
  }
  check_books();
  report_.simulated = std::chrono::duration_cast<Seconds>(now_ - TimePoint{});
  if (scenario_.agents > 0 && report_.simulated > Seconds(0))
    report_.utilisation = busy_total_.count() / (scenario_.agents * report_.simulated.count());
  std::ranges::sort(waits_);
  for (const double wait : waits_) report_.wait_mean_s += wait / static_cast<double>(waits_.size());
  if (!waits_.empty()) report_.wait_p95_s = waits_[waits_.size() * 95 / 100];
  for (const auto& [_, hour] : hours_)
    if (hour.first >= 20)
      report_.worst_hour_abandoned =
          std::max(report_.worst_hour_abandoned, static_cast<double>(hour.second) / static_cast<double>(hour.first));
  for (const auto& [_, entry] : books_) ++(entry.state == LeadState::kDone ? report_.leads_done : report_.leads_open);
  return report_;
}

// ---------------------------------------------------------------- what happens

void World::happen(const Event& event) {
  if (event.what == What::kCrash) {
    crash();
    return;
  }
  if (event.what == What::kWrapEnd) {
    busy_total_ += agent_wrap_[event.agent.value];
    agent_free_since_[event.agent.value] = now_;
    agent_call_.erase(event.agent.value);
    dialer_->agent_ready(event.agent, now_);
    return;
  }
  const auto found = calls_.find(event.attempt.value);
  if (found == calls_.end()) return;
  Call& call = found->second;
  switch (event.what) {
    case What::kAnswer:
      answer(event.attempt, call);
      break;
    case What::kVerdict:
      verdict(event.attempt, call);
      break;
    case What::kFail:
      end(event.attempt, {.sip_status = 503});
      break;
    case What::kRingOut:
      end(event.attempt, {.sip_status = 487, .rang_out = true});
      break;
    case What::kPatience:
      if (!call.waiting || call.connected) break;
      call.abandoned = true;
      dialer_->on_abandoned(event.attempt, now_, wall());
      end(event.attempt, {.answered = true, .person = true, .abandoned = true});
      break;
    case What::kMessageEnd:
      end(event.attempt, {.answered = true,
                          .person = true,
                          .message_started = true,
                          .message_done = call.fate.hears_out,
                          .opted_out = call.fate.opts_out});
      break;
    case What::kTalkEnd: {
      const AgentId agent = call.agent;
      busy_total_ += call.fate.talk;
      agent_wrap_[agent.value] = call.fate.wrap;
      events_.push({now_ + exact(call.fate.wrap), order_++, What::kWrapEnd, event.attempt, agent});
      end(event.attempt, {.answered = true, .person = true, .connected = true});
      break;
    }
    default:
      break;
  }
}

void World::answer(AttemptId id, Call& call) {
  call.answered = true;
  dialer_->on_answered(id, now_);
  schedule(Seconds(scenario_.model.verdict_delay), What::kVerdict, id);
}

void World::verdict(AttemptId id, Call& call) {
  if (call.fate.kind == Fate::Kind::kMachine) {
    ++report_.machines;
    dialer_->on_machine(id, now_);
    end(id, {.answered = true, .machine = true});
    return;
  }
  ++report_.live;
  const std::int64_t hour = std::chrono::duration_cast<std::chrono::hours>(now_.time_since_epoch()).count();
  ++hours_[hour].first;
  if (call.fate.is_false_machine) {  // hung up on: an abandoned call by law, and the dialer cannot know
    ++report_.abandoned;
    ++hours_[hour].second;
    dialer_->on_machine(id, now_);
    end(id, {.answered = true, .machine = true});
    return;
  }
  call.person = true;
  const bool wants_agent = scenario_.campaign.mode != Mode::kBroadcast;
  dialer_->on_person(id, wants_agent, now_, wall());
  if (!wants_agent) {
    schedule(Seconds(scenario_.model.message), What::kMessageEnd, id);
    return;
  }
  call.waiting = true;
  schedule(Seconds(scenario_.model.patience), What::kPatience, id);
}

void World::end(AttemptId id, EndFacts facts) {
  const auto found = calls_.find(id.value);
  if (facts.abandoned) {
    ++report_.abandoned;
    ++hours_[std::chrono::duration_cast<std::chrono::hours>(now_.time_since_epoch()).count()].second;
  }
  calls_.erase(found);
  dialer_->on_ended(id, facts, now_, wall());
}

// ---------------------------------------------------------------- what the dialer wants

void World::perform() {
  // Performing WantLeads lets the dialer place calls in the same instant; it asks at most once per refill.
  for (int round = 0; round < 4; ++round) {
    actions_.clear();
    dialer_->decide(now_, wall(), actions_);
    ++report_.decisions;
    if (actions_.empty()) return;
    for (const Action& action : std::vector<Action>(actions_))
      std::visit([&](const auto& each) { perform(each); }, action);
  }
}

void World::perform(const Dial& dial) {
  check_dial(dial);
  LeadBook& entry = book(dial.lead.id);
  ++entry.dials;
  entry.lead = dial.lead;
  ++report_.dials;
  const double hour = std::chrono::duration<double, std::ratio<3600>>(now_ - TimePoint{}).count();
  Call call{.fate = draw(scenario_.model, scenario_.seed, dial_number_++, live_factor(scenario_.model, hour)),
            .lead = dial.lead,
            .placed = now_};
  const Seconds until = call.fate.until;
  const What what = call.fate.kind == Fate::Kind::kFail      ? What::kFail
                    : call.fate.kind == Fate::Kind::kRingOut ? What::kRingOut
                                                             : What::kAnswer;
  if (!calls_.emplace(dial.attempt.value, std::move(call)).second) broke("one attempt was dialed twice");
  schedule(until, what, dial.attempt);
}

void World::perform(const Connect& connect) {
  const auto found = calls_.find(connect.attempt.value);
  if (found == calls_.end() || !found->second.waiting || found->second.connected) {
    broke("an agent was connected to nobody");
    return;
  }
  if (agent_call_.contains(connect.agent.value)) broke("a call was offered to a busy agent");
  Call& call = found->second;
  agent_call_[connect.agent.value] = connect.attempt;
  waits_.push_back(std::chrono::duration_cast<Seconds>(now_ - agent_free_since_[connect.agent.value]).count());
  call.connected = true;
  call.agent = connect.agent;
  ++report_.connected;
  dialer_->on_connected(connect.attempt, now_);
  schedule(call.fate.talk, What::kTalkEnd, connect.attempt);
}

void World::perform(const HangUp& hang_up) {
  if (calls_.contains(hang_up.attempt.value)) end(hang_up.attempt, {.sip_status = 487, .rang_out = true});
}

void World::perform(const LeadBack& back) {
  LeadBook& entry = book(back.lead.id);
  ++report_.outcomes[static_cast<std::size_t>(back.outcome)];
  if (back.outcome == Outcome::kOptedOut) {
    blocked_.insert(back.lead.number);
    dialer_->block(back.lead.number);
  }
  entry.lead = back.lead;
  entry.state = back.again ? LeadState::kOpen : LeadState::kDone;
  if (back.again) open_.emplace(*back.again, back.lead.id.value);
}

void World::perform(const LeadRefused& refused) {
  ++report_.refused;
  LeadBook& entry = book(refused.lead.id);
  entry.state = refused.again ? LeadState::kOpen : LeadState::kDone;
  entry.lead.not_before = refused.again.value_or(WallTime{});
  if (refused.again) open_.emplace(*refused.again, refused.lead.id.value);
}

void World::perform(const WantLeads& want) { give(want.count); }

void World::give(std::size_t count) {
  std::vector<Lead> leads;
  while (leads.size() < count) {
    if (scenario_.leads == 0) {
      leads.push_back(book(LeadId{++next_number_}).lead);
      continue;
    }
    if (open_.empty() || open_.top().first > wall()) break;
    LeadBook& entry = book(LeadId{open_.top().second});
    open_.pop();
    if (entry.state != LeadState::kOpen) continue;
    leads.push_back(entry.lead);
  }
  for (const Lead& lead : leads) book(lead.id).state = LeadState::kWithDialer;
  const std::size_t taken = dialer_->add_leads(scenario_.campaign.id, leads);
  if (taken != leads.size()) broke("the hopper asked for more leads than it has room for");
  if (!leads.empty()) return;
  const bool in_hand = !calls_.empty();
  if (!open_.empty())
    dialer_->no_more_leads(scenario_.campaign.id, open_.top().first);
  else
    dialer_->no_more_leads(scenario_.campaign.id, in_hand ? std::optional(wall() + 60s) : std::nullopt);
}

// ---------------------------------------------------------------- faults and rules

/// The brain is killed: all that it held in memory is gone; what was committed, and the calls, are still there.
void World::crash() {
  ++report_.crashes;
  const auto budget = *dialer_->budget(scenario_.campaign.id);
  std::map<AttemptId, Attempt::Phase> phases;
  for (const auto& [id, call] : calls_)
    phases[AttemptId{id}] = call.connected  ? Attempt::Phase::kTalking
                            : call.waiting  ? Attempt::Phase::kWaiting
                            : call.answered ? Attempt::Phase::kAnswered
                                            : Attempt::Phase::kDialing;
  dialer_.emplace(zones_, report_.dials + 1);
  dialer_->put_campaign(scenario_.campaign);
  *dialer_->budget(scenario_.campaign.id) = budget;
  for (const auto& number : blocked_) dialer_->block(number);
  log_in_agents();
  for (const auto& [id, phase] : phases) {
    const Call& call = calls_.at(id.value);
    dialer_->restore(scenario_.campaign.id, id, call.lead, phase, call.agent, call.placed);
  }
  std::unordered_set<std::uint64_t> in_flight;
  for (const auto& [_, call] : calls_) in_flight.insert(call.lead.id.value);
  for (auto& [id, entry] : books_)
    if (entry.state == LeadState::kWithDialer && !in_flight.contains(id)) {
      entry.state = LeadState::kOpen;
      if (scenario_.leads != 0) open_.emplace(wall(), id);
    }
  dialer_->set_state(scenario_.campaign.id, CampaignState::kRunning, now_);
  // agents in wrap-up: their seat says so
  for (const auto& [agent, attempt] : agent_call_)
    if (!calls_.contains(attempt.value)) {
      dialer_->agent_break(AgentId{agent}, now_);
    }
  schedule(scenario_.crash_every, What::kCrash, {});
}

void World::check_dial(const Dial& dial) {
  LeadBook& entry = book(dial.lead.id);
  const Lead& lead = dial.lead;
  if (entry.state != LeadState::kWithDialer)
    broke(fmt::format("lead {} was dialed though it is not the dialer's", lead.id.value));
  if (blocked_.contains(lead.number)) broke(fmt::format("{} is on a do-not-call list and was dialed", lead.number));
  if (entry.dials >= scenario_.campaign.limits.total)
    broke(fmt::format("lead {} was dialed past its attempts", lead.id.value));
  const Zone* zone = zones_.find(lead.time_zone.empty() ? scenario_.campaign.time_zone : lead.time_zone);
  if (!zone) {
    broke("dialed into an unknown zone");
    return;
  }
  const LocalTime local = zone->local(wall());
  if (!scenario_.campaign.window.is_open(*zone, wall()))
    broke(fmt::format("lead {} was dialed at {:02}:{:02} local time", lead.id.value, local.minute / 60,
                      local.minute % 60));
  entry.dials_that_day = entry.last_day == local.day ? entry.dials_that_day + 1 : 1;
  entry.last_day = local.day;
  if (entry.dials_that_day > scenario_.campaign.limits.per_day)
    broke(fmt::format("lead {} was dialed {} times in one day", lead.id.value, entry.dials_that_day));
  if (lead.attempts != entry.dials + 1) broke(fmt::format("lead {} carries a wrong count of attempts", lead.id.value));
}

void World::check_books() {
  std::uint64_t ended = 0;
  for (const std::uint64_t count : report_.outcomes) ended += count;
  if (ended + calls_.size() != report_.dials)
    broke(fmt::format("{} dials, but {} ended and {} in flight", report_.dials, ended, calls_.size()));
  std::uint64_t dials = 0;
  for (const auto& [_, entry] : books_) dials += entry.dials;
  if (dials != report_.dials) broke("the leads' dials do not sum to the dials");
  if (finished_ && scenario_.leads != 0)
    for (const auto& [id, entry] : books_)
      if (entry.state != LeadState::kDone) broke(fmt::format("finished, but lead {} was forgotten", id));
}

}  // namespace carillon::dialer::sim
