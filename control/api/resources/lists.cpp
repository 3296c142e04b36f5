// Lists of leads.

#include "control/api/json/walker.h"
#include "control/api/plane.h"
#include "control/api/references.h"
#include "control/import/importer.h"

namespace carillon::control {
namespace {

constexpr auto kSchema = [](boost::json::object& components) { return json::schema<ListView>(components); };

Reply create(Plane& plane, Context& context) {
  ListView view;
  if (auto faults = json::read(context.json, view, json::Mode::kApi); !faults.empty())
    return invalid(std::move(faults));
  if (!view.time_zone.empty() && !plane.importer.zones().has(view.time_zone))
    return invalid({{"/time_zone", "choice", "no time zone of that name"}});
  LeadList list{.id = plane.ids.make("list", context.now),
                .project = context.who.project,
                .name = view.name,
                .region = view.region,
                .time_zone = view.time_zone,
                .created_ms = context.now.time_since_epoch().count()};
  if (!plane.store.leads().add_list(list)) return Problem{.code = "conflict", .detail = "another list has this name"};
  auto response = json_response(201, json::write(ListView::of(list), json::Mode::kApi));
  response.set("Location", "/v1/lists/" + list.id);
  return response;
}

Reply list(Plane& plane, Context& context) {
  const auto paging = paging_of(context);
  if (!paging) return paging.error();
  const auto lists = plane.store.leads().lists(context.who.project, paging->cursor, paging->limit + 1);
  boost::json::array data;
  for (std::size_t i = 0; i < std::min(lists.size(), paging->limit); ++i)
    data.push_back(json::write(ListView::of(lists[i]), json::Mode::kApi));
  std::optional<std::string> next;
  if (lists.size() > paging->limit) next = lists[paging->limit - 1].id;
  return page_response(std::move(data), next);
}

Reply get(Plane& plane, Context& context) {
  const auto list = plane.store.leads().list(context.who.project, context.id());
  if (!list) return not_found("list");
  return json_response(200, json::write(ListView::of(*list), json::Mode::kApi));
}

Reply remove(Plane& plane, Context& context) {
  const auto list = plane.store.leads().list(context.who.project, context.id());
  if (!list) return not_found("list");
  if (plane.importer.jobs().is_busy(list->number))
    return Problem{.code = "in_use", .detail = "an import into it is not finished"};
  if (list->counts.in_hand > 0) return Problem{.code = "in_use", .detail = "a campaign is dialing its leads"};
  if (auto why = campaign_with(plane, context,
                               [&](const Campaign& campaign) {
                                 return std::ranges::find(campaign.lists, list->id) != campaign.lists.end();
                               });
      !why.empty())
    return Problem{.code = "in_use", .detail = std::move(why)};
  if (!plane.store.leads().remove_list(context.who.project, context.id())) return not_found("list");
  plane.importer.wake();
  return Response{.status = 204};
}

}  // namespace

std::vector<Operation> list_operations(Plane& plane) {
  return {
      {.method = "POST",
       .path = "/v1/lists",
       .id = "createList",
       .summary = "Creates an empty list of leads.",
       .scope = Scope::kManage,
       .consumes = "application/json",
       .success = 201,
       .takes = kSchema,
       .gives = kSchema,
       .problems = {"invalid", "conflict"},
       .run = [&plane](Context& context) { return create(plane, context); }},
      {.method = "GET",
       .path = "/v1/lists",
       .id = "listLists",
       .summary = "Lists the lists, oldest first, with their counts.",
       .parameters = paging_parameters(),
       .gives = page_schema(kSchema),
       .run = [&plane](Context& context) { return list(plane, context); }},
      {.method = "GET",
       .path = "/v1/lists/{id}",
       .id = "getList",
       .summary = "Shows a list with its counts.",
       .gives = kSchema,
       .problems = {"not_found"},
       .run = [&plane](Context& context) { return get(plane, context); }},
      {.method = "DELETE",
       .path = "/v1/lists/{id}",
       .id = "deleteList",
       .summary = "Deletes a list and its leads.",
       .scope = Scope::kManage,
       .success = 204,
       .problems = {"not_found", "in_use"},
       .run = [&plane](Context& context) { return remove(plane, context); }},
  };
}

}  // namespace carillon::control
