#pragma once
// Who refers to a thing that is to go: words for the answer in_use.

#include <functional>
#include <string>

#include "control/api/plane.h"
#include "control/model/agent.h"
#include "control/model/campaign.h"

namespace carillon::control {

/// A campaign of this project that is not stopped and refers to it, in words; empty when there is none.
std::string campaign_with(Plane& plane, const Context& context, const std::function<bool(const Campaign&)>& refers);
/// An agent of this project, likewise.
std::string agent_with(Plane& plane, const Context& context, const std::function<bool(const Agent&)>& refers);

}  // namespace carillon::control
