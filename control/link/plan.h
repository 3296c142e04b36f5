#pragma once

#include "dialer/plan/plan.h"
#include "engine/link/engine.pb.h"

namespace carillon::control {

/// The schema's form of a call plan, field by field. The plan must have no fault().
wire::CallPlan plan_to_wire(const dialer::CallPlan& plan);

}  // namespace carillon::control
