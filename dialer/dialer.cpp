#include "dialer/dialer.h"

#include <algorithm>

#include "engine/base/check.h"

namespace carillon::dialer {
namespace {

// What is more follows at the next decision, 250 ms later at most: a decision's actions are so many rows to commit.
constexpr int kDialsPerDecision = 200, kRefusalsPerDecision = 500;

Seconds since(TimePoint then, TimePoint now) { return std::chrono::duration_cast<Seconds>(now - then); }

}  // namespace

// ---------------------------------------------------------------- campaigns and leads

void Dialer::put_campaign(CampaignConfig config) {
  CHECK(config.fault().empty());
  const CampaignId id = config.id;
  const auto found = campaigns_.find(id);
  if (found == campaigns_.end()) {
    campaigns_.emplace(id, Campaign(std::move(config)));
    handle_.emplace(id, HandleTimes({}));
    return;
  }
  found->second.pacer = Pacer(config.pacing);
  found->second.config = std::move(config);
}

void Dialer::remove_campaign(CampaignId campaign) {
  const auto found = campaigns_.find(campaign);
  if (found == campaigns_.end()) return;
  for (const auto& [id, _] : found->second.attempts) attempt_campaign_.erase(AttemptId{id});
  campaigns_.erase(found);
  handle_.erase(campaign);
}

void Dialer::set_state(CampaignId campaign, CampaignState state, TimePoint now) {
  const auto found = campaigns_.find(campaign);
  if (found == campaigns_.end()) return;
  Campaign& target = found->second;
  if (state == CampaignState::kRunning && target.state != CampaignState::kRunning) {
    target.leads_exhausted = target.leads_asked = false;
    target.leads_next = {};
    target.credit_at = now;
    target.dial_credit = 1;
  }
  target.state = state;
  if (state != CampaignState::kStopped) return;
  for (const auto& [id, attempt] : target.attempts)
    if (attempt.phase == Attempt::Phase::kDialing) pending_.push_back(HangUp{AttemptId{id}, "campaign stopped"});
}

void Dialer::pause_all(TimePoint now) {
  for (auto& [id, campaign] : campaigns_)
    if (campaign.state == CampaignState::kRunning) set_state(id, CampaignState::kPaused, now);
}

const Campaign* Dialer::find(CampaignId campaign) const {
  const auto found = campaigns_.find(campaign);
  return found == campaigns_.end() ? nullptr : &found->second;
}

AbandonBudget* Dialer::budget(CampaignId campaign) {
  const auto found = campaigns_.find(campaign);
  return found == campaigns_.end() ? nullptr : &found->second.budget;
}

std::size_t Dialer::add_leads(CampaignId campaign, std::span<const Lead> leads) {
  const auto found = campaigns_.find(campaign);
  if (found == campaigns_.end()) return 0;
  found->second.leads_asked = false;
  std::size_t taken = 0;
  for (const Lead& lead : leads) {
    if (!found->second.hopper.add(lead, lead.not_before)) break;
    ++taken;
  }
  return taken;
}

void Dialer::no_more_leads(CampaignId campaign, std::optional<WallTime> next) {
  const auto found = campaigns_.find(campaign);
  if (found == campaigns_.end()) return;
  found->second.leads_asked = false;
  found->second.leads_exhausted = !next;
  found->second.leads_next = next.value_or(WallTime::max());
}

void Dialer::leads_arrived(CampaignId campaign) {
  const auto found = campaigns_.find(campaign);
  if (found == campaigns_.end()) return;
  found->second.leads_exhausted = false;
  found->second.leads_next = {};
}

std::vector<Lead> Dialer::give_back_leads(CampaignId campaign) {
  const auto found = campaigns_.find(campaign);
  if (found == campaigns_.end()) return {};
  std::vector<Lead> leads;
  found->second.hopper.each([&](const Lead& lead) { leads.push_back(lead); });
  for (const Lead& lead : leads) found->second.hopper.remove(lead.id);
  return leads;
}

void Dialer::block(const std::string& number) { do_not_call_.add(number); }
void Dialer::unblock(const std::string& number) { do_not_call_.remove(number); }
void Dialer::block(CampaignId campaign, const std::string& number) {
  const auto found = campaigns_.find(campaign);
  if (found != campaigns_.end()) found->second.do_not_call.add(number);
}

bool Dialer::agent_ready(AgentId agent, TimePoint now) {
  const Roster::Agent* found = roster_.find(agent);
  if (found && found->status == AgentStatus::kWrapUp) {
    const TimePoint busy_since = found->busy_since;
    for (const CampaignId campaign : found->campaigns)
      if (const auto handle = handle_.find(campaign); handle != handle_.end())
        handle->second.learn(since(busy_since, now));
  }
  return roster_.ready(agent, now);
}

void Dialer::unblock(CampaignId campaign, const std::string& number) {
  const auto found = campaigns_.find(campaign);
  if (found != campaigns_.end()) found->second.do_not_call.remove(number);
}

// ---------------------------------------------------------------- calls

Dialer::Found Dialer::find_attempt(AttemptId attempt) {
  const auto owner = attempt_campaign_.find(attempt);
  if (owner == attempt_campaign_.end()) return {};
  Campaign& campaign = campaigns_.at(owner->second);
  return {&campaign, &campaign.attempts.at(attempt.value)};
}

void Dialer::learn(Campaign& campaign, Attempt& attempt, bool is_live, TimePoint now) {
  if (attempt.is_learned) return;
  attempt.is_learned = true;
  campaign.dials.learn(since(attempt.placed, now), is_live);
}

void Dialer::count_person(Campaign& campaign, Attempt& attempt, WallTime wall) {
  if (attempt.is_person) return;
  attempt.is_person = true;
  ++campaign.counters.answered_by_person;
  campaign.budget.answered(wall);
}

void Dialer::on_answered(AttemptId attempt, TimePoint) {
  if (const Found found = find_attempt(attempt); found && found.attempt->phase == Attempt::Phase::kDialing)
    found.attempt->phase = Attempt::Phase::kAnswered;
}

void Dialer::on_person(AttemptId attempt, bool wants_agent, TimePoint now, WallTime wall) {
  const Found found = find_attempt(attempt);
  if (!found) return;
  learn(*found.campaign, *found.attempt, true, now);
  count_person(*found.campaign, *found.attempt, wall);
  if (!wants_agent || found.attempt->phase >= Attempt::Phase::kWaiting) return;
  found.attempt->phase = Attempt::Phase::kWaiting;
  found.attempt->waiting_since = now;
  found.campaign->waiting.push_back(attempt);
}

void Dialer::on_machine(AttemptId attempt, TimePoint now) {
  if (const Found found = find_attempt(attempt)) learn(*found.campaign, *found.attempt, false, now);
}

void Dialer::on_abandoned(AttemptId attempt, TimePoint now, WallTime wall) {
  const Found found = find_attempt(attempt);
  if (!found || found.attempt->is_abandoned) return;
  learn(*found.campaign, *found.attempt, true, now);
  count_person(*found.campaign, *found.attempt, wall);
  found.attempt->is_abandoned = true;
  ++found.campaign->counters.abandoned;
  found.campaign->budget.abandoned(wall);
  found.campaign->pacer.learn(true);
  std::erase(found.campaign->waiting, attempt);
  if (found.attempt->phase == Attempt::Phase::kWaiting) found.attempt->phase = Attempt::Phase::kLost;
}

void Dialer::on_connected(AttemptId attempt, TimePoint now) {
  const Found found = find_attempt(attempt);
  if (!found || found.attempt->phase != Attempt::Phase::kConnecting) return;
  found.attempt->phase = Attempt::Phase::kTalking;
  ++found.campaign->counters.connected;
  if (!found.attempt->is_abandoned) found.campaign->pacer.learn(false);
  found.campaign->waited_total += since(found.attempt->waiting_since, now);
  roster_.talking(found.attempt->agent, now);
}

void Dialer::on_connect_failed(AttemptId attempt, TimePoint now) {
  const Found found = find_attempt(attempt);
  if (!found || found.attempt->phase != Attempt::Phase::kConnecting) return;
  roster_.release(found.attempt->agent, now);
  found.attempt->agent = {};
  found.attempt->phase = found.attempt->is_abandoned ? Attempt::Phase::kLost : Attempt::Phase::kWaiting;
  if (!found.attempt->is_abandoned) found.campaign->waiting.push_front(attempt);
}

void Dialer::free_agent(const Attempt& attempt, TimePoint now) {
  if (!attempt.agent) return;
  if (attempt.phase == Attempt::Phase::kTalking) {
    roster_.wrap_up(attempt.agent, now);
    const Roster::Agent* agent = roster_.find(attempt.agent);
    pending_.push_back(AgentChanged{attempt.agent, agent ? agent->status : AgentStatus::kOffline});
  } else if (attempt.phase == Attempt::Phase::kConnecting) {
    roster_.release(attempt.agent, now);
  }
}

void Dialer::on_ended(AttemptId attempt, EndFacts facts, TimePoint now, WallTime wall) {
  const Found found = find_attempt(attempt);
  if (!found) return;
  Campaign& campaign = *found.campaign;
  facts.connected = facts.connected || found.attempt->phase == Attempt::Phase::kTalking;
  facts.abandoned = facts.abandoned || found.attempt->is_abandoned;
  const Outcome outcome = classify(facts);
  learn(campaign, *found.attempt, is_person(outcome), now);
  if (is_person(outcome)) count_person(campaign, *found.attempt, wall);
  if (outcome == Outcome::kAbandoned && !found.attempt->is_abandoned) on_abandoned(attempt, now, wall);
  std::erase(campaign.waiting, attempt);
  free_agent(*found.attempt, now);
  ++campaign.counters.outcomes[static_cast<std::size_t>(outcome)];

  Lead lead = std::move(found.attempt->lead);
  campaign.attempts.erase(attempt.value);
  attempt_campaign_.erase(attempt);
  if (campaign.config.mode == Mode::kInbound) return;
  std::optional<WallTime> again = after(lead, outcome, campaign.config.retry, wall);
  if (again) {
    const WallTime allowed = gate(campaign).again(lead, wall);
    if (allowed == WallTime::max())
      again.reset();
    else
      again = allowed;
  }
  if (again) {
    campaign.leads_exhausted = false;
    campaign.leads_next = std::min(campaign.leads_next, *again);
  }
  pending_.push_back(LeadBack{campaign.config.id, attempt, std::move(lead), outcome, again});
}

AttemptId Dialer::on_incoming(CampaignId queue, const std::string& from, TimePoint now, bool waits) {
  const auto found = campaigns_.find(queue);
  if (found == campaigns_.end() || found->second.config.mode != Mode::kInbound) return {};
  Campaign& campaign = found->second;
  if (campaign.attempts.size() >= campaign.config.channels_max) return {};
  const AttemptId id{next_attempt_++};
  const auto phase = waits ? Attempt::Phase::kWaiting : Attempt::Phase::kAnswered;
  Attempt attempt{.id = id, .lead = {}, .phase = phase, .placed = now, .waiting_since = now};
  attempt.lead.number = from;
  attempt.is_learned = attempt.is_person = true;
  ++campaign.counters.attempts;
  campaign.attempts.emplace(id.value, std::move(attempt));
  attempt_campaign_.emplace(id, queue);
  if (waits) campaign.waiting.push_back(id);
  return id;
}

void Dialer::on_overflow(AttemptId attempt) {
  const Found found = find_attempt(attempt);
  if (!found || found.campaign->config.mode != Mode::kInbound) return;
  found.attempt->is_abandoned = true;  // should the agent on its way not come, nobody else is asked
  std::erase(found.campaign->waiting, attempt);
  if (found.attempt->phase <= Attempt::Phase::kWaiting) found.attempt->phase = Attempt::Phase::kLost;
}

std::size_t Dialer::position(AttemptId attempt) const {
  const auto owner = attempt_campaign_.find(attempt);
  if (owner == attempt_campaign_.end()) return 0;
  const auto& waiting = campaigns_.at(owner->second).waiting;
  const auto at = std::ranges::find(waiting, attempt);
  return at == waiting.end() ? 0 : static_cast<std::size_t>(at - waiting.begin()) + 1;
}

void Dialer::restore(CampaignId campaign, AttemptId attempt, Lead lead, Attempt::Phase phase, AgentId agent,
                     TimePoint placed) {
  const auto found = campaigns_.find(campaign);
  if (found == campaigns_.end()) return;
  next_attempt_ = std::max(next_attempt_, attempt.value + 1);
  const bool is_caller = found->second.config.mode == Mode::kInbound;
  const bool is_person = is_caller || phase >= Attempt::Phase::kWaiting;
  Attempt restored{.id = attempt,
                   .lead = std::move(lead),
                   .phase = phase,
                   .placed = placed,
                   .waiting_since = placed,
                   .agent = agent,
                   .is_learned = is_person,
                   .is_person = is_person};
  if (phase == Attempt::Phase::kWaiting) found->second.waiting.push_back(attempt);
  if (agent && roster_.find(agent) && roster_.find(agent)->status == AgentStatus::kReady) {
    roster_.reserve(agent, attempt, placed);
    if (phase == Attempt::Phase::kTalking) roster_.talking(agent, placed);
  }
  found->second.attempts.insert_or_assign(attempt.value, std::move(restored));
  attempt_campaign_[attempt] = campaign;
}

// ---------------------------------------------------------------- deciding

void Dialer::decide(TimePoint now, WallTime wall, std::vector<Action>& actions) {
  end_wrap_ups(now);
  connect_waiting(now);
  for (auto& [_, campaign] : campaigns_) {
    if (campaign.state != CampaignState::kRunning || campaign.config.mode == Mode::kInbound) continue;
    if (is_held_)
      campaign.last_decision = {.reason = "no engine is connected"};
    else
      place_calls(campaign, now, wall);
    keep_filled(campaign, wall);
  }
  actions.insert(actions.end(), std::make_move_iterator(pending_.begin()), std::make_move_iterator(pending_.end()));
  pending_.clear();
}

void Dialer::end_wrap_ups(TimePoint now) {
  for (const auto& [id, agent] : roster_.all()) {
    if (agent.status != AgentStatus::kWrapUp) continue;
    auto limit = std::chrono::seconds(0);
    for (const CampaignId campaign : agent.campaigns)
      if (const Campaign* found = find(campaign)) limit = std::max(limit, found->config.wrap_up_max);
    if (now - agent.since < limit) continue;
    agent_ready(id, now);
    pending_.push_back(AgentChanged{id, AgentStatus::kReady});
  }
}

void Dialer::connect_waiting(TimePoint now) {
  for (;;) {
    // the person who has waited longest among all campaigns that have a ready agent; who called us comes first
    Campaign* chosen = nullptr;
    std::optional<AgentId> agent;
    TimePoint longest = TimePoint::max();
    for (auto& [id, campaign] : campaigns_) {
      if (campaign.waiting.empty()) continue;
      const Attempt& first = campaign.attempts.at(campaign.waiting.front().value);
      const bool is_caller = campaign.config.mode == Mode::kInbound;
      const bool chosen_called = chosen && chosen->config.mode == Mode::kInbound;
      if (chosen_called && !is_caller) continue;
      if (chosen_called == is_caller && first.waiting_since >= longest) continue;
      const auto candidate = roster_.longest_idle(id);
      if (!candidate) continue;
      chosen = &campaign;
      agent = candidate;
      longest = first.waiting_since;
    }
    if (!chosen) return;
    const AttemptId id = chosen->waiting.front();
    chosen->waiting.pop_front();
    Attempt& attempt = chosen->attempts.at(id.value);
    const Roster::Agent* sticky = roster_.find(attempt.lead.sticky);
    if (sticky && sticky->status == AgentStatus::kReady && sticky->campaigns.contains(chosen->config.id))
      agent = attempt.lead.sticky;
    attempt.phase = Attempt::Phase::kConnecting;
    attempt.agent = *agent;
    roster_.reserve(*agent, id, now);
    pending_.push_back(Connect{chosen->config.id, id, *agent});
  }
}

bool Dialer::shares_agents(CampaignId a, CampaignId b) const {
  return std::ranges::any_of(roster_.all(), [&](const auto& entry) {
    return entry.second.campaigns.contains(a) && entry.second.campaigns.contains(b);
  });
}

PacingDecision Dialer::pace(Campaign& campaign, TimePoint now, WallTime wall) {
  const CampaignId id = campaign.config.id;
  busy_elapsed_.clear();
  dial_ages_.clear();
  PacingView view;
  for (const auto& [_, agent] : roster_.all()) {
    if (!agent.campaigns.contains(id) || agent.status == AgentStatus::kBreak) continue;
    if (agent.status == AgentStatus::kReady)
      ++view.idle;
    else if (!agent.breaks_next && !agent.leaves_next)  // who leaves after this call comes back to nobody
      busy_elapsed_.push_back(since(agent.busy_since, now));
  }
  for (const auto& [other, rival] : campaigns_) {
    if (other != id && !shares_agents(id, other)) continue;
    view.waiting += static_cast<int>(rival.waiting.size());
    if (rival.config.mode == Mode::kBroadcast && other != id) continue;
    for (const auto& [_, attempt] : rival.attempts)
      if (attempt.phase <= Attempt::Phase::kAnswered && !attempt.is_learned)
        dial_ages_.push_back(since(attempt.placed, now));
  }
  view.busy_elapsed = busy_elapsed_;
  view.dial_ages = dial_ages_;
  view.handle = &handle_.at(id);
  view.dials = &campaign.dials;
  view.budget_has_room = campaign.config.mode == Mode::kPredictive && campaign.budget.has_room(wall);
  PacingDecision decision = campaign.pacer.decide(view);
  const bool has_agents = view.idle + static_cast<int>(busy_elapsed_.size()) > 0;
  if (campaign.config.mode == Mode::kProgressive && has_agents) decision.reason = "one line per free agent";
  return decision;
}

int Dialer::calls_wanted(Campaign& campaign, TimePoint now, WallTime wall) {
  campaign.dial_credit =
      std::min(std::max(1.0, campaign.config.calls_per_second_max),
               campaign.dial_credit + since(campaign.credit_at, now).count() * campaign.config.calls_per_second_max);
  campaign.credit_at = now;
  const int channels = static_cast<int>(campaign.config.channels_max) - static_cast<int>(campaign.attempts.size());
  PacingDecision decision;
  if (campaign.config.mode == Mode::kBroadcast) {
    decision.calls = std::max(0, channels);
    decision.reason = "channels_max";
  } else {
    decision = pace(campaign, now, wall);
  }
  if (decision.calls > channels) {
    decision.calls = std::max(0, channels);
    decision.reason = "channels_max";
  }
  if (decision.calls > static_cast<int>(campaign.dial_credit)) {
    decision.calls = static_cast<int>(campaign.dial_credit);
    decision.reason = "calls_per_second_max";
  }
  campaign.last_decision = decision;
  return std::min(decision.calls, kDialsPerDecision);
}

Gate Dialer::gate(const Campaign& campaign) {
  lists_ = {&do_not_call_, &campaign.do_not_call};
  return Gate{zones_, lists_, campaign.config.window, campaign.config.limits, campaign.config.time_zone};
}

bool Dialer::dial_next(Campaign& campaign, TimePoint now, WallTime wall, int& refusals) {
  while (refusals > 0) {
    std::optional<Lead> lead = campaign.hopper.take(wall);
    if (!lead) return false;
    const Gate check = gate(campaign);
    const Refusal refusal = check.check(*lead, wall);
    if (refusal != Refusal::kNone) {
      ++campaign.counters.refusals[static_cast<std::size_t>(refusal)];
      const WallTime again = check.again(*lead, wall);
      if (again != WallTime::max()) campaign.leads_next = std::min(campaign.leads_next, again);
      pending_.push_back(LeadRefused{campaign.config.id, std::move(*lead), refusal,
                                     again == WallTime::max() ? std::nullopt : std::optional(again)});
      --refusals;
      continue;
    }
    count_attempt(*lead, check.day(*lead, wall));
    const AttemptId id{next_attempt_++};
    campaign.attempts.emplace(id.value, Attempt{.id = id, .lead = *lead, .placed = now});
    attempt_campaign_.emplace(id, campaign.config.id);
    ++campaign.counters.attempts;
    campaign.dial_credit -= 1;
    pending_.push_back(Dial{campaign.config.id, id, std::move(*lead)});
    return true;
  }
  return false;
}

void Dialer::place_calls(Campaign& campaign, TimePoint now, WallTime wall) {
  const int wanted = calls_wanted(campaign, now, wall);
  int refusals = kRefusalsPerDecision;
  for (int i = 0; i < wanted; ++i) {
    if (dial_next(campaign, now, wall, refusals)) continue;
    campaign.last_decision.reason = refusals > 0 ? "no lead is ready" : "leads are being turned away";
    campaign.last_decision.calls = i;
    return;
  }
}

void Dialer::keep_filled(Campaign& campaign, WallTime wall) {
  const bool due = campaign.leads_next <= wall;
  if (campaign.hopper.size() < campaign.config.hopper_capacity / 2 && !campaign.leads_asked &&
      !campaign.leads_exhausted && due) {
    campaign.leads_asked = true;
    campaign.leads_next = {};
    pending_.push_back(WantLeads{campaign.config.id, campaign.hopper.room()});
  }
  const bool is_over = campaign.leads_exhausted && campaign.hopper.size() == 0 && campaign.attempts.empty();
  if (!is_over) return;
  campaign.state = CampaignState::kFinished;
  pending_.push_back(CampaignFinished{campaign.config.id});
}

}  // namespace carillon::dialer
