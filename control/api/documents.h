#pragma once
// Five operations for a resource that the store keeps as a document: create, list, get, patch, delete. A new resource
// is its struct with rules, a spec and one line where the plane is put together.

#include "control/api/json/walker.h"
#include "control/api/operation.h"
#include "control/api/plane.h"

namespace carillon::control {

template <class T>
struct DocumentSpec {
  Kind kind;
  std::string prefix, path, noun;  ///< "trunk", "/v1/trunks", "trunk"
  std::string type;                ///< for operation ids: "Trunk"
  Scope read_scope = Scope::kRead, write_scope = Scope::kManage;
  bool has_create = true, has_patch = true;
  std::string shows = {};     ///< see Operation
  bool keeps_answers = true;  ///< Idempotency-Key may keep the answer (not where it shows a secret)
  /// Unique within the table, or nothing.
  std::function<std::optional<std::string>(const Context&, const T&)> unique_key;
  /// Completes what was read and finds what single fields cannot tell. `before` is null at creation.
  std::function<json::Faults(Context&, T&, const T* before)> complete = nullptr;
  /// Why it may not go, or empty.
  std::function<std::string(Context&, const T&)> in_use = nullptr;
  std::function<void(const T&)> changed = nullptr, removed = nullptr;
  std::function<void(T&)> show_live = nullptr;  ///< fills what only an engine knows
};

template <class T>
std::optional<T> read_body(const std::optional<Document>& document) {
  json::Faults faults;
  const auto body = document ? json::parse(document->body, faults) : std::nullopt;
  T value;
  if (!body || !json::read(*body, value, json::Mode::kStore).empty()) return std::nullopt;
  return value;
}

template <class T>
class Documents {
 public:
  Documents(Plane& plane, DocumentSpec<T> spec) : plane_(plane), spec_(std::move(spec)) {}

  std::vector<Operation> operations() const {
    const auto self = *this;  // operations outlive this object
    const SchemaOf one = [](boost::json::object& components) { return json::schema<T>(components); };
    std::vector<Operation> out;
    const auto add = [&](const char* method, std::string path, std::string id, std::string summary, Scope scope,
                         auto member, SchemaOf gives) -> Operation& {
      return out.emplace_back(Operation{.method = method,
                                        .path = std::move(path),
                                        .id = std::move(id),
                                        .summary = std::move(summary),
                                        .scope = scope,
                                        .gives = std::move(gives),
                                        .run = [self, member](Context& context) { return (self.*member)(context); }});
    };
    const std::string item = spec_.path + "/{id}";
    if (spec_.has_create) {
      auto& create = add("POST", spec_.path, "create" + spec_.type, "Creates a " + spec_.noun + ".", spec_.write_scope,
                         &Documents::create, one);
      create.consumes = "application/json";
      create.success = 201;
      create.takes = one;
      create.problems = {"invalid", "conflict"};
    }
    auto& list = add("GET", spec_.path, "list" + spec_.type + "s", "Lists " + spec_.noun + "s, oldest first.",
                     spec_.read_scope, &Documents::list, page_schema(one));
    list.parameters = paging_parameters();
    list.shows = spec_.shows;
    auto& get =
        add("GET", item, "get" + spec_.type, "Shows a " + spec_.noun + ".", spec_.read_scope, &Documents::get, one);
    get.problems = {"not_found"};
    get.shows = spec_.shows;
    if (spec_.has_patch) {
      auto& patch = add("PATCH", item, "update" + spec_.type,
                        "Changes fields of a " + spec_.noun + " (RFC 7396); If-Match is optional.", spec_.write_scope,
                        &Documents::patch, one);
      patch.consumes = "application/json";
      patch.takes = one;
      patch.problems = {"not_found", "invalid", "conflict", "version_conflict"};
    }
    auto& remove = add("DELETE", item, "delete" + spec_.type, "Deletes a " + spec_.noun + ".", spec_.write_scope,
                       &Documents::remove, nullptr);
    remove.success = 204;
    remove.problems = {"not_found", "in_use"};
    return out;
  }

  Reply create(Context& context) const {
    T value;
    auto faults = json::read(context.json, value, json::Mode::kApi);
    if (!faults.empty()) return invalid(std::move(faults));
    value.id = plane_.ids.make(spec_.prefix, context.now);
    value.created_at = value.updated_at = context.now;
    if (spec_.complete) faults = spec_.complete(context, value, nullptr);
    if (!faults.empty()) return invalid(std::move(faults));
    if (auto stored = insert(context, value); !stored) return stored.error();
    auto response = show(201, value, 1);
    response.set("Location", spec_.path + "/" + value.id);
    if (!spec_.keeps_answers) context.idempotency_kept = true;
    return response;
  }

