#include "control/api/service.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <boost/json.hpp>

#include "control/api/json/text.h"

namespace carillon::control {
namespace {

constexpr std::size_t kJsonMax = 1 << 20, kUploadMax = 64 << 20, kListMax = 512 << 20;
constexpr std::int64_t kKeepMs = 24 * 3600 * 1000;

std::vector<std::string> split(std::string_view path) {
  std::vector<std::string> parts;
  if (path == "/") return parts;
  while (!path.empty()) {
    path.remove_prefix(1);
    const auto slash = std::min(path.find('/'), path.size());
    parts.emplace_back(path.substr(0, slash));
    path.remove_prefix(slash);
  }
  return parts;
}

bool fits(const std::vector<std::string>& pattern, const std::vector<std::string>& segments,
          std::map<std::string, std::string>& path) {
  if (pattern.size() != segments.size()) return false;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i].starts_with('{'))
      path[pattern[i].substr(1, pattern[i].size() - 2)] = segments[i];
    else if (pattern[i] != segments[i])
      return false;
  }
  return true;
}

std::string_view media_type(std::string_view header) {
  header = header.substr(0, header.find(';'));
  while (header.ends_with(' ')) header.remove_suffix(1);
  return header;
}

bool accepts(std::string_view accept, std::string_view produced) {
  if (accept.empty()) return true;
  while (!accept.empty()) {
    auto part = media_type(accept.substr(0, accept.find(',')));
    while (part.starts_with(' ')) part.remove_prefix(1);
    if (part == "*/*" || part == produced || part == "application/problem+json") return true;
    if (part.ends_with("/*") && produced.starts_with(part.substr(0, part.size() - 1))) return true;
    const auto comma = accept.find(',');
    if (comma == std::string_view::npos) break;
    accept.remove_prefix(comma + 1);
  }
  return false;
}

bool media_matches(std::string_view given, std::string_view wanted) {
  if (given == wanted) return true;
  if (wanted == "application/json") return given == "application/merge-patch+json";
  return wanted == "audio/wav" && (given == "audio/x-wav" || given == "audio/wave" || given == "audio/vnd.wave");
}

}  // namespace

void Service::add(std::vector<Operation> operations) {
  for (auto& operation : operations) {
    patterns_.push_back(split(operation.path));
    operations_.push_back(std::move(operation));
  }
}

Result<Service::Match, Problem> Service::route(const Request& request) const {
  const auto target = parse_target(request.target);
  if (!target) return Problem{.code = "bad_request", .detail = "the target is not a path"};
  std::string allow;
  for (std::size_t i = 0; i < operations_.size(); ++i) {
    Match match{.operation = &operations_[i], .path = {}, .query = {}};
    if (!fits(patterns_[i], target->segments, match.path)) continue;
    const bool same =
        operations_[i].method == request.method || (operations_[i].method == "GET" && request.method == "HEAD");
    if (!same) {
      allow += (allow.empty() ? "" : ", ") + operations_[i].method;
      continue;
    }
    for (const auto& [key, value] : target->query) match.query[key] = value;
    return match;
  }
  if (allow.empty()) return Problem{.code = "not_found", .detail = "nothing has this path"};
  return Problem{.code = "method_not_allowed", .headers = {{"Allow", allow}}};
}

Result<Principal, Problem> Service::identify(const Request& request, const Operation& operation) {
  if (operation.open) return Principal{};
  const auto who = authenticate(store_, request.header("Authorization"), request.header("Carillon-Project"));
  if (!who) {
    if (who.error() == AuthFault::kProject)
      return Problem{.code = "forbidden", .detail = "the token does not reach the project in Carillon-Project"};
    return Problem{.code = "unauthorized"};
  }
  if (!who->may(operation.scope))
    return Problem{.code = "forbidden", .detail = fmt::format("{} needs a token of a wider scope", operation.id)};
  return *who;
}

Admission Service::admit(const Request& head) {
  try {
    const auto match = route(head);
    if (!match) return {.body_max = kJsonMax};  // handle() says what is wrong
    const std::string& consumes = match->operation->consumes;
    if (consumes != "audio/wav" && consumes != "text/csv") return {.body_max = kJsonMax};
    if (const auto who = identify(head, *match->operation); !who) return {.body_max = 0, .refusal = handle(head)};
    if (consumes != "text/csv" || spool_folder_.empty()) return {.body_max = kUploadMax};
    return {.body_max = kListMax, .spool = fmt::format("{}/{}.part", spool_folder_, ids_.make("req", clock_()))};
  } catch (const std::exception&) {
    return {.body_max = kJsonMax};
  }
}

Response Service::refuse(std::string_view code) {
  const auto request_id = ids_.make("req", clock_());
  return finish(Request{.method = "", .target = ""}, problem_response({.code = std::string(code)}, request_id),
                request_id);
}

Response Service::handle(const Request& request) {
  const auto request_id = ids_.make("req", clock_());
  Reply reply = Problem{.code = "internal"};
  HeaderList limits;
  try {
    reply = perform(request, request_id, limits);
  } catch (const DatabaseError& error) {
    spdlog::error("{} {}: store: {}", request_id, request.method, error.what());
    reply = Problem{.code = "store_unavailable"};
  } catch (const std::exception& error) {
    spdlog::error("{} {}: {}", request_id, request.method, error.what());
  }
  auto response = reply ? std::move(*reply) : problem_response(reply.error(), request_id);
  for (const auto& [name, value] : limits) response.set(name, value);
  return finish(request, std::move(response), request_id);
}

