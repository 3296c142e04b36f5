// What comes back: answers of the transport, and wishes of the API.

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <charconv>

#include "control/connector/backoff.h"
#include "control/connector/webhooks.h"
#include "control/live/event_text.h"
#include "control/live/stored.h"

namespace carillon::control {
namespace {

constexpr std::size_t kTriesKept = 20, kAnswerKept = 4096, kHeadersKept = 32;
constexpr std::chrono::seconds kRetryAfterMax = 8h;

std::int64_t ms_of(WallTime time) { return time.time_since_epoch().count(); }

// Bytes of strangers go into JSON: whatever is not plain ASCII text becomes '?', so that the log is valid in any case.
std::string plain(std::string_view text, std::size_t most) {
  std::string out(text.substr(0, most));
  for (char& letter : out) {
    const auto byte = static_cast<unsigned char>(letter);
    if ((byte < 0x20 && letter != '\n' && letter != '\t') || byte >= 0x7F) letter = '?';
  }
  return out;
}

DeliveryAnswer kept(const HookAnswer& answer) {
  DeliveryAnswer kept{.status = static_cast<std::uint32_t>(answer.status), .headers = {}, .body = {}};
  kept.body = plain(answer.body, kAnswerKept);
  for (const auto& [name, value] : answer.headers)
    if (kept.headers.size() < kHeadersKept) kept.headers[plain(name, 64)] = plain(value, 256);
  return kept;
}

// Seconds of Retry-After, where the answer may have one that counts.
std::chrono::seconds retry_after(const HookAnswer& answer) {
  if (answer.status != 429 && answer.status != 503) return 0s;
  const Response headers{.status = answer.status, .headers = answer.headers};
  const auto text = headers.header("Retry-After");
  std::int64_t seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error != std::errc{} || end != text.data() + text.size() || seconds < 0) return 0s;
  return std::min<std::chrono::seconds>(std::chrono::seconds(std::min<std::int64_t>(seconds, 1 << 20)), kRetryAfterMax);
}

std::string fault_of(const HookAnswer& answer) {
  if (answer.status == 0) return answer.error.empty() ? "no answer" : plain(answer.error, 255);
  if (answer.status / 100 == 3) return fmt::format("answered {}: redirects are not followed", answer.status);
  return fmt::format("answered {}", answer.status);
}

}  // namespace

void Webhooks::take_answers(WallTime now) {
  {
    const std::lock_guard lock(inbox_->mutex);
    for (auto& answer : inbox_->answers) answers_.push_back(std::move(answer));
    inbox_->answers.clear();
  }
  if (answers_.empty()) return;
  std::vector<DeliveryRow> rows;
  std::vector<std::pair<std::string, Off>> off;
  for (const Answered& answered : answers_) {
    const auto endpoint = endpoints_.find(answered.webhook);
    if (endpoint == endpoints_.end()) continue;  // deleted meanwhile, and its deliveries with it
    const auto flying = endpoint->second.in_flight.find(answered.delivery);
    if (flying == endpoint->second.in_flight.end()) continue;
    DeliveryRow row = flying->second;
    if (const Off why = judge(endpoint->second, row, answered.answer, now); why != Off::kNo)
      off.emplace_back(answered.webhook, why);
    rows.push_back(std::move(row));
  }
  parts_.hooks.keep(rows);  // throws: the answers are looked at again
  for (const DeliveryRow& row : rows) {
    Endpoint& endpoint = endpoints_.at(row.webhook);
    endpoint.in_flight.erase(row.id);
    if (row.state != "pending") --endpoint.pending;
    if (row.state == "delivered") ++figures_.delivered;
    if (row.state == "failed") ++figures_.given_up;
    if (row.state != "delivered") ++figures_.failed_tries;
  }
  in_flight_ -= answers_.size();
  answers_.clear();
  for (const auto& [id, why] : off) switch_off(id, why, now);
}

// What an answer makes of its delivery and of the endpoint.
Webhooks::Off Webhooks::judge(Endpoint& endpoint, DeliveryRow& row, const HookAnswer& answer, WallTime now) {
  auto log = read_stored<DeliveryLog>(row.body).value_or(DeliveryLog{});
  DeliveryTry one{.at = now - answer.took, .status = static_cast<std::uint32_t>(answer.status), .error = {}};
  one.took_ms = static_cast<std::uint32_t>(answer.took.count());
  const bool is_taken = answer.status / 100 == 2;
  if (!is_taken) one.error = fault_of(answer);
  row.error = one.error.value_or("");
  log.attempts.push_back(std::move(one));
  if (log.attempts.size() > kTriesKept) log.attempts.erase(log.attempts.begin());
  log.answer.reset();
  if (answer.status != 0) log.answer = kept(answer);
  row.body = json::text(json::write(log, json::Mode::kStore));
  ++row.tries;
  if (is_taken) {
    row.state = "delivered";
    row.ended_ms = ms_of(now);
    endpoint.failures = 0;
    endpoint.rest_until = {};
    return Off::kNo;
  }
  ++endpoint.failures;
  const auto asked = retry_after(answer);
  endpoint.rest_until = now + std::max<std::chrono::milliseconds>(rest_after(endpoint.failures), asked);
  const auto due = now + std::max<std::chrono::milliseconds>(backoff(static_cast<int>(row.tries), random_), asked);
  row.due_ms = ms_of(due);
  const bool is_gone = answer.status == 410;
  if (!is_gone && row.due_ms <= row.give_up_ms) return Off::kNo;
  row.state = "failed";
  row.ended_ms = ms_of(now);
  if (is_gone) return Off::kGone;
  const auto asked_since = row.give_up_ms - limits_.give_up_after.count();
  return parts_.hooks.has_success_since(row.webhook, asked_since) ? Off::kNo : Off::kFailing;
}

