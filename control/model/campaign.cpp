#include "control/model/campaign.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "control/api/json/walker.h"
#include "control/model/checks.h"

namespace carillon::control {
namespace {

using std::chrono::seconds;

constexpr std::array<std::string_view, 7> kDays = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};

// Minutes since midnight of "HH:MM", or -1.
int minutes_of(std::string_view text) {
  const auto digit = [&](std::size_t at) { return text[at] >= '0' && text[at] <= '9' ? text[at] - '0' : -100; };
  if (text.size() != 5 || text[2] != ':') return -1;
  const int hours = digit(0) * 10 + digit(1), minutes = digit(3) * 10 + digit(4);
  if (hours < 0 || minutes < 0 || minutes > 59 || hours > 24 || (hours == 24 && minutes != 0)) return -1;
  return hours * 60 + minutes;
}

std::string check_clock(std::string_view text) { return minutes_of(text) >= 0 ? "" : "must be a time like 08:00"; }

std::string check_digit(std::string_view text) {
  return text.size() == 1 && check_digits(text).empty() ? "" : "must be one of 0-9 * #";
}

dialer::CallingWindow window_of(const Campaign& campaign, json::Faults& faults) {
  dialer::CallingWindow window;
  if (campaign.window.empty()) return window;
  for (auto& spans : window.days) spans.clear();
  for (const auto& [day, spans] : campaign.window) {
    const auto found = std::ranges::find(kDays, day);
    if (found == kDays.end()) {
      faults.push_back({"/window/" + day, "choice", "must be one of mon, tue, wed, thu, fri, sat, sun"});
      continue;
    }
    for (std::size_t i = 0; i < spans.size(); ++i) {
      const int from = minutes_of(spans[i].from), until = minutes_of(spans[i].until);
      if (until <= from)
        faults.push_back({fmt::format("/window/{}/{}/until", day, i), "range", "must be later than from"});
      else
        window.days[static_cast<std::size_t>(found - kDays.begin())].push_back({from, until});
    }
  }
  return window;
}

dialer::RetryRules retry_of(const Campaign& campaign, json::Faults& faults) {
  dialer::RetryRules rules;
  for (const auto& [name, body] : campaign.retry) {
    bool known = false;
    for (std::size_t i = 0; i < dialer::kOutcomes; ++i) {
      const auto outcome = static_cast<dialer::Outcome>(i);
      if (dialer::text(outcome) != name) continue;
      rules[outcome] = {body.times, std::chrono::ceil<std::chrono::minutes>(seconds(body.delay_s))};
      known = true;
    }
    if (!known) faults.push_back({"/retry/" + name, "choice", "is not an outcome"});
  }
  return rules;
}

}  // namespace

