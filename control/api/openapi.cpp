#include "control/api/openapi.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <cctype>
#include <set>

#include "control/api/json/text.h"
#include "control/api/shape.h"
#include "control/model/webhook.h"

namespace carillon::control {
namespace {

namespace bj = boost::json;

constexpr const char* kLimitHeaders[] = {"RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset",
                                         "RateLimit-Policy"};

const char* scope_name(Scope scope) {
  return scope == Scope::kRead ? "read" : scope == Scope::kManage ? "manage" : "admin";
}

bj::object parameter(std::string_view name, std::string_view where, std::string_view about, bool required) {
  return {{"name", name},
          {"in", where},
          {"description", about},
          {"required", required},
          {"schema", bj::object{{"type", "string"}}}};
}

bj::array parameters_of(const Operation& operation) {
  bj::array parameters;
  if (operation.path.find("{id}") != std::string::npos) parameters.push_back(parameter("id", "path", "Its id.", true));
  if (operation.path.find("{code}") != std::string::npos)
    parameters.push_back(parameter("code", "path", "An error code.", true));
  for (const Parameter& query : operation.parameters)
    parameters.push_back(parameter(query.name, "query", query.about, query.required));
  if (!operation.shows.empty())
    for (const Parameter& query : shape_parameters(operation.shows))
      parameters.push_back(parameter(query.name, "query", query.about, false));
  if (operation.method == "POST" && !operation.open)
    parameters.push_back(parameter("Idempotency-Key", "header",
                                   "Names this request for 24 h; a retry gets the first answer.",
                                   operation.idempotency_required));
  if (!operation.open)
    parameters.push_back(parameter("Carillon-Project", "header", "Project; the token's first when missing.", false));
  return parameters;
}

bj::object responses_of(const Operation& operation, bj::object& components) {
  bj::object success{{"description", operation.success == 204 ? "Done." : "As asked."}};
  if (operation.success != 204) {
    bj::object media;
    if (operation.gives) media["schema"] = operation.gives(components);
    success["content"] = bj::object{{operation.produces, media}};
  }
  bj::object limits;
  for (const char* name : kLimitHeaders)
    limits[name] = bj::object{{"$ref", fmt::format("#/components/headers/{}", name)}};
  success["headers"] = limits;
  bj::object responses{{std::to_string(operation.success), success}};
  std::set<std::string> codes(operation.problems.begin(), operation.problems.end());
  codes.insert("rate_limited");
  if (!operation.shows.empty()) codes.insert("invalid_parameter");
  if (!operation.open) codes.insert({"unauthorized", "forbidden"});
  if (operation.consumes == "application/json")
    codes.insert({"malformed_json", "unsupported_media_type", "body_too_large"});
  std::map<int, std::string> by_status;
  for (const auto& code : codes) {
    auto& names = by_status[problem_kind(code).status];
    names += (names.empty() ? "" : ", ") + code;
  }
  for (const auto& [status, names] : by_status)
    responses[std::to_string(status)] = bj::object{
        {"description", names},
        {"content", bj::object{{"application/problem+json",
                                bj::object{{"schema", bj::object{{"$ref", "#/components/schemas/Problem"}}}}}}}};
  return responses;
}

// What a webhook's endpoint gets (and a follower of /v1/events): one entry per event.
bj::object webhooks_of() {
  const bj::object text{{"type", "string"}};
  bj::object webhooks;
  for (const EventKind& kind : event_catalogue()) {
    const bj::object properties{{"id", text},
                                {"time", bj::object{{"type", "string"}, {"format", "date-time"}}},
                                {"sequence", bj::object{{"type", "integer"}}},
                                {"project", text},
                                {"type", bj::object{{"const", kind.name}}},
                                {"data", bj::object{{"type", "object"}}}};
    const bj::object body{{"type", "object"}, {"properties", properties}};
    webhooks[kind.name] = bj::object{
        {"post",
         bj::object{
             {"summary", kind.about},
             {"parameters", bj::array{parameter("webhook-id", "header", "The event's id; repeats have it, too.", true),
                                      parameter("webhook-timestamp", "header", "Seconds since 1970.", true),
                                      parameter("webhook-signature", "header",
                                                "v1,base64(HMAC-SHA256(secret, id.timestamp.body)), one for "
                                                "each live secret, parted by spaces.",
                                                true)}},
             {"requestBody", bj::object{{"content", bj::object{{"application/json", bj::object{{"schema", body}}}}}}},
             {"responses", bj::object{{"2XX", bj::object{{"description",
                                                          "Taken; anything else is tried "
                                                          "again, 410 switches off."}}}}}}}};
  }
  return webhooks;
}

bj::object limit_headers() {
  bj::object headers;
  constexpr const char* kAbout[] = {"Requests in a full bucket.", "Requests left.", "Seconds until it is full again.",
                                    "Requests and the seconds in which they come back, as 5000;w=10."};
  for (std::size_t i = 0; i < std::size(kLimitHeaders); ++i)
    headers[kLimitHeaders[i]] =
        bj::object{{"description", kAbout[i]}, {"schema", bj::object{{"type", i == 3 ? "string" : "integer"}}}};
  return headers;
}

bj::object problem_schema() {
  const bj::object text{{"type", "string"}};
  bj::array codes;
  for (const ProblemKind& kind : problem_catalogue()) codes.emplace_back(kind.code);
  const bj::object fault{{"type", "object"},
                         {"properties", bj::object{{"pointer", text}, {"code", text}, {"detail", text}}}};
  return {{"type", "object"},
          {"properties", bj::object{{"type", text},
                                    {"title", text},
                                    {"status", bj::object{{"type", "integer"}}},
                                    {"detail", text},
                                    {"code", bj::object{{"type", "string"}, {"enum", codes}}},
                                    {"errors", bj::object{{"type", "array"}, {"items", fault}}},
                                    {"request_id", text}}}};
}

// An example from a schema: what its fields say, or a plain value of their type.
bj::value example_of(const bj::object& schema, const bj::object& components, int depth) {
  if (const auto* examples = schema.if_contains("examples")) return examples->as_array().at(0);
  if (const auto* ref = schema.if_contains("$ref")) {
    const std::string_view name = std::string_view(ref->as_string()).substr(sizeof("#/components/schemas/") - 1);
    return example_of(components.at(name).as_object(), components, depth);
  }
  if (const auto* constant = schema.if_contains("const")) return *constant;
  if (const auto* choices = schema.if_contains("enum")) return choices->as_array().at(0);
  if (const auto* variants = schema.if_contains("oneOf"))
    return example_of(variants->as_array().back().as_object(), components, depth + 1);
  const auto* properties = schema.if_contains("properties");
  if (properties != nullptr && depth < 6) {
    bj::object example;
    for (const auto& member : properties->as_object()) {
      const auto& property = member.value().as_object();
      const auto* required = schema.if_contains("required");
      bool needed = false;
      if (required != nullptr)
        for (const auto& name : required->as_array())
          needed = needed || std::string_view(name.as_string()) == member.key();
      if (needed) example[member.key()] = example_of(property, components, depth + 1);
    }
    return example;
  }
  const auto* type = schema.if_contains("type");
  const std::string_view kind = type != nullptr && type->is_string() ? std::string_view(type->as_string()) : "";
  if (kind == "array") return bj::array{example_of(schema.at("items").as_object(), components, depth + 1)};
  if (kind == "integer" || kind == "number") return schema.contains("minimum") ? schema.at("minimum") : bj::value(0);
  if (kind == "boolean") return false;
  if (kind == "object") return bj::object{};
  return "text";
}

std::string escaped(std::string_view text) {
  std::string out;
  for (const char letter : text) {
    if (letter == '<')
      out += "&lt;";
    else if (letter == '>')
      out += "&gt;";
    else if (letter == '&')
      out += "&amp;";
    else if (letter == '"')
      out += "&quot;";
    else
      out += letter;
  }
  return out;
}

std::string page(std::string_view title, std::string_view body) {
  return fmt::format(
      "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">"
      "<title>{0}</title><style>body{{font:16px/1.5 sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}}"
      "code{{background:#eee;padding:0 .2em}}td,th{{text-align:left;padding:.2em 1em .2em "
      "0;vertical-align:top}}</style>"
      "<h1>{0}</h1>{1}</html>",
      escaped(title), body);
}

}  // namespace

bj::object openapi(const std::vector<Operation>& operations) {
  bj::object components, paths;
  components["Problem"] = problem_schema();
  for (const Operation& operation : operations) {
    bj::object entry{{"operationId", operation.id}, {"summary", operation.summary}};
    if (operation.open)
      entry["security"] = bj::array{};
    else
      entry["security"] = bj::array{bj::object{{"token", bj::array{scope_name(operation.scope)}}}};
    if (auto parameters = parameters_of(operation); !parameters.empty()) entry["parameters"] = parameters;
    if (!operation.consumes.empty()) {
      bj::object media{{"schema", bj::object{{"type", "string"}, {"format", "binary"}}}};
      if (operation.takes) {
        const auto schema = operation.takes(components);
        media = {{"schema", schema}, {"example", example_of(schema, components, 0)}};
      }
      entry["requestBody"] = bj::object{{"content", bj::object{{operation.consumes, media}}}};
    }
    entry["responses"] = responses_of(operation, components);
    std::string method = operation.method;
    for (char& letter : method) letter = static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
    auto& path = paths[operation.path];
    if (!path.is_object()) path = bj::object{};
    path.as_object()[method] = entry;
  }
  return {{"openapi", "3.1.0"},
          {"info", bj::object{{"title", "Carillon"},
                              {"version", "1"},
                              {"description", "Times are RFC 3339 UTC; an answer 2xx means committed."}}},
          {"paths", paths},
          {"webhooks", webhooks_of()},
          {"components",
           bj::object{{"schemas", components},
                      {"headers", limit_headers()},
                      {"securitySchemes", bj::object{{"token", bj::object{{"type", "http"}, {"scheme", "bearer"}}}}}}}};
}

std::string docs_page(const std::vector<Operation>& operations) {
  std::string body =
      "<p>The same as a document for machines: <a href=\"/v1/openapi.json\">openapi.json</a>. Every refusal has a "
      "code: "
      "<a href=\"/docs/errors\">errors</a>.</p><p>Send <code>Authorization: Bearer TOKEN</code>; the first token lies "
      "in "
      "<code>admin.token</code> in the data folder. Ids are opaque; lists are paged by <code>cursor</code>. Where the "
      "table says so, <code>expand=</code> shows objects in place of ids and <code>fields=</code> chooses what is "
      "shown. Every answer tells in <code>RateLimit-Remaining</code> how many requests are left; after the last one "
      "comes 429 with <code>Retry-After</code>.</p><p>Webhooks carry the headers of Standard Webhooks: "
      "<code>webhook-signature</code> is <code>v1,</code> and the base 64 of HMAC-SHA256 over "
      "<code>id.timestamp.body</code> with the secret that was shown when the webhook was made.</p>"
      "<table><tr><th>Request</th><th>Does</th><th>Scope</th></tr>";
  for (const Operation& operation : operations)
    body += fmt::format("<tr><td><code>{} {}</code></td><td>{}</td><td>{}</td></tr>", operation.method,
                        escaped(operation.path),
                        escaped(operation.summary) + (operation.shows.empty() ? "" : " <i>expand, fields</i>"),
                        operation.open ? "none" : scope_name(operation.scope));
  return page("Carillon API", body + "</table>");
}

std::string errors_page() {
  std::string body = "<table><tr><th>Code</th><th>Status</th><th>Meaning</th></tr>";
  for (const ProblemKind& kind : problem_catalogue())
    body += fmt::format("<tr><td><a href=\"/docs/errors/{0}\"><code>{0}</code></a></td><td>{1}</td><td>{2}</td></tr>",
                        kind.code, kind.status, escaped(kind.title));
  return page("Errors", body + "</table>");
}

std::string error_page(const ProblemKind& kind) {
  return page(kind.code, fmt::format("<p>HTTP status {}. <b>{}.</b></p><p>Meaning: {}</p><p>What to do: {}</p>"
                                     "<p><a href=\"/docs/errors\">All errors</a></p>",
                                     kind.status, escaped(kind.title), escaped(kind.meaning), escaped(kind.fix)));
}

}  // namespace carillon::control
