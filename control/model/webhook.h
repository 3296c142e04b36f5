#pragma once
// Webhooks and their deliveries as the API shows them, and the catalogue of events.

#include <map>
#include <span>

#include "control/model/resources.h"

namespace carillon::control {

struct EventKind {
  std::string_view name, about;
};
/// Every event that the store keeps: what webhooks may ask for and followers get. `data` of call.* is a call, of
/// attempt.finished an attempt, of import.progress an import.
std::span<const EventKind> event_catalogue();

struct WebhookSecret {
  std::string text;
  std::optional<WallTime> until;  ///< the one before goes then
};
BOOST_DESCRIBE_STRUCT(WebhookSecret, (), (text, until))

struct Webhook {
  static constexpr const char* kSchema = "Webhook";
  std::string id, url;
  std::vector<std::string> events;
  std::string description;
  bool active = true;
  std::optional<std::string> secret;  ///< shown once
  std::optional<std::string> disabled_reason;
  std::optional<WallTime> disabled_at;
  WallTime created_at{}, updated_at{};
  // ours alone
  std::vector<WebhookSecret> secrets;  ///< newest first, two at most
  std::int64_t since = 0;              ///< it gets events after this sequence
  static Rules rules();

  bool wants(std::string_view type) const;
  /// Those that still hold, newest first.
  std::vector<std::string> live_secrets(WallTime now) const;
};
BOOST_DESCRIBE_STRUCT(Webhook, (),
                      (id, url, events, description, active, secret, disabled_reason, disabled_at, created_at,
                       updated_at, secrets, since))

enum class DeliveryStatus { kPending, kDelivered, kFailed };
BOOST_DESCRIBE_ENUM(DeliveryStatus, kPending, kDelivered, kFailed)

/// One try: status 0 when there was no answer.
struct DeliveryTry {
  WallTime at{};
  std::uint32_t status = 0, took_ms = 0;
  std::optional<std::string> error;
};
BOOST_DESCRIBE_STRUCT(DeliveryTry, (), (at, status, took_ms, error))

struct DeliveryRequest {
  std::string url;
  std::map<std::string, std::string> headers;
  std::string body;
};
BOOST_DESCRIBE_STRUCT(DeliveryRequest, (), (url, headers, body))
struct DeliveryAnswer {
  std::uint32_t status = 0;
  std::map<std::string, std::string> headers;
  std::string body;
};
BOOST_DESCRIBE_STRUCT(DeliveryAnswer, (), (status, headers, body))

/// What the row of a delivery keeps of its tries.
struct DeliveryLog {
  std::optional<DeliveryRequest> request;  ///< the last one; its body is the event's and not kept twice
  std::optional<DeliveryAnswer> answer;
  std::vector<DeliveryTry> attempts;  ///< the last 20
};
BOOST_DESCRIBE_STRUCT(DeliveryLog, (), (request, answer, attempts))

/// `request`, `answer` and `attempts` are there when one delivery is shown.
struct Delivery {
  static constexpr const char* kSchema = "WebhookDelivery";
  std::string id, webhook, event, type;
  DeliveryStatus state = DeliveryStatus::kPending;
  std::uint32_t tries = 0;
  std::optional<WallTime> next_at, ended_at;
  WallTime created_at{};
  std::optional<std::string> error;
  std::optional<DeliveryRequest> request;
  std::optional<DeliveryAnswer> answer;
  std::optional<std::vector<DeliveryTry>> attempts;
  static Rules rules();
};
BOOST_DESCRIBE_STRUCT(Delivery, (),
                      (id, webhook, event, type, state, tries, next_at, ended_at, created_at, error, request, answer,
                       attempts))

}  // namespace carillon::control
