// Leads: added one by one or by the thousand, looked up, changed by hand.

#include "control/api/attempt_view.h"
#include "control/api/json/walker.h"
#include "control/api/plane.h"
#include "control/crm/number.h"
#include "control/import/importer.h"

namespace carillon::control {
namespace {

constexpr std::size_t kLeadsMax = 1000, kHistoryMax = 100;
constexpr auto kLead = [](boost::json::object& components) { return json::schema<LeadView>(components); };
// A lead alone comes with its attempts.
constexpr auto kLeadAlone = [](boost::json::object& components) {
  auto one = json::schema<LeadView>(components);
  auto& alone = components["LeadWithHistory"];
  alone = components.at(LeadView::kSchema);
  alone.as_object().at("properties").as_object()["history"] =
      boost::json::object{{"type", "array"},
                          {"items", json::schema<Attempt>(components)},
                          {"description", "Its attempts, newest first, 100 at most; GET /v1/attempts?lead= has all."}};
  one["$ref"] = "#/components/schemas/LeadWithHistory";
  return one;
};
constexpr auto kInput = [](boost::json::object& components) {
  const auto one = json::schema<LeadInput>(components);
  return boost::json::object{
      {"oneOf",
       boost::json::array{
           one, boost::json::object{
                    {"type", "object"},
                    {"properties",
                     boost::json::object{
                         {"leads", boost::json::object{{"type", "array"}, {"items", one}, {"maxItems", kLeadsMax}}}}},
                    {"required", boost::json::array{"leads"}},
                    {"additionalProperties", false}}}}};
};

Result<NewLead, json::Fault> read_lead(Plane& plane, const LeadList& list, const boost::json::value& body) {
  LeadInput input;
  if (auto faults = json::read(body, input, json::Mode::kApi); !faults.empty()) return faults[0];
  const auto number = to_e164(input.phone, list.region);
  if (!number) return json::Fault{"/phone", "bad_number", std::string(text(number.error()))};
  if (!input.time_zone.empty() && !plane.importer.zones().has(input.time_zone))
    return json::Fault{"/time_zone", "bad_time_zone", "no time zone of that name"};
  NewLead lead;
  lead.phone = *number;
  lead.name = std::move(input.name);
  lead.external_id = std::move(input.external_id);
  lead.priority = input.priority;
  lead.time_zone = std::move(input.time_zone);
  if (input.not_before) lead.not_before_ms = input.not_before->time_since_epoch().count();
  lead.extra = json::text(json::write(input.extra, json::Mode::kStore));
  return lead;
}

Response added_response(const std::vector<AddedLead>& added, boost::json::array errors) {
  boost::json::array ids;
  std::int64_t created = 0, duplicates = 0;
  for (const AddedLead& one : added) {
    ids.emplace_back(one.id);
    ++(one.fate == AddedLead::Fate::kCreated ? created : duplicates);
  }
  return json_response(
      201,
      boost::json::object{
          {"created", created}, {"duplicates", duplicates}, {"errors", std::move(errors)}, {"data", std::move(ids)}});
}

Reply add(Plane& plane, Context& context) {
  const auto list = plane.store.leads().list(context.who.project, context.id());
  if (!list) return not_found("list");
  const auto* object = context.json.if_object();
  const auto* many = object != nullptr ? object->if_contains("leads") : nullptr;
  if (many == nullptr) {
    auto lead = read_lead(plane, *list, context.json);
    if (!lead) return invalid({lead.error()});
    return added_response(plane.store.leads().add(*list, std::span(&*lead, 1), AddMode::kSkip, context.now), {});
  }
  if (!many->is_array()) return invalid({{"/leads", "type", "must be a list"}});
  if (object->size() != 1) return invalid({{"", "unknown_field", "leads stands alone"}});
  if (many->as_array().size() > kLeadsMax) return invalid({{"/leads", "length", "must have 1000 items at most"}});
  std::vector<NewLead> leads;
  boost::json::array errors;
  for (std::size_t i = 0; i < many->as_array().size(); ++i) {
    auto lead = read_lead(plane, *list, many->as_array()[i]);
    if (lead)
      leads.push_back(std::move(*lead));
    else
      errors.push_back(boost::json::object{
          {"index", i}, {"code", lead.error().code}, {"detail", lead.error().pointer + ": " + lead.error().detail}});
  }
  return added_response(plane.store.leads().add(*list, leads, AddMode::kSkip, context.now), std::move(errors));
}

Reply list(Plane& plane, Context& context) {
  const auto paging = paging_of(context);
  if (!paging) return paging.error();
  LeadFilter filter{.project = context.who.project, .list = context.parameter("list"), .limit = paging->limit + 1};
  if (const auto typed = context.parameter("number"); !typed.empty()) {
    const auto number = to_e164(typed, "");
    if (!number) return invalid({{"/number", "format", std::string(text(number.error()))}});
    filter.number = *number;
  }
  if (const auto state = context.parameter("state"); !state.empty()) {
    const auto known = json::enum_of<LeadStatus>(state);
    if (!known) return invalid({{"/state", "choice", "must be pending, in_hand or done"}});
    filter.state = static_cast<LeadState>(*known);
  }
  if (!paging->cursor.empty()) {
    const auto last = plane.store.leads().lead(context.who.project, paging->cursor);
    if (!last) return Problem{.code = "invalid_cursor"};
    filter.after = static_cast<std::int64_t>(last->lead.id.value);
  }
  const auto leads = plane.store.leads().leads(filter);
  boost::json::array data;
  for (std::size_t i = 0; i < std::min(leads.size(), paging->limit); ++i)
    data.push_back(json::write(LeadView::of(leads[i]), json::Mode::kApi));
  std::optional<std::string> next;
  if (leads.size() > paging->limit) next = leads[paging->limit - 1].id;
  return page_response(std::move(data), next);
}

Reply get(Plane& plane, Context& context) {
  const auto lead = plane.store.leads().lead(context.who.project, context.id());
  if (!lead) return not_found("lead");
  auto body = json::write(LeadView::of(*lead), json::Mode::kApi).as_object();
  if (context.is_part) return json_response(200, body);
  boost::json::array history;
  for (const AttemptRow& row :
       plane.store.attempts({.project = context.who.project, .lead = lead->lead.id.value, .limit = kHistoryMax}))
    if (const auto attempt = attempt_view(plane, row)) history.push_back(json::write(*attempt, json::Mode::kApi));
  body["history"] = std::move(history);
  return json_response(200, body);
}

Reply patch(Plane& plane, Context& context) {
  LeadPatch input;
  if (auto faults = json::read(context.json, input, json::Mode::kApi); !faults.empty())
    return invalid(std::move(faults));
  if (input.state && *input.state != LeadStatus::kDone)
    return invalid({{"/state", "choice", "can only be set to done"}});
  LeadChange change{.priority = input.priority};
  if (input.not_before) change.not_before_ms = input.not_before->time_since_epoch().count();
  if (input.state) {
    change.state = LeadState::kDone;
    change.done_reason = "by hand";
  }
  const auto lead = plane.store.leads().change(context.who.project, context.id(), change, context.now);
  if (!lead) return not_found("lead");
  return json_response(200, json::write(LeadView::of(*lead), json::Mode::kApi));
}

}  // namespace

std::vector<Operation> lead_operations(Plane& plane) {
  return {
      {.method = "POST",
       .path = "/v1/lists/{id}/leads",
       .id = "addLeads",
       .summary = "Adds a lead, or up to 1000 as {\"leads\":[…]}. What cannot be taken is named by its index.",
       .scope = Scope::kManage,
       .consumes = "application/json",
       .success = 201,
       .takes = kInput,
       .problems = {"not_found", "invalid"},
       .run = [&plane](Context& context) { return add(plane, context); }},
      {.method = "GET",
       .path = "/v1/leads",
       .id = "listLeads",
       .summary = "Lists leads, oldest first.",
       .parameters =
           paging_parameters({{"list", "Id of a list."}, {"state", "pending, in_hand or done."}, {"number", "E.164."}}),
       .gives = page_schema(kLead),
       .problems = {"invalid"},
       .shows = "lead",
       .run = [&plane](Context& context) { return list(plane, context); }},
      {.method = "GET",
       .path = "/v1/leads/{id}",
       .id = "getLead",
       .summary = "Shows a lead with its attempts.",
       .gives = kLeadAlone,
       .problems = {"not_found"},
       .shows = "lead",
       .run = [&plane](Context& context) { return get(plane, context); }},
      {.method = "PATCH",
       .path = "/v1/leads/{id}",
       .id = "updateLead",
       .summary = "Changes priority or not_before, or ends a lead (state done).",
       .scope = Scope::kManage,
       .consumes = "application/json",
       .takes = [](boost::json::object& components) { return json::schema<LeadPatch>(components); },
       .gives = kLead,
       .problems = {"not_found", "invalid"},
       .run = [&plane](Context& context) { return patch(plane, context); }},
  };
}

}  // namespace carillon::control
