// Trunks, agents' phones and inbound numbers: what the engines are told of.

#include "control/api/documents.h"
#include "control/api/references.h"

namespace carillon::control {
namespace {

std::string in_project(const Context& context, const std::string& name) { return context.who.project + "/" + name; }

json::Faults complete_trunk(Trunk& trunk) {
  json::Faults faults;
  for (std::size_t i = 0; i < trunk.codecs.size(); ++i)
    if (trunk.codecs[i] != "PCMU" && trunk.codecs[i] != "PCMA")
      faults.push_back({"/codecs/" + std::to_string(i), "choice", "must be PCMU or PCMA"});
  if (trunk.register_ && trunk.username.empty()) faults.push_back({"/username", "required", "is needed to register"});
  for (const auto& [field, rule] :
       {std::pair{"/to_rule/prefix", &trunk.to_rule}, {"/from_rule/prefix", &trunk.from_rule}})
    if (rule->prefix.find_first_not_of("+0123456789*#") != std::string::npos)
      faults.push_back({field, "format", "must be digits"});
  return faults;
}

// Only digests are kept (RFC 8760 §2.4 wants SHA-256; older phones know only MD5).
json::Faults complete_endpoint(PhoneEndpoint& endpoint, const PhoneEndpoint* before) {
  if (endpoint.password.empty()) {
    if (before == nullptr) return {{"/password", "required", "is required"}};
    if (before->username != endpoint.username)
      return {{"/password", "required", "is needed when the username changes: only digests of both are kept"}};
    return {};
  }
  const std::string secret = endpoint.username + ":carillon:" + endpoint.password;
  endpoint.ha1_md5 = md5_hex(secret);
  endpoint.ha1_sha256 = sha256_hex(secret);
  return {};
}

json::Faults complete_number(Plane& plane, Context& context, Number& number) {
  json::Faults faults;
  const auto known = [&](Kind kind, const std::string& id) {
    return plane.store.find(kind, context.who.project, id).has_value();
  };
  if (!known(Kind::kTrunks, number.trunk)) faults.push_back({"/trunk", "unknown", "no trunk of that id"});
  if (const auto* prompt = std::get_if<PromptRoute>(&number.route); prompt && !known(Kind::kPrompts, prompt->prompt))
    faults.push_back({"/route/prompt", "unknown", "no prompt of that id"});
  if (const auto* phone = std::get_if<EndpointRoute>(&number.route); phone && !known(Kind::kEndpoints, phone->endpoint))
    faults.push_back({"/route/endpoint", "unknown", "no endpoint of that id"});
  if (const auto* queue = std::get_if<QueueRoute>(&number.route); queue && !known(Kind::kQueues, queue->queue))
    faults.push_back({"/route/queue", "unknown", "no queue of that id"});
  return faults;
}

// The number that a search finds, for the answer in_use.
template <class Refers>
std::string number_with(Plane& plane, const Context& context, Refers refers) {
  for (const Document& row : plane.store.all(Kind::kNumbers)) {
    const auto number = row.project == context.who.project ? read_body<Number>(row) : std::nullopt;
    if (number && refers(*number)) return "number " + number->number + " leads to it";
  }
  return {};
}

}  // namespace

std::vector<Operation> trunk_operations(Plane& plane) {
  DocumentSpec<Trunk> spec{
      .kind = Kind::kTrunks,
      .prefix = "trunk",
      .path = "/v1/trunks",
      .noun = "trunk",
      .type = "Trunk",
      .unique_key = [](const Context& context, const Trunk& trunk) { return in_project(context, trunk.name); }};
  spec.complete = [](Context&, Trunk& trunk, const Trunk*) { return complete_trunk(trunk); };
  spec.in_use = [&plane](Context& context, const Trunk& trunk) {
    const auto number = number_with(plane, context, [&](const Number& number) { return number.trunk == trunk.id; });
    return !number.empty() ? number : campaign_with(plane, context, [&](const Campaign& campaign) {
      return std::ranges::find(campaign.trunks, trunk.id) != campaign.trunks.end();
    });
  };
  spec.changed = [&plane](const Trunk& trunk) { plane.live.put_trunk(trunk); };
  spec.removed = [&plane](const Trunk& trunk) { plane.live.remove_trunk(trunk.id); };
  spec.show_live = [&plane](Trunk& trunk) { trunk.state = plane.live.trunk_state(trunk.id); };
  return Documents<Trunk>(plane, spec).operations();
}

std::vector<Operation> endpoint_operations(Plane& plane) {
  DocumentSpec<PhoneEndpoint> spec{
      .kind = Kind::kEndpoints,
      .prefix = "endpoint",
      .path = "/v1/endpoints",
      .noun = "endpoint",
      .type = "Endpoint",
      .unique_key = [](const Context&, const PhoneEndpoint& endpoint) { return endpoint.username; }};
  spec.complete = [](Context&, PhoneEndpoint& endpoint, const PhoneEndpoint* before) {
    return complete_endpoint(endpoint, before);
  };
  spec.in_use = [&plane](Context& context, const PhoneEndpoint& endpoint) {
    const auto number = number_with(plane, context, [&](const Number& number) {
      const auto* route = std::get_if<EndpointRoute>(&number.route);
      return route != nullptr && route->endpoint == endpoint.id;
    });
    return !number.empty()
               ? number
               : agent_with(plane, context, [&](const Agent& agent) { return agent.endpoint == endpoint.id; });
  };
  spec.changed = [&plane](const PhoneEndpoint& endpoint) { plane.live.put_endpoint(endpoint); };
  spec.removed = [&plane](const PhoneEndpoint& endpoint) { plane.live.remove_endpoint(endpoint.id); };
  spec.show_live = [&plane](PhoneEndpoint& endpoint) {
    const auto state = plane.live.endpoint_state(endpoint.id);
    if (!state) return;
    endpoint.registered = state->registered();
    if (!state->contact().empty()) endpoint.contact = state->contact();
    if (!state->user_agent().empty()) endpoint.user_agent = state->user_agent();
  };
  return Documents<PhoneEndpoint>(plane, spec).operations();
}

std::vector<Operation> number_operations(Plane& plane) {
  DocumentSpec<Number> spec{.kind = Kind::kNumbers,
                            .prefix = "number",
                            .path = "/v1/numbers",
                            .noun = "number",
                            .type = "Number",
                            .unique_key = [](const Context&, const Number& number) { return number.number; }};
  spec.complete = [&plane](Context& context, Number& number, const Number*) {
    return complete_number(plane, context, number);
  };
  return Documents<Number>(plane, spec).operations();
}

}  // namespace carillon::control
