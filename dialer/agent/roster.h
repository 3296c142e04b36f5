#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <vector>

#include "dialer/types.h"

namespace carillon::dialer {

enum class AgentStatus : std::uint8_t { kOffline, kReady, kReserved, kTalking, kWrapUp, kBreak };
std::string_view text(AgentStatus status);

/// The agents that are logged in, what each does and since when. Longest idle first; each call goes to one agent only.
class Roster {
 public:
  struct Agent {
    AgentId id;
    std::set<CampaignId> campaigns;
    AgentStatus status = AgentStatus::kOffline;
    TimePoint since{};         ///< in this status
    TimePoint busy_since{};    ///< start of the call that wrap-up belongs to
    AttemptId attempt{};       ///< reserved for or talking to
    bool breaks_next = false;  ///< asked for a break during a call: takes it after wrap-up
    bool leaves_next = false;  ///< likewise for logging out
  };

  /// Logs in (ready) or changes the campaigns of one who is.
  void log_in(AgentId id, std::set<CampaignId> campaigns, TimePoint now);
  /// Takes effect at once when free, else after the call in hand. Answers whether it was at once.
  bool log_out(AgentId id, TimePoint now);
  bool take_break(AgentId id, TimePoint now);
  /// Ready again after a break or wrap-up. False when there is a call in hand or the agent is unknown.
  bool ready(AgentId id, TimePoint now);

  /// The longest idle ready agent of the campaign.
  std::optional<AgentId> longest_idle(CampaignId campaign) const;
  void reserve(AgentId id, AttemptId attempt, TimePoint now);
  void talking(AgentId id, TimePoint now);
  /// The call is over: wrap-up begins. The owner ends it by ready() or by its time limit.
  void wrap_up(AgentId id, TimePoint now);
  /// A reservation that came to nothing.
  void release(AgentId id, TimePoint now);

  const Agent* find(AgentId id) const;
  const std::map<AgentId, Agent>& all() const { return agents_; }

 private:
  void become(Agent& agent, AgentStatus status, TimePoint now);
  /// The call in hand is over: what was asked for meanwhile (to leave, a break) comes before `next`.
  void leave_call(AgentId id, AgentStatus next, TimePoint now);
  std::map<AgentId, Agent> agents_;
};

}  // namespace carillon::dialer
