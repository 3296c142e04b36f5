#include "control/api/shape.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <boost/json.hpp>
#include <map>

namespace carillon::control {
namespace {

namespace bj = boost::json;

constexpr std::size_t kExpandMax = 16, kFieldsMax = 100;

struct KindTable {
  std::string_view kind, path;
  std::vector<Relation> relations;
};

const std::vector<KindTable>& kinds() {
  static const std::vector<KindTable> table = {
      {"call",
       "/v1/calls/{id}",
       {{"trunk", "trunk"}, {"endpoint", "endpoint"}, {"recording", "recording"}, {"bridged_with", "call"}}},
      {"attempt",
       "/v1/attempts/{id}",
       {{"campaign", "campaign"}, {"lead", "lead"}, {"call", "call"}, {"agent", "agent"}, {"recording", "recording"}}},
      {"lead", "/v1/leads/{id}", {{"list", "list"}}},
      {"campaign",
       "/v1/campaigns/{id}",
       {{"lists", "list"},
        {"trunks", "trunk"},
        {"prompt", "prompt"},
        {"safe_harbour_prompt", "prompt"},
        {"music_prompt", "prompt"}}},
      {"agent", "/v1/agents/{id}", {{"endpoint", "endpoint"}, {"campaigns", "campaign"}}},
      {"recording", "/v1/recordings/{id}", {{"call", "call"}}},
      {"list", "/v1/lists/{id}", {}},
      {"trunk", "/v1/trunks/{id}", {}},
      {"endpoint", "/v1/endpoints/{id}", {}},
      {"prompt", "/v1/prompts/{id}", {}},
  };
  return table;
}

const KindTable* table_of(std::string_view kind) {
  const auto found = std::ranges::find(kinds(), kind, &KindTable::kind);
  return found == kinds().end() ? nullptr : &*found;
}

const Relation* relation_of(std::string_view kind, std::string_view field) {
  const auto relations = relations_of(kind);
  const auto found = std::ranges::find(relations, field, &Relation::field);
  return found == relations.end() ? nullptr : &*found;
}

/// Names by commas, each with one dot at most: what stands before it → what stands behind it. A name without a dot
/// has an empty set, or is in the set of its own as "" where both forms are there.
using Names = std::map<std::string, std::vector<std::string>, std::less<>>;

std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const auto comma = std::min(text.find(','), text.size());
    if (comma > 0) parts.emplace_back(text.substr(0, comma));
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return parts;
}

Names names_of(const std::vector<std::string>& parts) {
  Names names;
  for (const std::string& part : parts) {
    const auto dot = std::min(part.find('.'), part.size());
    auto& behind = names[part.substr(0, dot)];
    behind.push_back(dot == part.size() ? "" : part.substr(dot + 1));
  }
  return names;
}

// ------------------------------------------------------------------ what may be named

const bj::object* resolve(const bj::object& schema, const bj::object& components) {
  if (const auto* variants = schema.if_contains("anyOf"))  // an optional struct
    return resolve(variants->as_array().at(0).as_object(), components);
  const auto* ref = schema.if_contains("$ref");
  if (ref == nullptr) return &schema;
  const std::string_view name = std::string_view(ref->as_string()).substr(sizeof("#/components/schemas/") - 1);
  const auto* found = components.if_contains(name);
  return found != nullptr ? &found->as_object() : nullptr;
}

const bj::object* properties_of(const bj::object* schema) {
  const auto* properties = schema != nullptr ? schema->if_contains("properties") : nullptr;
  return properties != nullptr ? &properties->as_object() : nullptr;
}

std::string listed(const bj::object& properties) {
  std::vector<std::string_view> names;
  for (const auto& property : properties) names.push_back(property.key());
  return fmt::format("{}", fmt::join(names, ", "));
}

// ------------------------------------------------------------------ the answer

bj::value expanded(const bj::value& id, const std::function<bj::value(const std::string&)>& load) {
  if (id.is_string()) return load(std::string(id.as_string()));
  if (!id.is_array()) return id;
  bj::array objects;
  for (const auto& one : id.as_array()) objects.push_back(expanded(one, load));
  return objects;
}

void narrow(bj::value& item, const Names& fields);

void narrow_member(bj::value& member, const std::vector<std::string>& behind) {
  if (std::ranges::find(behind, "") != behind.end()) return;  // named whole
  if (member.is_array()) {
    for (auto& one : member.as_array()) narrow_member(one, behind);
    return;
  }
  narrow(member, names_of(behind));
}

void narrow(bj::value& item, const Names& fields) {
  if (!item.is_object()) return;
  bj::object kept;
  for (auto& member : item.as_object()) {
    const auto named = fields.find(std::string_view(member.key()));
    if (named == fields.end()) continue;
    narrow_member(member.value(), named->second);
    kept[member.key()] = std::move(member.value());
  }
  item = std::move(kept);
}

/// One request's wishes, checked against what the operation shows.
class Wishes {
 public:
  using Getter = std::function<const Operation*(std::string_view kind)>;
  Wishes(const Operation& operation, Context& context, Getter getter)
      : operation_(operation), context_(context), getter_(std::move(getter)) {
    expand_ = names_of(split(context.parameter("expand")));
    fields_ = names_of(split(context.parameter("fields")));
  }