  /// For resources that are made in their own way.
  Result<std::monostate, Problem> insert(const Context& context, const T& value) const {
    T row = value;
    if constexpr (requires { row.token; }) row.token.reset();
    if constexpr (requires { row.secret; }) row.secret.reset();
    if constexpr (requires {
                    row.password;
                    row.ha1_md5;
                  })
      row.password.clear();
    const Document document{.id = value.id,
                            .project = context.who.project,
                            .unique_key = spec_.unique_key(context, value),
                            .created_ms = context.now.time_since_epoch().count(),
                            .updated_ms = context.now.time_since_epoch().count(),
                            .body = json::text(json::write(row, json::Mode::kStore))};
    if (!plane_.store.insert(spec_.kind, document))
      return Problem{.code = "conflict", .detail = "another " + spec_.noun + " has this name or number"};
    if (spec_.changed) spec_.changed(row);
    return std::monostate{};
  }

  Reply list(Context& context) const {
    const auto paging = paging_of(context);
    if (!paging) return paging.error();
    const auto rows = plane_.store.list(spec_.kind, context.who.project, paging->cursor, paging->limit + 1);
    boost::json::array data;
    for (std::size_t i = 0; i < std::min(rows.size(), paging->limit); ++i)
      if (auto value = read_body<T>(rows[i])) data.push_back(shown(std::move(*value)));
    std::optional<std::string> next;
    if (rows.size() > paging->limit) next = rows[paging->limit - 1].id;
    return page_response(std::move(data), next);
  }

  Reply get(Context& context) const {
    const auto row = plane_.store.find(spec_.kind, context.who.project, context.id());
    auto value = read_body<T>(row);
    if (!value) return not_found(spec_.noun);
    return show(200, std::move(*value), row->version);
  }

  Reply patch(Context& context) const {
    auto row = plane_.store.find(spec_.kind, context.who.project, context.id());
    const auto before = read_body<T>(row);
    if (!before) return not_found(spec_.noun);
    const auto match = context.request.header("If-Match");
    if (!match.empty() && match != "*" && match != etag(row->version)) return Problem{.code = "version_conflict"};
    // the patch itself must be well-formed as input: unknown and read-only members are named by the reader
    boost::json::value merged = json::write(*before, json::Mode::kStore);
    drop_read_only(merged);
    json::merge_patch(merged, context.json);
    T value;
    auto faults = json::read(merged, value, json::Mode::kApi);
    if (!faults.empty()) return invalid(std::move(faults));
    keep_read_only(value, *before);
    value.updated_at = context.now;
    if (spec_.complete) faults = spec_.complete(context, value, &*before);
    if (!faults.empty()) return invalid(std::move(faults));
    T kept = value;
    if constexpr (requires {
                    kept.password;
                    kept.ha1_md5;
                  })
      kept.password.clear();
    row->unique_key = spec_.unique_key(context, value);
    row->updated_ms = context.now.time_since_epoch().count();
    row->body = json::text(json::write(kept, json::Mode::kStore));
    const auto stored = plane_.store.update(spec_.kind, *row);
    if (!stored && stored.error() == StoreFault::kConflict)
      return Problem{.code = "conflict", .detail = "another " + spec_.noun + " has this name or number"};
    if (!stored && stored.error() == StoreFault::kVersion) return Problem{.code = "version_conflict"};
    if (!stored) return not_found(spec_.noun);
    if (spec_.changed) spec_.changed(kept);
    return show(200, std::move(value), row->version + 1);
  }

  Reply remove(Context& context) const {
    const auto value = read_body<T>(plane_.store.find(spec_.kind, context.who.project, context.id()));
    if (!value) return not_found(spec_.noun);
    if (auto why = spec_.in_use ? spec_.in_use(context, *value) : std::string(); !why.empty())
      return Problem{.code = "in_use", .detail = std::move(why)};
    if (!plane_.store.erase(spec_.kind, context.who.project, context.id())) return not_found(spec_.noun);
    if (spec_.removed) spec_.removed(*value);
    return Response{.status = 204};
  }

 private:
  static std::string etag(std::int64_t version) { return "\"" + std::to_string(version) + "\""; }

  boost::json::value shown(T value) const {
    if (spec_.show_live) spec_.show_live(value);
    return json::write(value, json::Mode::kApi);
  }
  Response show(int status, T value, std::int64_t version) const {
    auto response = json_response(status, shown(std::move(value)));
    response.set("ETag", etag(version));
    return response;
  }

  static void drop_read_only(boost::json::value& body) {
    for (const json::Rule& rule : json::rules_of<T>())
      if (rule.read_only) body.as_object().erase(rule.field);
    if constexpr (requires(T value) { value.ha1_md5; }) body.as_object().erase("password");  // it is not kept
  }
  static void keep_read_only(T& value, const T& before) {
    json::each_member<T>([&](std::string_view name, auto member) {
      const json::Rule* rule = json::find_rule(json::rules_of<T>(), name);
      if (rule != nullptr && rule->read_only) value.*member = before.*member;
    });
  }

  Plane& plane_;
  DocumentSpec<T> spec_;
};

}  // namespace carillon::control
