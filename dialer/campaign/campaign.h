#pragma once
// One campaign as the dialer holds it: its rules, its leads at hand, its calls in flight and its account.

#include <array>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <unordered_map>

#include "dialer/campaign/outcome.h"
#include "dialer/compliance/gate.h"
#include "dialer/hopper/hopper.h"
#include "dialer/pacing/budget.h"
#include "dialer/pacing/pacer.h"
#include "dialer/pacing/survival.h"
#include "dialer/retry/retry.h"
#include "dialer/types.h"

namespace carillon::dialer {

enum class Mode : std::uint8_t {
  kBroadcast,    ///< no agents needed: message, digits
  kProgressive,  ///< one line per free agent
  kPredictive,   ///< look-ahead
  kInbound       ///< an inbound queue: places no calls, its callers wait for the same agents
};
std::string_view text(Mode mode);

enum class CampaignState : std::uint8_t { kStopped, kRunning, kPaused, kFinished };
std::string_view text(CampaignState state);

struct CampaignConfig {
  CampaignId id;
  Mode mode = Mode::kBroadcast;
  PacingConfig pacing;
  CallingWindow window;
  AttemptLimits limits;
  RetryRules retry;
  std::string time_zone = "UTC";     ///< for leads that name none
  std::uint32_t channels_max = 100;  ///< calls at once
  double calls_per_second_max = 10;
  std::chrono::seconds wrap_up_max{30};  ///< an agent is ready again after this
  std::size_t hopper_capacity = 2000;

  /// The first fault as "field: reason", or empty.
  std::string fault() const;
};

/// One call in flight.
struct Attempt {
  enum class Phase : std::uint8_t { kDialing, kAnswered, kWaiting, kConnecting, kTalking, kLost };
  AttemptId id;
  Lead lead;
  Phase phase = Phase::kDialing;
  TimePoint placed{};
  TimePoint waiting_since{};
  AgentId agent{};
  bool is_learned = false;  ///< the pacer has been told whether it was live
  bool is_person = false;   ///< counted as answered by a person
  bool is_abandoned = false;
};

/// Since the campaign began; outcomes sum to the attempts that ended.
struct CampaignCounters {
  std::uint64_t attempts = 0, answered_by_person = 0, abandoned = 0, connected = 0;
  std::array<std::uint64_t, kOutcomes> outcomes{};
  std::array<std::uint64_t, kRefusals> refusals{};  ///< leads that the gate turned away
};

struct Campaign {
  explicit Campaign(CampaignConfig rules)
      : config(std::move(rules)),
        hopper(config.hopper_capacity),
        pacer(config.pacing),
        budget({.cap = config.pacing.abandon_cap}) {}

  CampaignConfig config;
  CampaignState state = CampaignState::kStopped;
  Hopper hopper;
  std::unordered_map<std::uint64_t, Attempt> attempts;
  std::deque<AttemptId> waiting;  ///< people without an agent, first come first served
  DialOutcomes dials;
  Pacer pacer;
  AbandonBudget budget;
  DoNotCall do_not_call;
  CampaignCounters counters;
  PacingDecision last_decision;
  double dial_credit = 1;  ///< token bucket of calls_per_second_max
  TimePoint credit_at{};
  bool leads_asked = false;      ///< WantLeads is out, add_leads or no_more_leads will answer
  bool leads_exhausted = false;  ///< the owner has none that could ever be dialed
  WallTime leads_next{};         ///< the owner's next lead is due then; asks again at that time
  Seconds waited_total{0};
};

}  // namespace carillon::dialer