Rules WindowSpan::rules() {
  static const Rule rules[] = {
      {.field = "from", .about = "HH:MM", .required = true, .check = check_clock},
      {.field = "until", .about = "HH:MM, not included; 24:00 is midnight.", .required = true, .check = check_clock}};
  return rules;
}
Rules LimitsBody::rules() {
  static const Rule rules[] = {
      {.field = "total", .about = "Attempts per lead at most.", .min = 1, .max = 50},
      {.field = "per_day", .about = "In one local day of the person called.", .min = 1, .max = 10}};
  return rules;
}
Rules RetryBody::rules() {
  static const Rule rules[] = {
      {.field = "times", .about = "Further attempts this outcome may cause.", .max = 50},
      {.field = "delay_s", .about = "Until the next; rounded up to minutes.", .max = 30 * 24 * 3600}};
  return rules;
}
Rules PacingBody::rules() {
  static const Rule rules[] = {
      {.field = "abandon_cap", .about = "Abandoned / answered by a person.", .min = 0, .max = 1},
      {.field = "ring_time_s", .about = "Ring so long; 15 s at least (16 CFR 310.4(b)(4)).", .min = 15, .max = 120},
      {.field = "connect_time_max_ms",
       .about = "A person waits so long for an agent, then hears the safe-harbour message (16 CFR 310.4(b)(4)(ii)).",
       .min = 500,
       .max = 2000},
      {.field = "calls_per_agent_max", .about = "Lines in flight per agent.", .min = 1, .max = 50}};
  return rules;
}
Rules Campaign::rules() {
  static const Rule rules[] = {
      {.field = "id", .about = "Opaque, prefixed, ordered by time.", .read_only = true},
      {.field = "name", .about = "Unique within the project.", .required = true, .min = 1, .max = 64},
      {.field = "mode", .about = "broadcast needs no agents; progressive: one line per free agent; predictive."},
      {.field = "list", .about = "Short for lists with one member."},
      {.field = "lists", .about = "Ids of lead lists.", .max = 100},
      {.field = "trunks", .about = "Ids of trunks, tried in order.", .max = 4},
      {.field = "from", .about = "Caller's number.", .max = 41},
      {.field = "record", .about = "Record both sides from answer."},
      {.field = "detect", .about = "Hear whether a person or a machine answered."},
      {.field = "prompt", .about = "The message: of a broadcast, or left on a machine."},
      {.field = "safe_harbour_prompt", .about = "Played when no agent came in time."},
      {.field = "music_prompt", .about = "Heard by agents between calls and by those who asked for one."},
      {.field = "opt_out_digit", .about = "Blocks the number at once.", .check = check_digit},
      {.field = "repeat_digit", .about = "Plays the message again.", .check = check_digit},
      {.field = "agent_digit", .about = "Asks for an agent.", .check = check_digit},
      {.field = "window", .about = "By day, local time of the person called; none: every day 08:00-21:00."},
      {.field = "time_zone",
       .about = "IANA name, for leads and lists that name none. Empty: where the number lies; one that does not tell "
                "is called only while "
                "the window is open in all zones of its country.",
       .max = 64},
      {.field = "retry", .about = "By outcome.", .max = 16},
      {.field = "channels_max", .about = "Calls at once.", .min = 1, .max = 100000},
      {.field = "calls_per_second_max", .about = "New calls.", .min = 0.01, .max = 10000},
      {.field = "wrap_up_s", .about = "An agent is ready again after this.", .max = 3600},
      {.field = "state", .about = "Changed by actions.", .read_only = true},
      {.field = "created_at", .about = "", .read_only = true},
      {.field = "updated_at", .about = "", .read_only = true}};
  return rules;
}

std::uint64_t dialer_number(const std::string& id) {
  std::uint64_t hash = 14695981039346656037ULL;
  for (const char letter : id) hash = (hash ^ static_cast<std::uint8_t>(letter)) * 1099511628211ULL;
  return std::max<std::uint64_t>(1, hash & 0x7FFF'FFFF'FFFF'FFFF);
}

dialer::CampaignConfig config_of(const Campaign& campaign, json::Faults& faults) {
  dialer::CampaignConfig config;
  config.id = {dialer_number(campaign.id)};
  config.mode = campaign.mode == CampaignMode::kBroadcast     ? dialer::Mode::kBroadcast
                : campaign.mode == CampaignMode::kProgressive ? dialer::Mode::kProgressive
                                                              : dialer::Mode::kPredictive;
  config.pacing.abandon_cap = campaign.pacing.abandon_cap;
  config.pacing.target_rate = std::min(config.pacing.target_rate, campaign.pacing.abandon_cap * 0.87);
  config.pacing.ring_time = seconds(campaign.pacing.ring_time_s);
  config.pacing.connect_time_max = std::chrono::milliseconds(campaign.pacing.connect_time_max_ms);
  config.pacing.calls_per_agent_max = static_cast<int>(campaign.pacing.calls_per_agent_max);
  config.window = window_of(campaign, faults);
  config.limits = {campaign.limits.total, campaign.limits.per_day};
  config.retry = retry_of(campaign, faults);
  config.time_zone = campaign.time_zone;
  config.channels_max = campaign.channels_max;
  config.calls_per_second_max = campaign.calls_per_second_max;
  config.wrap_up_max = seconds(campaign.wrap_up_s);
  if (const auto fault = config.fault(); !fault.empty() && faults.empty()) {
    const auto colon = fault.find(": ");
    faults.push_back({"/" + fault.substr(0, colon), "range", fault.substr(colon + 2)});
  }
  return config;
}

}  // namespace carillon::control
