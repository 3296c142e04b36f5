#include <fmt/format.h>

#include "dialer/dialer.h"

namespace carillon::dialer {
namespace {

std::string refusals_text(const std::array<std::uint64_t, kRefusals>& refusals) {
  std::string listed;
  for (std::size_t i = 1; i < kRefusals; ++i)
    if (refusals[i] != 0)
      listed += fmt::format("{}{} {}", listed.empty() ? "" : ", ", refusals[i], text(static_cast<Refusal>(i)));
  return listed;
}

/// What the next leads wait for, where it is the clock.
std::string window_text(const Campaign& campaign, const Zones& zones, WallTime wall) {
  const CampaignConfig& config = campaign.config;
  const Zone* zone = zones.find(config.time_zone);
  if (!zone || config.window.is_open(*zone, wall)) return {};
  const WallTime opens = config.window.next_open(*zone, wall);
  const std::string until = opens == WallTime::max() ? "for the next 60 days" : fmt::format("until {}", rfc3339(opens));
  return fmt::format("; outside the calling window of {} {}", config.time_zone, until);
}

std::string reason_text(const Campaign& campaign, const Explanation& explanation, const std::string& window) {
  if (campaign.state != CampaignState::kRunning)
    return fmt::format("0 dialable because the campaign is {}", text(campaign.state));
  if (explanation.hopper_ready == 0) {
    const std::string turned_away = refusals_text(explanation.refusals);
    const std::string tail = turned_away.empty() ? "" : fmt::format("; turned away so far: {}", turned_away);
    if (campaign.leads_exhausted) return fmt::format("0 dialable because no lead is left{}", tail);
    if (campaign.leads_next != WallTime::max() && campaign.leads_next != WallTime{})
      return fmt::format("0 dialable because the next lead is due at {}{}{}", rfc3339(campaign.leads_next), window,
                         tail);
    return fmt::format("0 dialable because the hopper is being filled{}{}", window, tail);
  }
  const PacingDecision& pacing = explanation.pacing;
  return fmt::format("placed {} at the last decision: {} ({} agents free, {} busy, {} calls in flight, {} waiting)",
                     pacing.calls, pacing.reason, explanation.agents_idle, explanation.agents_busy,
                     explanation.in_flight, explanation.waiting);
}

}  // namespace

Explanation Dialer::explain(CampaignId campaign, TimePoint, WallTime wall) {
  Explanation explanation{};
  const auto found = campaigns_.find(campaign);
  if (found == campaigns_.end()) return explanation;
  Campaign& target = found->second;
  explanation.state = target.state;
  explanation.pacing = target.last_decision;
  explanation.hopper_ready = target.hopper.ready(wall);
  explanation.hopper_waiting = target.hopper.size() - explanation.hopper_ready;
  explanation.waiting = target.waiting.size();
  for (const auto& [_, attempt] : target.attempts)
    if (attempt.phase <= Attempt::Phase::kAnswered) ++explanation.in_flight;
  for (const auto& [_, agent] : roster_.all()) {
    if (!agent.campaigns.contains(campaign)) continue;
    if (agent.status == AgentStatus::kReady)
      ++explanation.agents_idle;
    else if (agent.status != AgentStatus::kBreak)
      ++explanation.agents_busy;
  }
  explanation.abandoned_rate_day = target.budget.short_sum(wall).rate();
  explanation.abandoned_rate_30_days = target.budget.long_sum(wall).rate();
  explanation.refusals = target.counters.refusals;
  explanation.text = reason_text(target, explanation, window_text(target, zones_, wall));
  return explanation;
}

}  // namespace carillon::dialer
