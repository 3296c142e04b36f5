#pragma once
// A campaign as the API shows it and the store keeps it, and what the dialer and the engine make of it.

#include <boost/describe.hpp>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "control/model/plan.h"
#include "control/model/resources.h"
#include "dialer/campaign/campaign.h"

namespace carillon::control {

enum class CampaignMode { kBroadcast, kProgressive, kPredictive };
BOOST_DESCRIBE_ENUM(CampaignMode, kBroadcast, kProgressive, kPredictive)
enum class CampaignStatus { kStopped, kRunning, kPaused, kFinished };
BOOST_DESCRIBE_ENUM(CampaignStatus, kStopped, kRunning, kPaused, kFinished)
/// What an answering machine gets: nothing, the prompt after its beep, or what a person gets.
enum class MachineAnswer { kHangUp, kLeaveMessage, kConnect };
BOOST_DESCRIBE_ENUM(MachineAnswer, kHangUp, kLeaveMessage, kConnect)

/// "08:00" to "21:00", local time of the person called; until "24:00".
struct WindowSpan {
  static constexpr const char* kSchema = "WindowSpan";
  std::string from, until;
  static Rules rules();
};
BOOST_DESCRIBE_STRUCT(WindowSpan, (), (from, until))

struct LimitsBody {
  static constexpr const char* kSchema = "AttemptLimits";
  std::uint32_t total = 5, per_day = 3;
  static Rules rules();
};
BOOST_DESCRIBE_STRUCT(LimitsBody, (), (total, per_day))

struct RetryBody {
  static constexpr const char* kSchema = "RetryRule";
  std::uint32_t times = 0, delay_s = 3600;
  static Rules rules();
};
BOOST_DESCRIBE_STRUCT(RetryBody, (), (times, delay_s))

struct PacingBody {
  static constexpr const char* kSchema = "Pacing";
  double abandon_cap = 0.03;
  std::uint32_t ring_time_s = 20, connect_time_max_ms = 2000, calls_per_agent_max = 8;
  static Rules rules();
};
BOOST_DESCRIBE_STRUCT(PacingBody, (), (abandon_cap, ring_time_s, connect_time_max_ms, calls_per_agent_max))

struct Campaign {
  static constexpr const char* kSchema = "Campaign";
  std::string id, name;
  CampaignMode mode = CampaignMode::kBroadcast;
  std::optional<std::string> list;  ///< short for lists with one
  std::vector<std::string> lists, trunks;
  std::string from;
  bool record = true, detect = true;
  std::optional<std::string> prompt, safe_harbour_prompt, music_prompt;
  MachineAnswer on_machine = MachineAnswer::kHangUp;
  std::optional<std::string> opt_out_digit, repeat_digit, agent_digit;
  std::map<std::string, std::vector<WindowSpan>> window;  ///< "mon" … "sun"; empty: every day 08:00-21:00
  std::string time_zone;                                  ///< for leads without one; empty: where the number lies
  LimitsBody limits;
  std::map<std::string, RetryBody> retry;  ///< by outcome; those not named keep the dialer's rule
  PacingBody pacing;
  std::uint32_t channels_max = 100;
  double calls_per_second_max = 10;
  std::uint32_t wrap_up_s = 30;
  CampaignStatus state = CampaignStatus::kStopped;
  WallTime created_at{}, updated_at{};
  static Rules rules();
};
BOOST_DESCRIBE_STRUCT(Campaign, (),
                      (id, name, mode, list, lists, trunks, from, record, detect, prompt, safe_harbour_prompt,
                       music_prompt, on_machine, opt_out_digit, repeat_digit, agent_digit, window, time_zone, limits,
                       retry, pacing, channels_max, calls_per_second_max, wrap_up_s, state, created_at, updated_at))

/// The dialer's number of a campaign or an agent: 63 bits of its id (FNV-1a), the same in every run.
std::uint64_t dialer_number(const std::string& id);

/// The dialer's rules. Faults point into the campaign's body.
dialer::CampaignConfig config_of(const Campaign& campaign, json::Faults& faults);

/// What the engine does with one answered call of the campaign. Marks: person, message_started, message_done, opt_out,
/// wants_agent, safe_harbour, abandoned, connected. Faults point into the campaign's body.
dialer::CallPlan campaign_plan(const Campaign& campaign, const PromptNames& prompts, json::Faults& faults);

/// Plan of an agent's leg that is kept up: silence or music between customers.
dialer::CallPlan seat_plan(const std::string& music_sha256);

}  // namespace carillon::control
