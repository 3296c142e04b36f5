// What a campaign manager asks for, and what is shown of a campaign that runs.

#include <spdlog/spdlog.h>

#include <algorithm>

#include "control/live/campaigns.h"
#include "control/live/stored.h"

namespace carillon::control {
namespace {

Refused missing(const char* noun) {
  return {.code = "not_found", .detail = "no " + std::string(noun) + " of that id in this project"};
}

dialer::CampaignState state_of(CampaignStatus status) {
  switch (status) {
    case CampaignStatus::kRunning:
      return dialer::CampaignState::kRunning;
    case CampaignStatus::kPaused:
      return dialer::CampaignState::kPaused;
    case CampaignStatus::kFinished:
      return dialer::CampaignState::kFinished;
    case CampaignStatus::kStopped:
      break;
  }
  return dialer::CampaignState::kStopped;
}

}  // namespace

std::optional<Campaign> Campaigns::campaign_of(const std::string& project, const std::string& id) {
  const auto row = parts_.store.find(Kind::kCampaigns, project, id);
  return row ? read_stored<Campaign>(row->body) : std::nullopt;
}

Campaigns::Run* Campaigns::find_run(dialer::CampaignId campaign) {
  for (auto& [id, run] : runs_)
    if (run.number == campaign) return &run;
  return nullptr;
}

dialer::CallPlan Campaigns::plan_of(const std::string& project, const Campaign& campaign, json::Faults& faults) {
  const PromptNames prompts = [&](const std::string& id) {
    const auto row = parts_.store.find(Kind::kPrompts, project, id);
    const auto prompt = row ? read_stored<Prompt>(row->body) : std::nullopt;
    return prompt && prompt->state != PromptStatus::kFailed ? prompt->sha256 : std::string();
  };
  return campaign_plan(campaign, prompts, faults);
}

// What it needs before it may start.
json::Faults Campaigns::lacks(const std::string& project, const Campaign& campaign) {
  const Lock lock(mutex_);
  json::Faults faults;
  (void)config_of(campaign, faults);
  (void)plan_of(project, campaign, faults);
  if (campaign.from.empty()) faults.push_back({"/from", "required", "a caller's number is needed"});
  if (!campaign.time_zone.empty() && parts_.zones.find(campaign.time_zone) == nullptr)
    faults.push_back({"/time_zone", "unknown", "is not a time zone"});
  if (campaign.trunks.empty()) faults.push_back({"/trunks", "required", "no trunk"});
  for (std::size_t i = 0; i < campaign.trunks.size(); ++i)
    if (!parts_.store.find(Kind::kTrunks, project, campaign.trunks[i]))
      faults.push_back({"/trunks/" + std::to_string(i), "unknown", "this trunk is gone"});
  if (campaign.lists.empty()) faults.push_back({"/lists", "required", "no list"});
  for (std::size_t i = 0; i < campaign.lists.size(); ++i)
    if (!parts_.leads.knows_list(project, campaign.lists[i]))
      faults.push_back({"/lists/" + std::to_string(i), "unknown", "this list is gone"});
  const auto tally = parts_.leads.tally(campaign.lists);
  if (tally.pending + tally.in_hand == 0) faults.push_back({"/lists", "empty", "no lead is left to be called"});
  return faults;
}

// Brings a campaign into the dialer: rules, what it has done so far, the numbers that it must not call.
Result<Campaigns::Run*, Refused> Campaigns::enter(const std::string& project, const std::string& id) {
  auto body = campaign_of(project, id);
  if (!body) return missing("campaign");
  json::Faults faults;
  auto config = config_of(*body, faults);
  if (!faults.empty()) return Refused{.code = "invalid", .errors = std::move(faults)};
  const bool is_new = !runs_.contains(id);
  Run& run = runs_[id];
  run.body = std::move(*body);
  run.project = project;
  run.number = config.id;
  run.plan = plan_of(project, run.body, faults);  // what it lacks is told at its start
  run.trunk_rules.clear();
  for (const auto& trunk : run.body.trunks) {
    const auto row = parts_.store.find(Kind::kTrunks, project, trunk);
    if (const auto known = row ? read_stored<Trunk>(row->body) : std::nullopt)
      run.trunk_rules.push_back(known->to_rule);
  }
  dialer_.put_campaign(std::move(config));
  if (is_new) {
    load_past(run);
    parts_.leads.all_blocked(project, [&](const std::string& number) { dialer_.block(run.number, number); });
  }
  return &run;
}

void Campaigns::load_past(Run& run) {
  dialer::AbandonBudget* budget = dialer_.budget(run.number);
  for (const OutcomeCount& count : past_[run.body.id]) {
    const auto times = static_cast<std::uint64_t>(count.count);
    run.attempts += times;
    run.outcomes[count.outcome] += times;
    const bool abandoned = count.outcome == "abandoned";
    bool person = false;
    for (std::size_t i = 0; i < dialer::kOutcomes; ++i)
      if (const auto outcome = static_cast<dialer::Outcome>(i); dialer::text(outcome) == count.outcome)
        person = dialer::is_person(outcome);
    if (count.outcome == "connected") run.connected += times;
    if (abandoned) run.abandoned += times;
    if (!person) continue;
    run.people += times;
    if (count.minute == 0) continue;  // older than the long window
    budget->restore(WallTime(std::chrono::minutes(count.minute)), static_cast<std::uint32_t>(times),
                    abandoned ? static_cast<std::uint32_t>(times) : 0);
  }
  past_.erase(run.body.id);
}

void Campaigns::set_status(Run& run, CampaignStatus status) {
  const auto previous = run.body.state;
  run.body.state = status;
  dialer_.set_state(run.number, state_of(status), parts_.mono());
  for (int tries = 0; tries < 5; ++tries) {  // a PATCH may come in between
    auto row = parts_.store.find(Kind::kCampaigns, run.project, run.body.id);
    auto body = row ? read_stored<Campaign>(row->body) : std::nullopt;
    if (!body) return;
    body->state = status;
    row->body = json::text(json::write(*body, json::Mode::kStore));
    row->updated_ms = parts_.wall().time_since_epoch().count();
    if (parts_.store.update(Kind::kCampaigns, *row)) break;
  }
  if (previous == status) return;
  announce(run.project, "campaign.state_changed",
           boost::json::object{{"campaign", run.body.id},
                               {"name", run.body.name},
                               {"state", json::enum_text(status)},
                               {"was", json::enum_text(previous)}});
  last_live_ = {};  // shown with the next turn
}

Accepted Campaigns::start(const std::string& project, const std::string& id) {
  {
    const Lock lock(mutex_);
    const auto body = campaign_of(project, id);
    if (!body) return missing("campaign");
    if (auto faults = lacks(project, *body); !faults.empty())
      return Refused{.code = "invalid", .detail = "the campaign cannot start", .errors = std::move(faults)};
    const auto run = enter(project, id);
    if (!run) return run.error();
    set_status(**run, CampaignStatus::kRunning);
    commit();
  }
  wake_.notify_one();
  return std::monostate{};
}

Accepted Campaigns::pause(const std::string& project, const std::string& id) {
  const Lock lock(mutex_);
  const auto run = enter(project, id);
  if (!run) return run.error();
  if ((*run)->body.state == CampaignStatus::kRunning) set_status(**run, CampaignStatus::kPaused);
  commit();
  return std::monostate{};
}

Accepted Campaigns::stop(const std::string& project, const std::string& id) {
  const Lock lock(mutex_);
  const auto run = enter(project, id);
  if (!run) return run.error();
  set_status(**run, CampaignStatus::kStopped);
  for (const dialer::Lead& lead : dialer_.give_back_leads((*run)->number))
    refused_.push_back({lead, lead.not_before, "", ""});
  commit();
  give_back();
  return std::monostate{};
}

std::size_t Campaigns::stop_all(const std::string& project, bool hang_up) {
  const Lock lock(mutex_);
  std::size_t paused = 0;
  for (auto& [id, run] : runs_) {
    if (run.project != project || run.body.state != CampaignStatus::kRunning) continue;
    set_status(run, CampaignStatus::kPaused);
    ++paused;
  }
  commit();
  if (!hang_up) return paused;
  for (const auto& [serial, flight] : flights_)
    if (flight.body.project == project && !flight.body.answered_at) parts_.live.hang_up(flight.body.call, "stop all");
  return paused;
}

Result<Call, Refused> Campaigns::test_call(const std::string& project, const std::string& id, const std::string& to) {
  const Lock lock(mutex_);
  const auto campaign = campaign_of(project, id);
  if (!campaign) return missing("campaign");
  json::Faults faults;
  Placement placement;
  placement.plan = plan_of(project, *campaign, faults);
  if (campaign->trunks.empty()) faults.push_back({"/trunks", "required", "no trunk"});
  if (campaign->from.empty()) faults.push_back({"/from", "required", "a caller's number is needed"});
  if (!faults.empty()) return Refused{.code = "invalid", .errors = std::move(faults)};
  for (const auto& trunk : campaign->trunks) {
    const auto row = parts_.store.find(Kind::kTrunks, project, trunk);
    const auto known = row ? read_stored<Trunk>(row->body) : std::nullopt;
    if (!known) return Refused{.code = "invalid", .errors = {{"/trunks", "unknown", "a trunk is gone"}}};
    if (is_emergency(to) || is_emergency(known->to_rule.apply(to))) return Refused{.code = "emergency_number"};
  }
  Call& call = placement.call;
  call.id = parts_.ids.make("call", parts_.wall());
  call.project = project;
  call.from = campaign->from;
  call.to = to;
  call.trunk = campaign->trunks.front();
  call.created_at = parts_.wall();
  call.record = campaign->record;
  call.has_harbour = true;
  placement.trunks = campaign->trunks;
  placement.ring_time_s = campaign->pacing.ring_time_s;
  const auto placed = parts_.live.place(std::move(placement));
  if (!placed) return Refused{.code = "engine_unavailable"};
  return *placed;
}

void Campaigns::changed(const Campaign& campaign) {
  const Lock lock(mutex_);
  const auto run = runs_.find(campaign.id);
  if (run == runs_.end()) return;
  const auto state = run->second.body.state;
  if (const auto entered = enter(run->second.project, campaign.id); !entered)
    spdlog::warn("campaign {}: its new rules do not hold", campaign.id);
  run->second.body.state = state;
}

void Campaigns::removed(const std::string& id) {
  const Lock lock(mutex_);
  const auto run = runs_.find(id);
  if (run == runs_.end()) return;
  dialer_.remove_campaign(run->second.number);
  parts_.hub.drop_figure(id);
  runs_.erase(run);
}

bool Campaigns::is_active(const std::string& id) {
  const Lock lock(mutex_);
  const auto run = runs_.find(id);
  if (run == runs_.end()) return false;
  const auto state = run->second.body.state;
  if (state == CampaignStatus::kRunning || state == CampaignStatus::kPaused) return true;
  return std::any_of(flights_.begin(), flights_.end(),
                     [&](const auto& flight) { return flight.second.campaign == run->second.number; });
}

// ------------------------------------------------------------------ what is shown

boost::json::object Campaigns::live_of(Run& run) {
  const auto explained = dialer_.explain(run.number, parts_.mono(), parts_.wall());
  const LeadTally tally = parts_.leads.tally(run.body.lists);
  boost::json::object outcomes, refusals;
  for (const auto& [name, count] : run.outcomes) outcomes[name] = count;
  for (std::size_t i = 1; i < dialer::kRefusals; ++i)
    if (explained.refusals[i] != 0) refusals[dialer::text(static_cast<dialer::Refusal>(i))] = explained.refusals[i];
  int on_break = 0;
  for (const auto& [id, agent] : dialer_.roster().all())
    if (agent.campaigns.contains(run.number) && agent.status == dialer::AgentStatus::kBreak) ++on_break;
  const auto counted = [&](const char* name) {
    const auto found = run.outcomes.find(name);
    return found == run.outcomes.end() ? std::uint64_t{0} : found->second;
  };
  std::size_t flights = 0;
  for (const auto& [serial, flight] : flights_) flights += flight.campaign == run.number ? 1 : 0;
  const dialer::PacingDecision& pacing = explained.pacing;
  return {{"campaign", run.body.id},
          {"state", json::enum_text(run.body.state)},
          {"leads", tally.leads()},
          {"pending", tally.pending},
          {"in_hand", tally.in_hand},
          {"done", tally.done},
          {"attempts", run.attempts},
          {"calls", flights},
          {"in_flight", explained.in_flight},
          {"waiting", explained.waiting},
          {"agents",
           boost::json::object{{"idle", explained.agents_idle}, {"busy", explained.agents_busy}, {"break", on_break}}},
          {"answered_by_person", run.people},
          {"connected", run.connected},
          {"abandoned", run.abandoned},
          {"abandoned_rate_day", explained.abandoned_rate_day},
          {"abandoned_rate_30_days", explained.abandoned_rate_30_days},
          {"machines", counted("machine") + counted("message_left")},
          {"outcomes", outcomes},
          {"refusals", refusals},
          {"pacing", boost::json::object{{"calls", pacing.calls},
                                         {"theta", pacing.theta},
                                         {"chance_first", pacing.chance_first},
                                         {"free_expected", pacing.free_expected},
                                         {"live_rate", pacing.live_rate},
                                         {"reason", pacing.reason}}},
          {"text", explained.text}};
}

std::optional<boost::json::object> Campaigns::live_state(const std::string& project, const std::string& id) {
  const Lock lock(mutex_);
  if (!runs_.contains(id) && !enter(project, id)) return std::nullopt;
  Run& run = runs_.at(id);
  if (run.project != project) return std::nullopt;
  return live_of(run);
}

void Campaigns::publish_live() {
  const WallTime now = parts_.wall();
  if (now - last_live_ < 1s && now >= last_live_) return;
  last_live_ = now;
  bool has_news = false;
  for (auto& [id, run] : runs_) {
    const bool has_calls = std::any_of(flights_.begin(), flights_.end(),
                                       [&](const auto& flight) { return flight.second.campaign == run.number; });
    const bool shown = run.body.state == CampaignStatus::kRunning || run.published != run.body.state || has_calls ||
                       run.published_calls;
    if (!shown) continue;
    has_news = true;
    run.published = run.body.state;
    run.published_calls = has_calls;
    parts_.hub.put_figure(id, {.project = run.project, .type = "campaign.live", .data = json::text(live_of(run))});
  }
  if (has_news) parts_.hub.notify();
}

}  // namespace carillon::control
