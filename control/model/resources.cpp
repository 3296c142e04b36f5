#include "control/model/resources.h"

namespace carillon::control {
namespace {

constexpr Rule kId{.field = "id", .about = "Opaque, prefixed, ordered by time.", .read_only = true};
constexpr Rule kCreated{.field = "created_at", .about = "UTC.", .read_only = true};
constexpr Rule kUpdated{.field = "updated_at", .about = "UTC.", .read_only = true};
constexpr Rule kName{.field = "name",
                     .about = "For people; unique within the project.",
                     .required = true,
                     .min = 1,
                     .max = 64,
                     .check = check_name};

}  // namespace

std::string NumberRule::apply(std::string_view number) const {
  const bool had_plus = number.starts_with('+');
  std::string digits(had_plus ? number.substr(1) : number);
  digits.erase(0, strip);
  digits.insert(0, prefix);
  if (digits.starts_with('+')) digits.erase(0, 1);
  const bool wants_plus = plus == Plus::kAdd || (plus == Plus::kKeep && had_plus);
  return wants_plus ? "+" + digits : digits;
}

Rules Project::rules() {
  static const Rule rules[] = {kId, kName, kCreated, kUpdated};
  return rules;
}

Rules Token::rules() {
  static const Rule rules[] = {
      kId,
      kName,
      {.field = "scope",
       .about = "read sees, manage changes and dials, admin reaches every project.",
       .required = true},
      {.field = "projects", .about = "Ids of the projects it reaches; empty: the caller's.", .max = 100},
      {.field = "token", .about = "The secret, shown only in the answer to its creation.", .read_only = true},
      {.field = "digest", .about = "", .read_only = true, .write_only = true},
      kCreated,
      kUpdated,
  };
  return rules;
}

Rules NumberRule::rules() {
  static const Rule rules[] = {
      {.field = "strip", .about = "Leading digits to take away.", .max = 15},
      {.field = "prefix", .about = "Put before what is left.", .max = 16},
      {.field = "plus", .about = "What happens to the plus sign."},
  };
  return rules;
}

Rules Gateway::rules() {
  static const Rule rules[] = {
      {.field = "address",
       .about = "IP address.",
       .required = true,
       .min = 2,
       .max = 45,
       .example = "\"192.0.2.10\"",
       .check = check_host},
      {.field = "port", .about = "SIP over UDP.", .min = 1, .max = 65535},
  };
  return rules;
}

Rules Trunk::rules() {
  static const Rule rules[] = {
      kId,
      kName,
      {.field = "gateways", .about = "Addresses of the carrier, in order.", .required = true, .min = 1, .max = 16},
      {.field = "username",
       .about = "Digest user, and the user part when registering.",
       .max = 128,
       .check = check_header_value},
      {.field = "password", .about = "Digest password.", .write_only = true, .max = 128, .check = check_header_value},
      {.field = "domain",
       .about = "From and REGISTER domain; empty: the gateway's address.",
       .max = 128,
       .check = check_header_value},
      {.field = "register", .about = "Register with the carrier."},
      {.field = "register_expires_s", .about = "Seconds.", .min = 30, .max = 86400},
      {.field = "calls_per_second_max", .about = "0: no limit.", .max = 10000},
      {.field = "channels_max", .about = "0: no limit.", .max = 100000},
      {.field = "options_interval_s", .about = "Seconds between OPTIONS; 0: no probing.", .max = 3600},
      {.field = "local_address", .about = "Bind here; empty: the engine's.", .check = check_host},
      {.field = "advertised_address", .about = "In Contact, Via and SDP; empty: the engine's.", .check = check_host},
      {.field = "behind_nat", .about = "The carrier's RTP source may differ from its SDP and is learned."},
      {.field = "codecs", .about = "PCMU and PCMA in order of preference; empty: both.", .max = 2},
      {.field = "follow_redirects", .about = "Obey a 302."},
      {.field = "state", .about = "Live, from the engine; null: not known.", .read_only = true},
      kCreated,
      kUpdated,
  };
  return rules;
}

Rules PhoneEndpoint::rules() {
  static const Rule rules[] = {
      kId,
      kName,
      {.field = "username",
       .about = "What the phone registers as; unique on this box.",
       .required = true,
       .check = check_username},
      {.field = "password",
       .about = "Digest password of the phone; only digests of it are kept.",
       .write_only = true,
       .min = 8,
       .max = 128},
      {.field = "behind_nat", .about = "The phone's RTP source is learned."},
      {.field = "registered", .about = "Live, from the engine.", .read_only = true},
      {.field = "contact", .about = "Where the phone is reached.", .read_only = true},
      {.field = "user_agent", .about = "What the phone says it is.", .read_only = true},
      {.field = "ha1_md5", .about = "", .read_only = true, .write_only = true},
      {.field = "ha1_sha256", .about = "", .read_only = true, .write_only = true},
      kCreated,
      kUpdated,
  };
  return rules;
}

Rules Prompt::rules() {
  static const Rule rules[] = {
      kId,
      kName,
      {.field = "sha256", .about = "Of the WAV file, hex.", .read_only = true},
      {.field = "size", .about = "Bytes.", .read_only = true},
      {.field = "duration_ms", .about = "Length.", .read_only = true},
      {.field = "state",
       .about = "stored: no engine has taken it yet; ready; failed: an engine refused it.",
       .read_only = true},
      {.field = "error", .about = "Why an engine refused it.", .read_only = true},
      kCreated,
      kUpdated,
  };
  return rules;
}

Rules PromptRoute::rules() {
  static const Rule rules[] = {{.field = "prompt", .about = "Id of the prompt to play.", .required = true}};
  return rules;
}

Rules EndpointRoute::rules() {
  static const Rule rules[] = {
      {.field = "endpoint", .about = "Id of the phone to ring.", .required = true},
      {.field = "ring_time_s", .about = "Seconds.", .min = 1, .max = 600},
  };
  return rules;
}

Rules QueueRoute::rules() {
  static const Rule rules[] = {{.field = "queue", .about = "Id of the queue to wait in.", .required = true}};
  return rules;
}

Rules Number::rules() {
  static const Rule rules[] = {
      kId,
      {.field = "number",
       .about = "E.164; unique on this box.",
       .required = true,
       .format = "e164",
       .example = "\"+4930123456\"",
       .check = check_e164},
      {.field = "trunk", .about = "Id of the trunk that it comes in by.", .required = true},
      {.field = "route", .about = "Where a call to it goes.", .required = true},
      {.field = "record", .about = "Record both sides."},
      kCreated,
      kUpdated,
  };
  return rules;
}

}  // namespace carillon::control
