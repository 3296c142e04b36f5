#include "control/api/problem.h"

#include <fmt/format.h>

#include <boost/json.hpp>

#include "engine/base/check.h"

namespace carillon::control {
namespace {

constexpr ProblemKind kKinds[] = {
    {"bad_request", 400, "The request is not HTTP as we read it",
     "The request line, a header or the target is malformed.", "Send HTTP/1.1 with an origin-form target."},
    {"malformed_json", 400, "The body is not JSON", "The body could not be parsed; the detail names the place.",
     "Send one JSON document in UTF-8, at most 32 levels deep."},
    {"invalid_cursor", 400, "The cursor is not one of ours",
     "A cursor or Last-Event-ID was changed or comes from elsewhere.",
     "Use next_cursor of the page before, unchanged."},
    {"invalid_parameter", 400, "A parameter of the query is wrong",
     "expand or fields names something that this answer does not have; errors[] names the parameter.",
     "Use the names that the detail lists."},
    {"idempotency_key_required", 400, "Idempotency-Key is missing",
     "This request dials; a retry without a key could dial twice.",
     "Send a header Idempotency-Key with a value of your own, 1 to 255 characters, and the same one when you retry."},
    {"unauthorized", 401, "A valid token is needed", "There is no token, or it is unknown or deleted.",
     "Send Authorization: Bearer and the token. The first one lies in admin.token in the data folder."},
    {"forbidden", 403, "The token may not do this", "Its scope or its projects do not cover this request.",
     "Use a token with the scope that the operation names."},
    {"emergency_number", 403, "Emergency numbers are never dialled",
     "The number, as given or as the trunk would rewrite it, reaches an emergency service.",
     "Remove the number. This cannot be switched off."},
    {"do_not_call", 403, "The number is on the do-not-call list",
     "The person asked not to be called, or someone blocked the number for this project.",
     "Do not call it. If it stands there by mistake, DELETE /v1/do_not_call/{number} first."},
    {"not_found", 404, "There is no such thing", "Nothing of that id or path exists in this project.",
     "Check the id and the project of the token."},
    {"method_not_allowed", 405, "The path does not take this method", "The header Allow lists what it takes.",
     "Use one of the methods in Allow."},
    {"not_acceptable", 406, "Nothing here that the client accepts", "Accept excludes every form that this answer has.",
     "Accept application/json."},
    {"conflict", 409, "It exists already", "Another object holds this unique name or number.",
     "Choose another, or change the one that exists."},
    {"in_use", 409, "It is still used", "Something else refers to it; the detail says what.",
     "Remove the reference first."},
    {"idempotency_in_flight", 409, "The first request with this key is still running",
     "Two requests with one Idempotency-Key overlap.", "Wait and send it again; you will get the first one's answer."},
    {"call_state", 409, "The call is not in a state for this", "For instance, it has ended or is not answered yet.",
     "Look at the call's state."},
    {"job_state", 409, "The job is not in a state for this", "It has ended, or it is past the point of return.",
     "Look at the job's state."},
    {"agent_state", 409, "The agent is not in a state for this", "For instance, not logged in or with a call in hand.",
     "Look at the agent's status."},
    {"webhook_state", 409, "The webhook is not in a state for this", "It is switched off, or its event is not kept.",
     "Switch it on with PATCH active = true, then ask again."},
    {"version_conflict", 412, "It was changed meanwhile", "If-Match does not name the present version.",
     "Get it again, apply the change to what you see, use its ETag."},
    {"body_too_large", 413, "The body is too large", "JSON may have 1 MiB, a prompt 64 MiB, a list of leads 512 MiB.",
     "Send less."},
    {"unsupported_media_type", 415, "The body has the wrong type", "Content-Type is not what this operation takes.",
     "Send application/json; for a prompt audio/wav, for a list of leads text/csv."},
    {"range_not_satisfiable", 416, "The range lies outside", "Range asks for bytes that the file does not have.",
     "Use the size in Content-Range."},
    {"invalid", 422, "Some fields are wrong", "errors[] names each by JSON pointer, with its own code.",
     "Correct the named fields."},
    {"invalid_audio", 422, "The file is not a WAV that can be played", "The detail says what is wrong with it.",
     "Send RIFF/WAVE, PCM 16 bit (or G.711), one channel."},
    {"idempotency_mismatch", 422, "The key was used with another body",
     "An Idempotency-Key names one request; this body differs from the first.", "Use a new key for a new request."},
    {"too_many_requests", 429, "Too many at once", "More large bodies are on their way than are taken at once.",
     "Wait for Retry-After."},
    {"rate_limited", 429, "The token has used up its requests",
     "RateLimit-Policy tells how many requests a token (without one: an address) has in how many seconds.",
     "Wait for Retry-After; look at RateLimit-Remaining before it is used up."},
    {"headers_too_large", 431, "The head is too large", "Request line and headers may have 16 KiB.",
     "Send fewer headers."},
    {"internal", 500, "Our fault", "Something failed that must not fail; the log has the request id.",
     "Report it with the request id."},
    {"engine_unavailable", 503, "No engine is connected", "The call engine is not running or cannot be reached.",
     "See /health; retry after Retry-After."},
    {"store_unavailable", 503, "The store does not answer", "The data base is locked or its disk is full.",
     "Retry after Retry-After; look at the disk."},
};

}  // namespace

std::span<const ProblemKind> problem_catalogue() { return kKinds; }

const ProblemKind& problem_kind(std::string_view code) {
  for (const ProblemKind& kind : kKinds)
    if (kind.code == code) return kind;
  CHECK(code == "one of the catalogue");
  return kKinds[0];
}

Response problem_response(const Problem& problem, std::string_view request_id) {
  const ProblemKind& kind = problem_kind(problem.code);
  boost::json::object body{{"type", fmt::format("/docs/errors/{}", problem.code)},
                           {"title", kind.title},
                           {"status", kind.status},
                           {"detail", problem.detail.empty() ? kind.meaning : std::string_view(problem.detail)},
                           {"code", kind.code}};
  if (!problem.errors.empty()) {
    boost::json::array errors;
    for (const auto& fault : problem.errors)
      errors.push_back(boost::json::object{{"pointer", fault.pointer}, {"code", fault.code}, {"detail", fault.detail}});
    body["errors"] = errors;
  }
  body["request_id"] = request_id;
  Response response{.status = kind.status, .headers = problem.headers, .body = boost::json::serialize(body)};
  response.set("Content-Type", "application/problem+json");
  if ((kind.status == 503 || kind.status == 429) && response.header("Retry-After").empty())
    response.set("Retry-After", "2");
  if (kind.status == 401) response.set("WWW-Authenticate", "Bearer realm=\"carillon\"");
  return response;
}

}  // namespace carillon::control
