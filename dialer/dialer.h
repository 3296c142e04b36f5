#pragma once
// The dialer: what happened goes in, what to do comes out. It never reads a clock, a socket or a file; the owner
// (control, or the simulator) commits and performs the actions. Open this file first.

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "dialer/agent/roster.h"
#include "dialer/campaign/campaign.h"
#include "dialer/compliance/zone.h"
#include "dialer/types.h"

namespace carillon::dialer {

/// Commit the attempt, then place the call. The lead has been counted for it already: commit its counters with it.
struct Dial {
  CampaignId campaign;
  AttemptId attempt;
  Lead lead;
};
/// Bridge this person (or waiting caller) to this agent now.
struct Connect {
  CampaignId campaign;
  AttemptId attempt;
  AgentId agent;
};
struct HangUp {
  AttemptId attempt;
  std::string why;
};
/// The attempt is over; the lead is the owner's again. `again`: offer it once more at that time; empty: it is done.
struct LeadBack {
  CampaignId campaign;
  AttemptId attempt;
  Lead lead;
  Outcome outcome;
  std::optional<WallTime> again;
};
/// The gate turned a lead away before any attempt; the lead is the owner's again. `again` as above.
struct LeadRefused {
  CampaignId campaign;
  Lead lead;
  Refusal refusal;
  std::optional<WallTime> again;
};
/// The hopper runs low: answer with add_leads() or no_more_leads().
struct WantLeads {
  CampaignId campaign;
  std::size_t count;
};
struct AgentChanged {
  AgentId agent;
  AgentStatus status;
};
struct CampaignFinished {
  CampaignId campaign;
};
using Action = std::variant<Dial, Connect, HangUp, LeadBack, LeadRefused, WantLeads, AgentChanged, CampaignFinished>;

/// Why a campaign dials as it does, for the API: never a bare zero.
struct Explanation {
  CampaignState state;
  PacingDecision pacing;
  std::size_t hopper_ready = 0, hopper_waiting = 0, in_flight = 0, waiting = 0;
  int agents_idle = 0, agents_busy = 0;
  double abandoned_rate_day = 0, abandoned_rate_30_days = 0;
  std::array<std::uint64_t, kRefusals> refusals{};
  std::string text;  ///< "0 dialable because …" or "placing 3: …"
};

class Dialer {
 public:
  /// Attempts are numbered from `first_attempt` on; `zones` outlives the dialer.
  Dialer(const Zones& zones, std::uint64_t first_attempt = 1) : zones_(zones), next_attempt_(first_attempt) {}

  // campaigns
  void put_campaign(CampaignConfig config);  ///< new, or new rules for one that runs
  void remove_campaign(CampaignId campaign);
  void set_state(CampaignId campaign, CampaignState state, TimePoint now);
  void pause_all(TimePoint now);  ///< stop-all: no new call from the next decide() on
  /// While held no call is placed (no engine is there); connects, retries and wrap-ups go on.
  void hold_dialing(bool is_held) { is_held_ = is_held; }
  const Campaign* find(CampaignId campaign) const;
  Explanation explain(CampaignId campaign, TimePoint now, WallTime wall);
  AbandonBudget* budget(CampaignId campaign);  ///< to bring back counts after a restart

  // leads; a lead belongs to the dialer from here until LeadBack or LeadRefused
  /// Those that fit; the rest stay with the owner.
  std::size_t add_leads(CampaignId campaign, std::span<const Lead> leads);
  /// Nothing to offer before `next` (a retry, a call-back); empty: nothing is left at all.
  void no_more_leads(CampaignId campaign, std::optional<WallTime> next);
  /// The owner has leads again: they are asked for at the next decide().
  void leads_arrived(CampaignId campaign);
  /// Empties the hopper: these leads are the owner's again.
  std::vector<Lead> give_back_leads(CampaignId campaign);
  /// Blocks a number for every campaign, or for one; counts for the very next dial.
  void block(const std::string& number);
  void block(CampaignId campaign, const std::string& number);
  void unblock(const std::string& number);
  void unblock(CampaignId campaign, const std::string& number);

