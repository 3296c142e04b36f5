#include "control/connector/webhooks.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "control/connector/signature.h"
#include "control/live/event_text.h"
#include "control/live/stored.h"

namespace carillon::control {
namespace {

constexpr std::size_t kEventsAtOnce = 200;
constexpr const char* kTooLate = "it waited longer than deliveries are tried";
constexpr std::chrono::milliseconds kClearOutEvery = 1h, kLogKept = 7 * 24h;
constexpr std::int64_t kUnkeptMax = 1000;  // events for nobody: the place is written after so many

std::int64_t ms_of(WallTime time) { return time.time_since_epoch().count(); }
WallTime wall_of(std::int64_t ms) { return WallTime(std::chrono::milliseconds(ms)); }

}  // namespace

Delivery delivery_view(const DeliveryRow& row) {
  Delivery view;
  view.id = row.id;
  view.webhook = row.webhook;
  view.event = row.event;
  view.type = row.type;
  view.state = json::enum_of<DeliveryStatus>(row.state).value_or(DeliveryStatus::kPending);
  view.tries = static_cast<std::uint32_t>(row.tries);
  if (view.state == DeliveryStatus::kPending) view.next_at = wall_of(row.due_ms);
  if (row.ended_ms != 0) view.ended_at = wall_of(row.ended_ms);
  view.created_at = wall_of(row.created_ms);
  if (!row.error.empty()) view.error = row.error;
  return view;
}

void Webhooks::Inbox::knock() {
  {
    const std::lock_guard lock(mutex);
    has_news = true;
  }
  wake.notify_one();
}

Webhooks::Webhooks(Parts parts, WebhookLimits limits) : parts_(parts), limits_(limits), random_(parts.seed) {
  load();
  subscription_ = parts_.hub.subscribe([inbox = inbox_] { inbox->knock(); });
}

Webhooks::~Webhooks() {
  stop_thread();
  parts_.hub.unsubscribe(subscription_);
}

void Webhooks::load() {
  position_ = parts_.hooks.position().value_or(parts_.store.last_event());
  kept_position_ = position_;
  for (const Document& document : parts_.store.all(Kind::kWebhooks))
    if (auto body = read_stored<Webhook>(document.body))
      endpoints_[document.id] = Endpoint{.body = std::move(*body), .project = document.project, .in_flight = {}};
  for (const auto& [id, count] : parts_.hooks.pending()) {
    if (const auto found = endpoints_.find(id); found != endpoints_.end())
      found->second.pending = count;
    else  // control died between the webhook's deletion and this
      parts_.hooks.fail_pending(id, "the webhook was deleted", ms_of(parts_.wall()));
  }
}

void Webhooks::start_thread() {
  thread_ = std::thread([this] { run(); });
}

void Webhooks::stop_thread() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(inbox_->mutex);
    inbox_->is_stopping = true;
  }
  inbox_->wake.notify_one();
  thread_.join();
}

void Webhooks::run() {
  for (;;) {
    {
      const std::lock_guard lock(inbox_->mutex);
      if (inbox_->is_stopping) return;
    }
    std::chrono::milliseconds pause = 30s;
    try {
      if (const auto next = step()) pause = std::clamp<std::chrono::milliseconds>(*next - parts_.wall(), 0ms, pause);
    } catch (const std::exception& error) {  // the store; nothing is forgotten
      spdlog::error("webhooks: {}", error.what());
      pause = 1s;
    }
    wait(pause);
  }
}

void Webhooks::wait(std::chrono::milliseconds at_most) {
  std::unique_lock lock(inbox_->mutex);
  inbox_->wake.wait_for(lock, at_most, [this] { return inbox_->has_news || inbox_->is_stopping; });
  inbox_->has_news = false;
}

std::optional<WallTime> Webhooks::step() {
  const std::lock_guard lock(mutex_);
  const WallTime now = parts_.wall();
  clear_out(now);
  take_answers(now);
  const bool has_more = fan_out(now);
  send_due(now);
  return has_more ? now : next(now);
}

// What ended long ago goes, and so does what waits for a webhook that nobody has switched on again.
void Webhooks::clear_out(WallTime now) {
  if (now - cleared_out_ < kClearOutEvery) return;
  parts_.hooks.prune(ms_of(now - kLogKept));
  if (parts_.hooks.fail_late(kTooLate, ms_of(now)) > 0) {
    const auto pending = parts_.hooks.pending();
    for (auto& [id, endpoint] : endpoints_) {
      const auto count = pending.find(id);
      endpoint.pending = count == pending.end() ? 0 : count->second;
    }
  }
  cleared_out_ = now;
}

// ------------------------------------------------------------------ events become deliveries

