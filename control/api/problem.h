#pragma once
// The error catalogue: every way a request can fail has one stable code, an HTTP status and a page of its own.

#include <span>
#include <string>
#include <string_view>

#include "control/api/json/rules.h"
#include "control/api/request.h"

namespace carillon::control {

struct ProblemKind {
  std::string_view code;
  int status;
  std::string_view title, meaning, fix;
};

/// All of them, in the order of the documentation.
std::span<const ProblemKind> problem_catalogue();
/// The kind of that code; a code that is not in the catalogue is our own fault.
const ProblemKind& problem_kind(std::string_view code);

/// One refusal (RFC 9457).
struct Problem {
  std::string code;
  std::string detail = {};
  json::Faults errors = {};
  HeaderList headers = {};
};

/// application/problem+json: type, title, status, detail, code, errors[], request_id.
Response problem_response(const Problem& problem, std::string_view request_id);

}  // namespace carillon::control