  // agents
  void agent_log_in(AgentId agent, std::set<CampaignId> campaigns, TimePoint now) {
    roster_.log_in(agent, std::move(campaigns), now);
  }
  bool agent_log_out(AgentId agent, TimePoint now) { return roster_.log_out(agent, now); }
  bool agent_break(AgentId agent, TimePoint now) { return roster_.take_break(agent, now); }
  bool agent_ready(AgentId agent, TimePoint now);
  const Roster& roster() const { return roster_; }

  // calls
  void on_answered(AttemptId attempt, TimePoint now);
  /// A person is on the line and wants (or by mode gets) an agent.
  void on_person(AttemptId attempt, bool wants_agent, TimePoint now, WallTime wall);
  void on_machine(AttemptId attempt, TimePoint now);
  /// The engine had to begin the safe-harbour message: nobody came in time.
  void on_abandoned(AttemptId attempt, TimePoint now, WallTime wall);
  void on_connected(AttemptId attempt, TimePoint now);
  /// The agent could not be reached (phone gone): the person waits again, at the head.
  void on_connect_failed(AttemptId attempt, TimePoint now);
  void on_ended(AttemptId attempt, EndFacts facts, TimePoint now, WallTime wall);
  /// An inbound caller for a queue (Mode::kInbound), waiting at once or from its on_person() on, which is when its
  /// greeting is over. Empty when the campaign is none.
  AttemptId on_incoming(CampaignId queue, const std::string& from, TimePoint now, bool waits = true);
  /// A caller's time in the queue is over: no agent any more, unless one is being joined already.
  void on_overflow(AttemptId attempt);
  /// 1 for the next to be served; 0 when not waiting.
  std::size_t position(AttemptId attempt) const;

  /// After a restart: an attempt that was committed and whose call the engine still has. `placed`: of a caller who
  /// waits, since when. Those who wait are brought back in the order in which they came.
  void restore(CampaignId campaign, AttemptId attempt, Lead lead, Attempt::Phase phase, AgentId agent,
               TimePoint placed);

  /// What to do now. Call after every event and at least every 250 ms. Appends to `actions`.
  void decide(TimePoint now, WallTime wall, std::vector<Action>& actions);

 private:
  struct Found {
    Campaign* campaign = nullptr;
    Attempt* attempt = nullptr;
    explicit operator bool() const { return attempt != nullptr; }
  };
  Found find_attempt(AttemptId attempt);
  void learn(Campaign& campaign, Attempt& attempt, bool is_live, TimePoint now);
  void count_person(Campaign& campaign, Attempt& attempt, WallTime wall);
  void free_agent(const Attempt& attempt, TimePoint now);
  void end_wrap_ups(TimePoint now);
  void connect_waiting(TimePoint now);
  void place_calls(Campaign& campaign, TimePoint now, WallTime wall);
  int calls_wanted(Campaign& campaign, TimePoint now, WallTime wall);
  PacingDecision pace(Campaign& campaign, TimePoint now, WallTime wall);
  /// false: no lead is ready, or `refusals` came to 0: enough were turned away for one decision.
  bool dial_next(Campaign& campaign, TimePoint now, WallTime wall, int& refusals);
  void keep_filled(Campaign& campaign, WallTime wall);
  Gate gate(const Campaign& campaign);
  bool shares_agents(CampaignId a, CampaignId b) const;

  const Zones& zones_;
  std::uint64_t next_attempt_;
  bool is_held_ = false;
  std::map<CampaignId, Campaign> campaigns_;
  std::map<AttemptId, CampaignId> attempt_campaign_;
  Roster roster_;
  std::map<CampaignId, HandleTimes> handle_;
  DoNotCall do_not_call_;
  std::vector<Action> pending_;                    ///< made by events, handed out by the next decide()
  std::vector<Seconds> busy_elapsed_, dial_ages_;  ///< scratch, kept for their memory
  std::vector<const DoNotCall*> lists_;
};

}  // namespace carillon::dialer
