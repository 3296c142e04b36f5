#include "control/model/webhook.h"

#include <algorithm>

namespace carillon::control {
namespace {

std::string check_description(std::string_view text) {
  const bool is_plain =
      std::ranges::all_of(text, [](unsigned char letter) { return letter >= 0x20 && letter != 0x7F; });
  return is_plain ? "" : "must have printable characters only";
}

}  // namespace

std::span<const EventKind> event_catalogue() {
  static constexpr EventKind kKinds[] = {
      {"call.incoming", "A call came in."},
      {"call.dialing", "An agent's phone is being called."},
      {"call.ringing", "The other side rings."},
      {"call.answered", "The other side answered."},
      {"call.detected", "Person, machine, beep or tone: the detector's word."},
      {"call.digit", "A key was pressed."},
      {"call.marked", "The plan passed a mark."},
      {"call.bridged", "Joined with another call."},
      {"call.unbridged", "No longer joined."},
      {"call.play_done", "A prompt has been played."},
      {"call.ended", "The call is over; the whole call with its cause and times."},
      {"recording.ready", "The recording can be fetched."},
      {"recording.failed", "The recording could not be fetched."},
      {"attempt.finished", "An attempt of a campaign has its outcome."},
      {"disposition.set", "An agent has said what became of an attempt."},
      {"agent.status_changed", "An agent is ready, talking, on a break …"},
      {"campaign.state_changed", "A campaign was started, paused, stopped or has finished."},
      {"import.progress", "How far an import is; the last one says how it ended."},
      {"endpoint.state_changed", "A phone registered or is gone."},
      {"trunk.state_changed", "A trunk can be reached or cannot."},
      {"webhook.disabled", "A webhook was switched off because its endpoint is gone or fails."},
  };
  return kKinds;
}

Rules Webhook::rules() {
  static const Rule rules[] = {
      {.field = "id", .about = "Opaque, prefixed, ordered by time.", .read_only = true},
      {.field = "url",
       .about = "Where events are sent by POST: https (or http), no user, no fragment. Addresses that are not of the "
                "public internet are refused when they are sent to, unless webhooks.allow_private is set.",
       .required = true,
       .min = 8,
       .max = 2048,
       .example = "\"https://crm.example.com/carillon\""},
      {.field = "events",
       .about = "Which events, by name; \"*\": all of them, and those of later versions.",
       .required = true,
       .min = 1,
       .max = 64,
       .example = "[\"call.ended\",\"disposition.set\"]"},
      {.field = "description", .about = "For people.", .max = 255, .check = check_description},
      {.field = "active", .about = "false: nothing is sent, and what happens meanwhile is not kept for it."},
      {.field = "secret",
       .about = "Key of the signatures (Standard Webhooks), shown only when it is made.",
       .read_only = true},
      {.field = "disabled_reason", .about = "Why it was switched off by itself.", .read_only = true},
      {.field = "disabled_at", .about = "When that was.", .read_only = true},
      {.field = "created_at", .about = "UTC.", .read_only = true},
      {.field = "updated_at", .about = "UTC.", .read_only = true},
      {.field = "secrets", .about = "", .read_only = true, .write_only = true},
      {.field = "since", .about = "", .read_only = true, .write_only = true},
  };
  return rules;
}

bool Webhook::wants(std::string_view type) const {
  return std::ranges::any_of(events, [type](const std::string& name) { return name == "*" || name == type; });
}

std::vector<std::string> Webhook::live_secrets(WallTime now) const {
  std::vector<std::string> live;
  for (const WebhookSecret& one : secrets)
    if (!one.until || *one.until > now) live.push_back(one.text);
  return live;
}

Rules Delivery::rules() {
  static const Rule rules[] = {
      {.field = "event", .about = "Id of the event; also webhook-id, the same for every try."},
      {.field = "type", .about = "Of the event."},
      {.field = "tries", .about = "Requests made so far."},
      {.field = "next_at", .about = "When it is tried next, unless its endpoint rests."},
      {.field = "error", .about = "What went wrong the last time."},
      {.field = "request", .about = "The last one, as it was sent; only where one delivery is shown."},
      {.field = "answer", .about = "The last one, its body up to 4 KiB; only where one delivery is shown."},
      {.field = "attempts", .about = "The last 20 tries; only where one delivery is shown."},
  };
  return rules;
}

}  // namespace carillon::control