  json::Faults check() {
    if (split(context_.parameter("expand")).size() > kExpandMax) fault("expand", "has too many names");
    if (split(context_.parameter("fields")).size() > kFieldsMax) fault("fields", "has too many names");
    for (const auto& [first, behind] : expand_)
      for (const std::string& second : behind) check_expansion(first, second);
    if (faults_.empty() && !fields_.empty()) check_fields();
    return std::move(faults_);
  }

  void apply(bj::value& body) {
    auto* object = body.if_object();
    auto* data = object != nullptr && is_page() ? object->if_contains("data") : nullptr;
    if (data == nullptr) return shape(body);
    for (auto& item : data->as_array()) shape(item);
  }

 private:
  void fault(const char* parameter, std::string detail) {
    faults_.push_back({std::string("/") + parameter, "unknown", std::move(detail)});
  }
  bool is_page() const { return operation_.path.find('{') == std::string::npos; }

  void check_expansion(const std::string& first, const std::string& second) {
    const Relation* relation = relation_of(operation_.shows, first);
    const bool is_known = relation != nullptr && (second.empty() || relation_of(relation->kind, second) != nullptr);
    if (!is_known)
      fault("expand", fmt::format("\"{}{}{}\" cannot be expanded; these can: {}", first, second.empty() ? "" : ".",
                                  second, fmt::join(expansions_of(operation_.shows), ", ")));
  }

  void check_fields() {
    bj::object components;
    if (!operation_.gives) return fault("fields", "this answer has no fields to choose");
    const auto whole = operation_.gives(components);
    const bj::object* item = resolve(whole, components);
    if (is_page()) {
      const auto* data = properties_of(item);
      item = data != nullptr ? resolve(data->at("data").at("items").as_object(), components) : nullptr;
    }
    const bj::object* properties = properties_of(item);
    if (properties == nullptr) return fault("fields", "this answer has no fields to choose");
    for (const auto& [first, behind] : fields_) {
      const auto* property = properties->if_contains(first);
      if (property == nullptr) {
        fault("fields", fmt::format("\"{}\" is not a field; these are: {}", first, listed(*properties)));
        continue;
      }
      for (const std::string& second : behind)
        if (!second.empty()) check_inner(first, second, property->as_object());
    }
  }

  void check_inner(const std::string& first, const std::string& second, const bj::object& property) {
    bj::object components;
    bj::object held;
    const bj::object* inner = nullptr;
    if (expand_.contains(first)) {
      const Operation* get = getter_(relation_of(operation_.shows, first)->kind);
      if (get != nullptr && get->gives) held = get->gives(components);
      inner = resolve(held, components);
    } else {
      (void)operation_.gives(components);
      inner = resolve(property, components);
      if (const auto* items = inner != nullptr ? inner->if_contains("items") : nullptr)
        inner = resolve(items->as_object(), components);
      const bool is_anything = inner != nullptr && !inner->contains("type") && !inner->contains("properties");
      if (is_anything || (inner != nullptr && inner->contains("additionalProperties") && !properties_of(inner)))
        return;  // whatever the client has put there
    }
    const bj::object* properties = properties_of(inner);
    if (properties == nullptr)
      return fault("fields", fmt::format("\"{}.{}\": {} is no object here{}", first, second, first,
                                         relation_of(operation_.shows, first) != nullptr ? "; expand it" : ""));
    if (!properties->contains(second))
      fault("fields", fmt::format("\"{}.{}\" is not a field; these are: {}", first, second, listed(*properties)));
  }