// The event comes before the row: after a crash in between it is told twice, and not never.
void Webhooks::switch_off(const std::string& id, Off why, WallTime now) {
  Endpoint& endpoint = endpoints_.at(id);
  if (!endpoint.body.active) return;
  const std::string reason = why == Off::kGone      ? "the endpoint answered 410 Gone"
                             : why == Off::kBacklog ? "more deliveries wait than are kept"
                                                    : "no success for as long as deliveries are tried";
  const boost::json::object data{{"webhook", id}, {"url", endpoint.body.url}, {"reason", reason}};
  Changes changes;
  changes.events.push_back({.id = parts_.ids.make("evt", now),
                            .project = endpoint.project,
                            .type = "webhook.disabled",
                            .time_ms = ms_of(now),
                            .data = json::text(data)});
  parts_.store.apply(changes);
  for (int tries = 0; tries < 3; ++tries) {  // someone may change it at the same time
    auto document = parts_.store.find_any(Kind::kWebhooks, id);
    auto body = document ? read_stored<Webhook>(document->body) : std::nullopt;
    if (!body) break;
    body->active = false;
    body->disabled_reason = reason;
    body->disabled_at = body->updated_at = now;
    document->updated_ms = ms_of(now);
    document->body = json::text(json::write(*body, json::Mode::kStore));
    endpoint.body = std::move(*body);
    if (parts_.store.update(Kind::kWebhooks, *document)) break;
  }
  endpoint.body.active = false;
  spdlog::warn("webhook {} is switched off: {}", id, reason);
  parts_.hub.notify();
}

// ------------------------------------------------------------------ the API's side

void Webhooks::refresh(const std::string& id) {
  {
    const std::lock_guard lock(mutex_);
    const auto document = parts_.store.find_any(Kind::kWebhooks, id);
    auto body = document ? read_stored<Webhook>(document->body) : std::nullopt;
    if (!body) {
      if (const auto found = endpoints_.find(id); found != endpoints_.end()) endpoints_.erase(found);
      parts_.hooks.fail_pending(id, "the webhook was deleted", ms_of(parts_.wall()));
    } else {
      Endpoint& endpoint = endpoints_[id];
      if (body->active && (!endpoint.body.active || body->url != endpoint.body.url)) {
        endpoint.failures = 0;  // someone has seen to it
        endpoint.rest_until = {};
      }
      endpoint.body = std::move(*body);
      endpoint.project = document->project;
    }
  }
  inbox_->knock();
}

bool Webhooks::allows(const HookUrl& url) const {
  return limits_.allow_private || is_public_literal(url.host).value_or(true);
}

Result<Delivery, Webhooks::RedeliverFault> Webhooks::redeliver(const std::string& project, const std::string& id) {
  std::optional<DeliveryRow> row;
  {
    const std::lock_guard lock(mutex_);
    row = parts_.hooks.find(project, id);
    if (!row) return RedeliverFault::kUnknown;
    const auto endpoint = endpoints_.find(row->webhook);
    if (endpoint == endpoints_.end() || !endpoint->second.body.active) return RedeliverFault::kOff;
    if (!event_of(*row)) return RedeliverFault::kForgotten;
    if (!endpoint->second.in_flight.contains(id)) {
      const WallTime now = parts_.wall();
      if (row->state != "pending") ++endpoint->second.pending;
      row->state = "pending";
      row->tries = row->ended_ms = 0;
      row->due_ms = ms_of(now);
      row->give_up_ms = ms_of(now + limits_.give_up_after);
      parts_.hooks.keep(std::span(&*row, 1));
      endpoint->second.rest_until = {};
    }
  }
  inbox_->knock();
  return delivery_view(*row);
}

std::optional<Delivery> Webhooks::show(const std::string& project, const std::string& id) {
  const std::lock_guard lock(mutex_);
  const auto row = parts_.hooks.find(project, id);
  if (!row) return std::nullopt;
  Delivery view = delivery_view(*row);
  auto log = read_stored<DeliveryLog>(row->body).value_or(DeliveryLog{});
  view.request = std::move(log.request);
  view.answer = std::move(log.answer);
  view.attempts = std::move(log.attempts);
  if (view.request)
    if (const auto event = event_of(*row)) view.request->body = event_text(*event);
  return view;
}

Webhooks::Figures Webhooks::figures() {
  const std::lock_guard lock(mutex_);
  Figures figures = figures_;
  for (const auto& [id, endpoint] : endpoints_) figures.pending += endpoint.pending;
  return figures;
}

}  // namespace carillon::control
