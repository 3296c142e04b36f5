#pragma once
// One operation of the API: what routes to it, who may call it, what it takes and gives, and the function itself. The
// router, the OpenAPI document and the readable pages are all made from this table.

#include <boost/json/value.hpp>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "control/api/problem.h"
#include "control/auth/token.h"
#include "control/store/store.h"

namespace carillon::control {

/// One request on its way through the API.
struct Context {
  const Request& request;
  Principal who;
  std::map<std::string, std::string> path;  ///< {id} → value
  std::map<std::string, std::string> query;
  boost::json::value json;  ///< the body, where the operation takes JSON
  WallTime now{};
  std::string request_id;
  /// Set when the client sent Idempotency-Key; whoever keeps the answer in the same transaction as the work says so.
  std::optional<IdempotencyRow> idempotency;
  bool idempotency_kept = false;
  bool is_part = false;  ///< shown within another answer: without lists of its own

  const std::string& id() const { return path.at("id"); }
  std::string parameter(const std::string& name) const {
    const auto found = query.find(name);
    return found == query.end() ? std::string() : found->second;
  }
};

using Reply = Result<Response, Problem>;
using SchemaOf = std::function<boost::json::object(boost::json::object& components)>;

struct Parameter {
  std::string name, about;
  bool required = false;
};

struct Operation {
  std::string method, path, id, summary;
  Scope scope = Scope::kRead;
  bool open = false;  ///< needs no token
  bool idempotency_required = false;
  std::string consumes = {};  ///< media type of the body; empty: none
  std::string produces = "application/json";
  int success = 200;
  std::vector<Parameter> parameters = {};  ///< of the query
  SchemaOf takes = nullptr, gives = nullptr;
  std::vector<std::string> problems = {};  ///< codes beside those that every operation may answer
  std::string shows = {};                  ///< kind of what a GET gives, where it takes `expand` and `fields`
  std::function<Reply(Context&)> run = nullptr;
};

Response json_response(int status, const boost::json::value& body);
inline Problem not_found(std::string_view noun) {
  return Problem{.code = "not_found", .detail = "no " + std::string(noun) + " of that id in this project"};
}
inline Problem invalid(json::Faults faults) { return Problem{.code = "invalid", .errors = std::move(faults)}; }

/// limit (1..500, 50 when missing) and cursor of a paged list. errors: invalid
struct Paging {
  std::size_t limit = 50;
  std::string cursor;
};
Result<Paging, Problem> paging_of(const Context& context);
std::vector<Parameter> paging_parameters(std::vector<Parameter> more = {});

/// {"data":[…],"next_cursor":…}
Response page_response(boost::json::array data, const std::optional<std::string>& next_cursor);
/// Schema of a page of what `item` describes.
SchemaOf page_schema(SchemaOf item);

}  // namespace carillon::control