  void shape(bj::value& item) {
    if (!item.is_object()) return;
    for (const auto& [first, behind] : expand_)
      if (auto* member = item.as_object().if_contains(first)) expand(*member, operation_.shows, first, behind);
    if (!fields_.empty()) narrow(item, fields_);
  }

  void expand(bj::value& member, std::string_view kind, std::string_view field,
              const std::vector<std::string>& deeper) {
    const Relation* relation = relation_of(kind, field);
    member = expanded(member, [&](const std::string& id) {
      bj::value object = load(relation->kind, id);
      if (!object.is_object()) return object;
      for (const std::string& next : deeper)
        if (!next.empty())
          if (auto* inner = object.as_object().if_contains(next)) expand(*inner, relation->kind, next, {});
      return object;
    });
  }

  // The object as GET shows it; an id that leads to nothing any more stays an id.
  bj::value load(std::string_view kind, const std::string& id) {
    const auto [found, is_new] = loaded_.try_emplace(std::string(kind) + " " + id, bj::string(id));
    if (!is_new) return found->second;
    const Operation* get = getter_(kind);
    if (get == nullptr || !context_.who.may(get->scope)) return found->second;
    Context part{.request = context_.request,
                 .who = context_.who,
                 .path = {{"id", id}},
                 .query = {},
                 .json = nullptr,
                 .now = context_.now,
                 .request_id = context_.request_id,
                 .idempotency = {},
                 .idempotency_kept = false,
                 .is_part = true};
    const auto reply = get->run(part);
    if (reply && reply->status == 200) found->second = bj::parse(reply->body);
    return found->second;
  }

  const Operation& operation_;
  Context& context_;
  Getter getter_;
  Names expand_, fields_;
  json::Faults faults_;
  std::map<std::string, bj::value> loaded_;
};

}  // namespace

std::span<const Relation> relations_of(std::string_view kind) {
  const KindTable* table = table_of(kind);
  return table != nullptr ? std::span<const Relation>(table->relations) : std::span<const Relation>();
}

std::vector<std::string> expansions_of(std::string_view kind) {
  std::vector<std::string> names;
  for (const Relation& relation : relations_of(kind)) {
    names.emplace_back(relation.field);
    for (const Relation& next : relations_of(relation.kind))
      names.push_back(fmt::format("{}.{}", relation.field, next.field));
  }
  return names;
}

std::vector<Parameter> shape_parameters(std::string_view kind) {
  return {{"expand", fmt::format("Ids to show as objects, by commas. Of: {}.", fmt::join(expansions_of(kind), ", "))},
          {"fields", "Fields to show, by commas; those of an object within by a dot. All when missing."}};
}

const Operation* Shaper::getter(std::string_view kind) const {
  const KindTable* table = table_of(kind);
  if (table == nullptr) return nullptr;
  for (const Operation& operation : operations_)
    if (operation.method == "GET" && operation.path == table->path) return &operation;
  return nullptr;
}

Reply Shaper::operator()(const Operation& operation, Context& context) const {
  Wishes wishes(operation, context, [this](std::string_view kind) { return getter(kind); });
  if (auto faults = wishes.check(); !faults.empty())
    return Problem{.code = "invalid_parameter", .errors = std::move(faults)};
  auto reply = operation.run(context);
  if (!reply || reply->status != 200) return reply;
  auto body = boost::json::parse(reply->body);
  wishes.apply(body);
  reply->body = boost::json::serialize(body);
  return reply;
}

}  // namespace carillon::control
