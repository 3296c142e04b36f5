// Webhooks and the log of their deliveries.

#include "control/connector/webhooks.h"

#include "control/api/documents.h"
#include "control/connector/signature.h"

namespace carillon::control {
namespace {

constexpr std::size_t kWebhooksMax = 50;
constexpr auto kWebhookSchema = [](boost::json::object& components) { return json::schema<Webhook>(components); };
constexpr auto kDeliverySchema = [](boost::json::object& components) { return json::schema<Delivery>(components); };

struct RotateBody {
  std::uint32_t keep_s = 24 * 3600;
  static Rules rules() {
    static const Rule rules[] = {
        {.field = "keep_s", .about = "How long the secret before goes on signing, too.", .max = 7 * 24 * 3600}};
    return rules;
  }
};
BOOST_DESCRIBE_STRUCT(RotateBody, (), (keep_s))

json::Faults complete(Plane& plane, const Context& context, Webhook& hook, const Webhook* before) {
  json::Faults faults;
  const auto url = parse_hook_url(hook.url);
  if (!url)
    faults.push_back({"/url", "format", "must be an http or https URL without user and fragment"});
  else if (!plane.webhooks->allows(*url))
    faults.push_back({"/url", "private", "leads inside; webhooks.allow_private in the configuration would allow it"});
  for (std::size_t i = 0; i < hook.events.size(); ++i) {
    const auto& name = hook.events[i];
    const bool is_known =
        name == "*" || std::ranges::any_of(event_catalogue(), [&](const EventKind& kind) { return kind.name == name; });
    if (!is_known) faults.push_back({"/events/" + std::to_string(i), "unknown", "no event of that name"});
  }
  if (before == nullptr &&
      plane.store.list(Kind::kWebhooks, context.who.project, "", kWebhooksMax).size() >= kWebhooksMax)
    faults.push_back({"", "length", "a project has 50 webhooks at most"});
  if (!faults.empty()) return faults;
  if (before == nullptr) {
    hook.secret = make_secret();
    hook.secrets = {{.text = *hook.secret, .until = {}}};
  }
  if (hook.active && (before == nullptr || !before->active)) {
    hook.since = plane.store.last_event();
    hook.disabled_reason.reset();
    hook.disabled_at.reset();
  }
  return faults;
}

Reply rotate(Plane& plane, Context& context) {
  RotateBody body;
  if (auto faults = json::read(context.json, body, json::Mode::kApi); !faults.empty())
    return invalid(std::move(faults));
  context.idempotency_kept = true;  // the answer shows a secret
  for (int tries = 0; tries < 3; ++tries) {
    auto row = plane.store.find(Kind::kWebhooks, context.who.project, context.id());
    auto hook = read_body<Webhook>(row);
    if (!hook) return not_found("webhook");
    hook->secrets.resize(std::min<std::size_t>(hook->secrets.size(), 1));
    for (auto& before : hook->secrets) before.until = context.now + std::chrono::seconds(body.keep_s);
    hook->secrets.insert(hook->secrets.begin(), WebhookSecret{.text = make_secret(), .until = {}});
    hook->updated_at = context.now;
    row->updated_ms = context.now.time_since_epoch().count();
    row->body = json::text(json::write(*hook, json::Mode::kStore));
    if (!plane.store.update(Kind::kWebhooks, *row)) continue;  // changed meanwhile
    plane.webhooks->refresh(hook->id);
    hook->secret = hook->secrets[0].text;
    return json_response(200, json::write(*hook, json::Mode::kApi));
  }
  return Problem{.code = "version_conflict"};
}

Reply list(HookStore& hooks, Context& context) {
  const auto paging = paging_of(context);
  if (!paging) return paging.error();
  const DeliveryFilter filter{.project = context.who.project,
                              .webhook = context.parameter("webhook"),
                              .state = context.parameter("state"),
                              .before = paging->cursor,
                              .limit = paging->limit + 1};
  if (!filter.state.empty() && !json::enum_of<DeliveryStatus>(filter.state))
    return invalid({{"/state", "choice", "must be pending, delivered or failed"}});
  const auto rows = hooks.list(filter);
  boost::json::array data;
  for (std::size_t i = 0; i < std::min(rows.size(), paging->limit); ++i)
    data.push_back(json::write(delivery_view(rows[i]), json::Mode::kApi));
  std::optional<std::string> next;
  if (rows.size() > paging->limit) next = rows[paging->limit - 1].id;
  return page_response(std::move(data), next);
}

Reply get(Plane& plane, Context& context) {
  const auto delivery = plane.webhooks->show(context.who.project, context.id());
  if (!delivery) return not_found("delivery");
  return json_response(200, json::write(*delivery, json::Mode::kApi));
}

Reply redeliver(Plane& plane, Context& context) {
  const auto delivery = plane.webhooks->redeliver(context.who.project, context.id());
  if (delivery) return json_response(202, json::write(*delivery, json::Mode::kApi));
  switch (delivery.error()) {
    case Webhooks::RedeliverFault::kOff:
      return Problem{.code = "webhook_state", .detail = "the webhook is switched off or deleted"};
    case Webhooks::RedeliverFault::kForgotten:
      return Problem{.code = "webhook_state", .detail = "the event is not kept any more"};
    default:
      return not_found("delivery");
  }
}

}  // namespace

std::vector<Operation> webhook_operations(Plane& plane) {
  DocumentSpec<Webhook> spec{.kind = Kind::kWebhooks,
                             .prefix = "hook",
                             .path = "/v1/webhooks",
                             .noun = "webhook",
                             .type = "Webhook",
                             .keeps_answers = false,
                             .unique_key = [](const Context&, const Webhook&) { return std::nullopt; }};
  spec.complete = [&plane](Context& context, Webhook& hook, const Webhook* before) {
    return complete(plane, context, hook, before);
  };
  spec.changed = [&plane](const Webhook& hook) { plane.webhooks->refresh(hook.id); };
  spec.removed = spec.changed;
  auto operations = Documents<Webhook>(plane, spec).operations();
  operations.push_back({.method = "POST",
                        .path = "/v1/webhooks/{id}/actions/rotate_secret",
                        .id = "rotateWebhookSecret",
                        .summary = "Makes a new secret and shows it; the one before signs beside it for a while.",
                        .scope = Scope::kManage,
                        .consumes = "application/json",
                        .takes = [](boost::json::object& components) { return json::schema<RotateBody>(components); },
                        .gives = kWebhookSchema,
                        .problems = {"not_found", "invalid", "version_conflict"},
                        .run = [&plane](Context& context) { return rotate(plane, context); }});
  operations.push_back(
      {.method = "GET",
       .path = "/v1/webhook_deliveries",
       .id = "listWebhookDeliveries",
       .summary = "Lists deliveries, newest first. What ended is kept for seven days.",
       .parameters = paging_parameters({{"webhook", "Id of a webhook."}, {"state", "pending, delivered or failed."}}),
       .gives = page_schema(kDeliverySchema),
       .problems = {"invalid", "invalid_cursor"},
       .run = [&plane](Context& context) { return list(plane.webhooks->store(), context); }});
  operations.push_back({.method = "GET",
                        .path = "/v1/webhook_deliveries/{id}",
                        .id = "getWebhookDelivery",
                        .summary = "Shows a delivery: the last request as it was sent, its answer, all tries.",
                        .gives = kDeliverySchema,
                        .problems = {"not_found"},
                        .run = [&plane](Context& context) { return get(plane, context); }});
  operations.push_back({.method = "POST",
                        .path = "/v1/webhook_deliveries/{id}/actions/redeliver",
                        .id = "redeliverWebhook",
                        .summary = "Sends it again now, with the same webhook-id, and for 72 h where it fails.",
                        .scope = Scope::kManage,
                        .consumes = "application/json",
                        .success = 202,
                        .gives = kDeliverySchema,
                        .problems = {"not_found", "webhook_state"},
                        .run = [&plane](Context& context) { return redeliver(plane, context); }});
  return operations;
}

}  // namespace carillon::control
