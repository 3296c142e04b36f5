// Numbers that must not be called. They count from the answer on: the dialer hears of them in the same call.

#include "control/api/json/walker.h"
#include "control/api/plane.h"
#include "control/crm/number.h"
#include "control/model/lead.h"

namespace carillon::control {
namespace {

constexpr auto kSchema = [](boost::json::object& components) { return json::schema<BlockedView>(components); };

boost::json::value shown(const BlockedNumber& blocked) {
  return json::write(
      BlockedView{blocked.number, blocked.reason, WallTime(std::chrono::milliseconds(blocked.created_ms))},
      json::Mode::kApi);
}

Reply block(Plane& plane, Context& context) {
  BlockInput input;
  auto faults = json::read(context.json, input, json::Mode::kApi);
  if (faults.empty() && input.number.has_value() == input.numbers.has_value())
    faults.push_back({"/number", "required", "give number or numbers"});
  if (!faults.empty()) return invalid(std::move(faults));
  const std::vector<std::string> typed = input.numbers ? *input.numbers : std::vector{*input.number};
  std::vector<std::string> numbers;
  for (std::size_t i = 0; i < typed.size(); ++i) {
    const auto number = to_e164(typed[i], input.region);
    if (number)
      numbers.push_back(*number);
    else if (faults.size() < 50)
      faults.push_back({input.number ? "/number" : "/numbers/" + std::to_string(i), "bad_number",
                        std::string(text(number.error()))});
  }
  if (!faults.empty()) return invalid(std::move(faults));
  const auto added = plane.store.leads().block(context.who.project, numbers, input.reason, context.now);
  return json_response(201, boost::json::object{{"added", added}, {"known", numbers.size() - added}});
}

Reply list(Plane& plane, Context& context) {
  const auto paging = paging_of(context);
  if (!paging) return paging.error();
  boost::json::array data;
  if (const auto typed = context.parameter("number"); !typed.empty()) {
    const auto number = to_e164(typed, "");
    if (!number) return invalid({{"/number", "format", std::string(text(number.error()))}});
    if (const auto blocked = plane.store.leads().blocked(context.who.project, *number)) data.push_back(shown(*blocked));
    return page_response(std::move(data), std::nullopt);
  }
  // a cursor is the digits of the last number
  const std::string after = paging->cursor.empty() ? "" : "+" + paging->cursor;
  const auto blocked = plane.store.leads().blocked_after(context.who.project, after, paging->limit + 1);
  for (std::size_t i = 0; i < std::min(blocked.size(), paging->limit); ++i) data.push_back(shown(blocked[i]));
  std::optional<std::string> next;
  if (blocked.size() > paging->limit) next = blocked[paging->limit - 1].number.substr(1);
  return page_response(std::move(data), next);
}

Reply unblock(Plane& plane, Context& context) {
  const auto number = to_e164(context.path.at("number"), "");
  if (!number || !plane.store.leads().unblock(context.who.project, *number))
    return Problem{.code = "not_found", .detail = "this number is not on the list"};
  return Response{.status = 204};
}

}  // namespace

bool is_blocked(Plane& plane, const std::string& project, const std::string& number) {
  std::string e164 = "+";
  for (const char letter : number)
    if (letter >= '0' && letter <= '9') e164 += letter;
  return plane.store.leads().blocked(project, e164).has_value();
}

std::vector<Operation> do_not_call_operations(Plane& plane) {
  return {
      {.method = "POST",
       .path = "/v1/do_not_call",
       .id = "blockNumbers",
       .summary = "Puts one number, or up to 10,000, on the project's do-not-call list; effective at once.",
       .scope = Scope::kManage,
       .consumes = "application/json",
       .success = 201,
       .takes = [](boost::json::object& components) { return json::schema<BlockInput>(components); },
       .problems = {"invalid"},
       .run = [&plane](Context& context) { return block(plane, context); }},
      {.method = "GET",
       .path = "/v1/do_not_call",
       .id = "listBlockedNumbers",
       .summary = "Looks a number up, or lists all in their order.",
       .parameters = paging_parameters({{"number", "E.164."}}),
       .gives = page_schema(kSchema),
       .problems = {"invalid"},
       .run = [&plane](Context& context) { return list(plane, context); }},
      {.method = "DELETE",
       .path = "/v1/do_not_call/{number}",
       .id = "unblockNumber",
       .summary = "Takes a number off the list.",
       .scope = Scope::kManage,
       .success = 204,
       .problems = {"not_found"},
       .run = [&plane](Context& context) { return unblock(plane, context); }},
  };
}

}  // namespace carillon::control
