#include "dialer/campaign/campaign.h"

namespace carillon::dialer {

std::string_view text(Mode mode) {
  constexpr std::array<std::string_view, 4> kTexts = {"broadcast", "progressive", "predictive", "inbound"};
  return kTexts[static_cast<std::size_t>(mode)];
}

std::string_view text(CampaignState state) {
  constexpr std::array<std::string_view, 4> kTexts = {"stopped", "running", "paused", "finished"};
  return kTexts[static_cast<std::size_t>(state)];
}

std::string CampaignConfig::fault() const {
  if (const auto fault = pacing.fault(); !fault.empty()) return "pacing/" + fault;
  if (const auto fault = window.fault(); !fault.empty()) return "window/" + fault;
  if (limits.total == 0 || limits.total > 50) return "limits/total: 1 to 50";
  if (limits.per_day == 0 || limits.per_day > 10) return "limits/per_day: 1 to 10";
  if (channels_max == 0 || channels_max > 100'000) return "channels_max: 1 to 100000";
  if (!(calls_per_second_max > 0 && calls_per_second_max <= 10'000))
    return "calls_per_second_max: above 0, at most 10000";
  if (wrap_up_max < std::chrono::seconds(0) || wrap_up_max > std::chrono::hours(1)) return "wrap_up_max: 0 to 3600 s";
  if (hopper_capacity < 10 || hopper_capacity > 1'000'000) return "hopper_capacity: 10 to 1000000";
  return {};
}

}  // namespace carillon::dialer
