#pragma once

#include <string>
#include <vector>

#include "control/api/operation.h"

namespace carillon::control {

/// The OpenAPI 3.1 document of these operations.
boost::json::object openapi(const std::vector<Operation>& operations);
/// Plain pages for people, from the same table: all operations, and one per error code.
std::string docs_page(const std::vector<Operation>& operations);
std::string errors_page();
std::string error_page(const ProblemKind& kind);

}  // namespace carillon::control
