#pragma once

#include <string>
#include <vector>

namespace carillon::control {

/// Configuration and resources: one table of one shape per kind.
const std::vector<std::string>& plane_migrations();
/// Attempts, calls, CDRs, recordings and events, in a file of their own so that imports never hold them up.
const std::vector<std::string>& calls_migrations();

}  // namespace carillon::control
