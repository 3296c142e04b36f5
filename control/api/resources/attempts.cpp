// Attempts: every dial of every lead, every caller in an inbound queue, and what agents said of it.

#include <charconv>

#include "control/api/attempt_view.h"
#include "control/api/documents.h"

namespace carillon::control {
namespace {

constexpr auto kAttemptSchema = [](boost::json::object& components) { return json::schema<Attempt>(components); };

Reply list(Plane& plane, Context& context) {
  const auto paging = paging_of(context);
  if (!paging) return paging.error();
  AttemptFilter filter{
      .project = context.who.project, .campaign = context.parameter("campaign"), .limit = paging->limit + 1};
  if (filter.campaign.empty()) filter.campaign = context.parameter("queue");  // one column holds either
  if (const auto id = context.parameter("lead"); !id.empty()) {
    const auto lead = plane.store.leads().lead(context.who.project, id);
    if (!lead) return invalid({{"/lead", "unknown", "no lead of that id"}});
    filter.lead = lead->lead.id.value;
  }
  if (!paging->cursor.empty()) {
    const auto& text = paging->cursor;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), filter.before);
    if (error != std::errc{} || end != text.data() + text.size()) return Problem{.code = "invalid_cursor"};
  }
  const auto rows = plane.store.attempts(filter);
  boost::json::array data;
  for (std::size_t i = 0; i < std::min(rows.size(), paging->limit); ++i)
    if (const auto attempt = attempt_view(plane, rows[i])) data.push_back(json::write(*attempt, json::Mode::kApi));
  std::optional<std::string> next;
  if (rows.size() > paging->limit) next = std::to_string(rows[paging->limit - 1].number);
  return page_response(std::move(data), next);
}

Reply get(Plane& plane, Context& context) {
  const auto row = plane.store.attempt(context.who.project, context.id());
  const auto attempt = row ? attempt_view(plane, *row) : std::nullopt;
  if (!attempt) return not_found("attempt");
  return json_response(200, json::write(*attempt, json::Mode::kApi));
}

Reply dispose(Plane& plane, Context& context) {
  DispositionBody body;
  auto faults = json::read(context.json, body, json::Mode::kApi);
  if (!faults.empty()) return invalid(std::move(faults));
  const auto attempt = plane.campaigns->set_disposition(context.who.project, context.id(), body);
  if (!attempt)
    return Problem{.code = attempt.error().code, .detail = attempt.error().detail, .errors = attempt.error().errors};
  return json_response(200, json::write(*attempt, json::Mode::kApi));
}

}  // namespace

std::vector<Operation> attempt_operations(Plane& plane) {
  return {
      {.method = "GET",
       .path = "/v1/attempts",
       .id = "listAttempts",
       .summary = "Lists attempts, newest first.",
       .parameters = paging_parameters({{"campaign", "Id of the campaign."},
                                        {"queue", "Or id of the inbound queue."},
                                        {"lead", "Id of the lead."}}),
       .gives = page_schema(kAttemptSchema),
       .problems = {"invalid", "invalid_cursor"},
       .shows = "attempt",
       .run = [&plane](Context& context) { return list(plane, context); }},
      {.method = "GET",
       .path = "/v1/attempts/{id}",
       .id = "getAttempt",
       .summary = "Shows an attempt.",
       .gives = kAttemptSchema,
       .problems = {"not_found"},
       .shows = "attempt",
       .run = [&plane](Context& context) { return get(plane, context); }},
      {.method = "POST",
       .path = "/v1/attempts/{id}/actions/disposition",
       .id = "setDisposition",
       .summary = "What the agent makes of the call; may ask for a call-back or block the number.",
       .scope = Scope::kManage,
       .consumes = "application/json",
       .takes = [](boost::json::object& components) { return json::schema<DispositionBody>(components); },
       .gives = kAttemptSchema,
       .problems = {"not_found", "invalid"},
       .run = [&plane](Context& context) { return dispose(plane, context); }},
  };
}

}  // namespace carillon::control