// True: there are more events than one turn takes. Events are read before the webhooks are looked at: one whose
// creation was answered before an event was committed gets it.
bool Webhooks::fan_out(WallTime now) {
  const auto events = parts_.store.events("", position_, kEventsAtOnce);
  if (events.empty()) return false;
  std::vector<DeliveryRow> rows;
  for (const EventRow& event : events)
    for (const auto& [id, endpoint] : endpoints_) {
      const Webhook& hook = endpoint.body;
      if (!hook.active || endpoint.project != event.project || event.sequence <= hook.since) continue;
      if (!hook.wants(event.type)) continue;
      rows.push_back({.id = parts_.ids.make("dlv", now),
                      .project = event.project,
                      .webhook = id,
                      .sequence = event.sequence,
                      .event = event.id,
                      .type = event.type,
                      .created_ms = ms_of(now),
                      .due_ms = ms_of(now),
                      .give_up_ms = ms_of(now + limits_.give_up_after)});
    }
  const std::int64_t last = events.back().sequence;
  if (!rows.empty() || last - kept_position_ >= kUnkeptMax) {
    const auto added = parts_.hooks.add(rows, last);
    kept_position_ = last;
    for (const auto& [id, count] : added) endpoints_.at(id).pending += count;
  }
  position_ = last;
  std::vector<std::string> full;
  for (const auto& [id, endpoint] : endpoints_)
    if (endpoint.body.active && endpoint.pending > limits_.pending_max) full.push_back(id);
  for (const auto& id : full) switch_off(id, Off::kBacklog, now);
  return events.size() == kEventsAtOnce;
}

// ------------------------------------------------------------------ deliveries become requests

// Each webhook in turn, so that many busy ones share what may be in flight.
void Webhooks::send_due(WallTime now) {
  std::vector<std::string> order;
  for (auto at = endpoints_.upper_bound(served_last_); at != endpoints_.end(); ++at) order.push_back(at->first);
  for (auto at = endpoints_.begin(); at != endpoints_.upper_bound(served_last_); ++at) order.push_back(at->first);
  for (const auto& id : order) {
    if (in_flight_ >= limits_.in_flight_max) return;
    send_due(id, endpoints_.at(id), now);
  }
}

void Webhooks::send_due(const std::string& id, Endpoint& endpoint, WallTime now) {
  if (!endpoint.body.active || endpoint.pending == 0 || endpoint.rest_until > now) return;
  const std::size_t most = endpoint.failures > 0 ? 1 : limits_.per_webhook_max;
  if (endpoint.in_flight.size() >= most) return;
  for (auto& row : parts_.hooks.due(id, ms_of(now), most + endpoint.in_flight.size())) {
    if (endpoint.in_flight.size() >= most || in_flight_ >= limits_.in_flight_max) return;
    if (!endpoint.in_flight.contains(row.id) && send(id, endpoint, std::move(row), now)) served_last_ = id;
  }
}

std::optional<EventRow> Webhooks::event_of(const DeliveryRow& row) {
  const auto events = parts_.store.events("", row.sequence - 1, 1);
  if (events.empty() || events[0].sequence != row.sequence) return std::nullopt;
  return events[0];
}

bool Webhooks::send(const std::string& id, Endpoint& endpoint, DeliveryRow row, WallTime now) {
  const auto event = event_of(row);
  const auto url = parse_hook_url(endpoint.body.url);
  const bool is_late = row.give_up_ms < ms_of(now);
  if (!event || !url || is_late) {
    row.state = "failed";
    row.error = is_late ? kTooLate : event ? "the URL is not one" : "the event is not kept any more";
    row.ended_ms = ms_of(now);
    parts_.hooks.keep(std::span(&row, 1));
    --endpoint.pending;
    ++figures_.given_up;
    return false;
  }
  HookRequest request{.url = *url, .headers = {}, .body = event_text(*event)};
  const std::int64_t timestamp = ms_of(now) / 1000;
  request.headers = {{"Content-Type", "application/json"},
                     {"User-Agent", "Carillon-Webhooks/1"},
                     {"webhook-id", event->id},
                     {"webhook-timestamp", std::to_string(timestamp)},
                     {"webhook-signature", sign(endpoint.body.live_secrets(now), event->id, timestamp, request.body)}};
  auto log = read_stored<DeliveryLog>(row.body).value_or(DeliveryLog{});
  log.request = DeliveryRequest{.url = endpoint.body.url, .headers = {}, .body = {}};
  log.request->headers.insert(request.headers.begin(), request.headers.end());
  row.body = json::text(json::write(log, json::Mode::kStore));
  const std::string delivery = row.id;
  endpoint.in_flight[delivery] = std::move(row);
  ++in_flight_;
  parts_.transport.send(std::move(request), [inbox = inbox_, id, delivery](HookAnswer answer) {
    {
      const std::lock_guard lock(inbox->mutex);
      inbox->answers.push_back({id, delivery, std::move(answer)});
    }
    inbox->knock();
  });
  return true;
}

std::optional<WallTime> Webhooks::next(WallTime now) {
  std::optional<WallTime> first;
  if (in_flight_ >= limits_.in_flight_max) return first;  // an answer comes before anything else can go
  for (const auto& [id, endpoint] : endpoints_) {
    const auto flying = static_cast<std::int64_t>(endpoint.in_flight.size());
    const std::size_t most = endpoint.failures > 0 ? 1 : limits_.per_webhook_max;
    if (!endpoint.body.active || endpoint.pending <= flying || endpoint.in_flight.size() >= most) continue;
    for (const auto& row :
         parts_.hooks.due(id, std::numeric_limits<std::int64_t>::max(), endpoint.in_flight.size() + 1)) {
      if (endpoint.in_flight.contains(row.id)) continue;
      const WallTime at = std::max({wall_of(row.due_ms), endpoint.rest_until, now});
      if (!first || at < *first) first = at;
      break;
    }
  }
  return first;
}

}  // namespace carillon::control
