#include "control/api/references.h"

#include "control/api/documents.h"

namespace carillon::control {

std::string campaign_with(Plane& plane, const Context& context, const std::function<bool(const Campaign&)>& refers) {
  for (const Document& row : plane.store.all(Kind::kCampaigns)) {
    const auto campaign = row.project == context.who.project ? read_body<Campaign>(row) : std::nullopt;
    if (campaign && refers(*campaign) && plane.campaigns->is_active(campaign->id))
      return "campaign \"" + campaign->name + "\" is not stopped and needs it";
  }
  return {};
}

std::string agent_with(Plane& plane, const Context& context, const std::function<bool(const Agent&)>& refers) {
  for (const Document& row : plane.store.all(Kind::kAgents)) {
    const auto agent = row.project == context.who.project ? read_body<Agent>(row) : std::nullopt;
    if (agent && refers(*agent)) return "agent \"" + agent->name + "\" has it";
  }
  return {};
}

}  // namespace carillon::control
