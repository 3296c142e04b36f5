#pragma once

#include <optional>

#include "control/api/plane.h"
#include "control/model/attempt.h"

namespace carillon::control {

/// An attempt as the API shows it. Its recording is ready only after its end: the call knows it. Empty for a row that
/// cannot be read.
std::optional<Attempt> attempt_view(Plane& plane, const AttemptRow& row);

}  // namespace carillon::control
