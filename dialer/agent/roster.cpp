#include "dialer/agent/roster.h"

#include <array>

#include "engine/base/check.h"

namespace carillon::dialer {

std::string_view text(AgentStatus status) {
  constexpr std::array<std::string_view, 6> kTexts = {"offline", "ready", "reserved", "talking", "wrap_up", "break"};
  return kTexts[static_cast<std::size_t>(status)];
}

void Roster::become(Agent& agent, AgentStatus status, TimePoint now) {
  agent.status = status;
  agent.since = now;
}

void Roster::log_in(AgentId id, std::set<CampaignId> campaigns, TimePoint now) {
  auto [entry, is_new] = agents_.try_emplace(id);
  Agent& agent = entry->second;
  agent.id = id;
  agent.campaigns = std::move(campaigns);
  agent.leaves_next = false;
  if (is_new) become(agent, AgentStatus::kReady, now);
}

bool Roster::log_out(AgentId id, TimePoint) {
  const auto found = agents_.find(id);
  if (found == agents_.end()) return true;
  Agent& agent = found->second;
  if (agent.status == AgentStatus::kReserved || agent.status == AgentStatus::kTalking) {
    agent.leaves_next = true;
    return false;
  }
  agents_.erase(found);
  return true;
}

bool Roster::take_break(AgentId id, TimePoint now) {
  const auto found = agents_.find(id);
  if (found == agents_.end()) return false;
  Agent& agent = found->second;
  if (agent.status == AgentStatus::kReserved || agent.status == AgentStatus::kTalking) {
    agent.breaks_next = true;
    return false;
  }
  become(agent, AgentStatus::kBreak, now);
  return true;
}

bool Roster::ready(AgentId id, TimePoint now) {
  const auto found = agents_.find(id);
  if (found == agents_.end()) return false;
  Agent& agent = found->second;
  agent.breaks_next = false;
  if (agent.status == AgentStatus::kReady) return true;
  if (agent.status != AgentStatus::kBreak && agent.status != AgentStatus::kWrapUp) return false;
  become(agent, AgentStatus::kReady, now);
  return true;
}

std::optional<AgentId> Roster::longest_idle(CampaignId campaign) const {
  const Agent* best = nullptr;
  for (const auto& [_, agent] : agents_) {
    if (agent.status != AgentStatus::kReady || !agent.campaigns.contains(campaign)) continue;
    if (!best || agent.since < best->since) best = &agent;
  }
  return best ? std::optional(best->id) : std::nullopt;
}

void Roster::reserve(AgentId id, AttemptId attempt, TimePoint now) {
  Agent& agent = agents_.at(id);
  CHECK(agent.status == AgentStatus::kReady);  // no call is offered to two agents, no agent to two calls
  agent.attempt = attempt;
  agent.busy_since = now;
  become(agent, AgentStatus::kReserved, now);
}

void Roster::talking(AgentId id, TimePoint now) {
  const auto found = agents_.find(id);
  if (found != agents_.end() && found->second.status == AgentStatus::kReserved)
    become(found->second, AgentStatus::kTalking, now);
}

void Roster::wrap_up(AgentId id, TimePoint now) { leave_call(id, AgentStatus::kWrapUp, now); }
void Roster::release(AgentId id, TimePoint now) { leave_call(id, AgentStatus::kReady, now); }

void Roster::leave_call(AgentId id, AgentStatus next, TimePoint now) {
  const auto found = agents_.find(id);
  if (found == agents_.end()) return;
  Agent& agent = found->second;
  agent.attempt = {};
  if (agent.leaves_next) {
    agents_.erase(found);
    return;
  }
  become(agent, agent.breaks_next ? AgentStatus::kBreak : next, now);
  agent.breaks_next = false;
}

const Roster::Agent* Roster::find(AgentId id) const {
  const auto found = agents_.find(id);
  return found == agents_.end() ? nullptr : &found->second;
}

}  // namespace carillon::dialer
