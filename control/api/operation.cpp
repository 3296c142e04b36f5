#include "control/api/operation.h"

#include <boost/json.hpp>
#include <charconv>

namespace carillon::control {

Response json_response(int status, const boost::json::value& body) {
  Response response{.status = status, .body = boost::json::serialize(body)};
  response.set("Content-Type", "application/json");
  return response;
}

Result<Paging, Problem> paging_of(const Context& context) {
  constexpr std::size_t kLimitMax = 500;
  Paging paging{.limit = 50, .cursor = context.parameter("cursor")};
  if (const auto text = context.parameter("limit"); !text.empty()) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), paging.limit);
    if (error != std::errc{} || end != text.data() + text.size() || paging.limit == 0 || paging.limit > kLimitMax)
      return invalid({{"/limit", "range", "must be from 1 to 500"}});
  }
  if (paging.cursor.size() > 64 ||
      paging.cursor.find_first_not_of("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_") !=
          std::string::npos)
    return Problem{.code = "invalid_cursor"};
  return paging;
}

std::vector<Parameter> paging_parameters(std::vector<Parameter> more) {
  more.push_back({"limit", "Items on a page, 1 to 500; 50 when missing."});
  more.push_back({"cursor", "next_cursor of the page before."});
  return more;
}

Response page_response(boost::json::array data, const std::optional<std::string>& next_cursor) {
  boost::json::object page{{"data", std::move(data)}, {"next_cursor", nullptr}};
  if (next_cursor) page["next_cursor"] = *next_cursor;
  return json_response(200, page);
}

SchemaOf page_schema(SchemaOf item) {
  return [item = std::move(item)](boost::json::object& components) {
    return boost::json::object{
        {"type", "object"},
        {"properties",
         boost::json::object{{"data", boost::json::object{{"type", "array"}, {"items", item(components)}}},
                             {"next_cursor", boost::json::object{{"type", boost::json::array{"string", "null"}}}}}},
        {"required", boost::json::array{"data", "next_cursor"}}};
  };
}

}  // namespace carillon::control