Response Service::finish(const Request& request, Response response, const std::string& request_id) {
  response.set("Carillon-Request-Id", request_id);
  response.set("X-Content-Type-Options", "nosniff");
  if (response.header("Cache-Control").empty()) response.set("Cache-Control", "no-store");
  {
    const std::lock_guard lock(mutex_);
    ++answered_[fmt::format("{}xx", response.status / 100)];
  }
  const std::string_view path = std::string_view(request.target).substr(0, request.target.find('?'));
  spdlog::debug("{} {} {} {}", request_id, request.method, path, response.status);
  return response;
}

std::map<std::string, std::uint64_t> Service::answered() const {
  const std::lock_guard lock(mutex_);
  return answered_;
}

Reply Service::perform(const Request& request, const std::string& request_id, HeaderList& limits) {
  auto match = route(request);
  auto who = match ? identify(request, *match->operation) : Result<Principal, Problem>(match.error());
  // who has no token that we know is counted by address, so that guessing them is slow, too
  const bool is_known = who && !who->token.empty();
  const auto turn = limiter_.take(is_known ? who->token : "address " + request.peer, clock_());
  limits = turn.headers;
  if (!turn.is_allowed) return Problem{.code = "rate_limited", .headers = {{"Retry-After", turn.retry_after}}};
  if (!who) return who.error();
  const Operation& operation = *match->operation;
  if (!accepts(request.header("Accept"), operation.produces)) return Problem{.code = "not_acceptable"};
  Context context{.request = request,
                  .who = std::move(*who),
                  .path = std::move(match->path),
                  .query = std::move(match->query),
                  .json = nullptr,
                  .now = clock_(),
                  .request_id = request_id,
                  .idempotency = {}};
  const bool optional_body = operation.consumes == "application/json" && request.body.empty();
  if (!operation.consumes.empty() && !optional_body) {
    if (!media_matches(media_type(request.header("Content-Type")), operation.consumes))
      return Problem{.code = "unsupported_media_type", .detail = "this takes " + operation.consumes};
  }
  if (operation.consumes == "application/json") {
    json::Faults faults;
    const auto body = json::parse(request.body.empty() ? "{}" : request.body, faults);
    if (!body) return Problem{.code = "malformed_json", .detail = faults[0].detail};
    context.json = *body;
  }
  return run_once(operation, context);
}

Reply Service::shaped(const Operation& operation, Context& context) {
  const bool is_read = operation.method == "GET" && operation.path.starts_with("/v1/");
  for (const char* name : {"expand", "fields"}) {
    if (!is_read || context.parameter(name).empty()) continue;
    if (operation.shows.empty() || !shaper_)
      return Problem{.code = "invalid_parameter",
                     .errors = {{std::string("/") + name, "unknown", operation.id + " does not take it"}}};
    return shaper_(operation, context);
  }
  return operation.run(context);
}

// API.md A5: successes are replayed for 24 h, another body is refused, and so is a second request while one runs.
Reply Service::run_once(const Operation& operation, Context& context) {
  const auto key = context.request.header("Idempotency-Key");
  if (key.empty() && operation.idempotency_required) return Problem{.code = "idempotency_key_required"};
  if (key.empty() || context.request.method != "POST") return shaped(operation, context);
  if (key.size() > 255) return invalid({{"/Idempotency-Key", "length", "must have 255 characters at most"}});

  const auto now_ms = context.now.time_since_epoch().count();
  const std::string path = context.request.target.substr(0, context.request.target.find('?'));
  const std::string digest = sha256_hex(
      context.request.target + "\n" +
      (context.request.body_file.empty() ? context.request.body : sha256_hex_of_file(context.request.body_file)));
  const std::string name = sha256_hex(fmt::format("{}\n{}\nPOST\n{}", context.who.project, key, path));
  {
    const std::lock_guard lock(mutex_);
    if (!in_flight_.insert(name).second) return Problem{.code = "idempotency_in_flight"};
  }
  struct Landing {
    Service& service;
    const std::string& name;
    ~Landing() {
      const std::lock_guard lock(service.mutex_);
      service.in_flight_.erase(name);
    }
  } landing{*this, name};

  if (const auto kept = store_.idempotency(name, now_ms - kKeepMs)) {
    if (kept->body_digest != digest) return Problem{.code = "idempotency_mismatch"};
    Response replay{.status = static_cast<int>(kept->status), .body = kept->response};
    replay.set("Content-Type", "application/json");
    replay.set("Idempotency-Replayed", "true");
    return replay;
  }
  context.idempotency = IdempotencyRow{name, context.who.project, digest, operation.success, "", now_ms};
  auto reply = operation.run(context);
  if (!reply || reply->status >= 300 || context.idempotency_kept) return reply;
  context.idempotency->status = reply->status;
  context.idempotency->response = reply->body;
  Changes changes;
  changes.idempotency.push_back(*context.idempotency);
  store_.apply(changes);
  return reply;
}

}  // namespace carillon::control
