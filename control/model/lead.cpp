#include "control/model/lead.h"

#include "control/api/json/text.h"
#include "control/crm/number.h"

namespace carillon::control {
namespace {

constexpr Rule kId{.field = "id", .about = "Opaque, prefixed, ordered by time.", .read_only = true};
constexpr Rule kCreated{.field = "created_at", .about = "UTC.", .read_only = true};
constexpr Rule kPriority{.field = "priority", .about = "Higher is dialed first.", .min = -1000, .max = 1000};
constexpr Rule kZone{
    .field = "time_zone", .about = "IANA name; empty: the list's.", .max = 64, .example = "\"America/New_York\""};
constexpr Rule kNotBefore{.field = "not_before", .about = "Not dialed earlier."};

WallTime time_of(std::int64_t ms) { return WallTime(std::chrono::milliseconds(ms)); }
std::optional<std::string> unless_empty(const std::string& text) {
  if (text.empty()) return std::nullopt;
  return text;
}

}  // namespace

std::string check_region(std::string_view text) {
  return text.empty() || is_known_region(text) ? "" : "must be a region of two letters that numbers are known for";
}

ListView ListView::of(const LeadList& list) {
  ListView view;
  view.id = list.id;
  view.name = list.name;
  view.region = list.region;
  view.time_zone = list.time_zone;
  view.counts = {list.counts.leads(), list.counts.pending, list.counts.in_hand, list.counts.done};
  view.created_at = time_of(list.created_ms);
  return view;
}

LeadView LeadView::of(const StoredLead& stored) {
  LeadView view;
  view.id = stored.id;
  view.list = stored.list;
  view.phone = stored.lead.number;
  view.name = stored.name;
  view.external_id = stored.external_id;
  view.priority = stored.lead.priority;
  view.time_zone = stored.lead.time_zone;
  json::Faults faults;
  view.extra = json::parse(stored.extra, faults).value_or(boost::json::value(boost::json::object{}));
  view.state = static_cast<LeadStatus>(stored.state);
  view.attempts = stored.lead.attempts;
  view.last_outcome = unless_empty(stored.last_outcome);
  if (stored.lead.not_before != WallTime{}) view.not_before = stored.lead.not_before;
  view.done_reason = unless_empty(stored.done_reason);
  view.disposition = unless_empty(stored.disposition);
  view.created_at = time_of(stored.created_ms);
  view.updated_at = time_of(stored.updated_ms);
  return view;
}

Rules ListView::rules() {
  static const Rule rules[] = {
      kId,
      {.field = "name",
       .about = "For people; unique within the project.",
       .required = true,
       .min = 1,
       .max = 64,
       .check = check_name},
      {.field = "region",
       .about = "ISO 3166: how numbers without a country code are read.",
       .example = "\"US\"",
       .check = check_region},
      {.field = "time_zone", .about = "IANA name, for leads that name none; empty: the campaign's.", .max = 64},
      {.field = "counts", .about = "Leads by state.", .read_only = true},
      kCreated,
  };
  return rules;
}

Rules LeadInput::rules() {
  static const Rule rules[] = {
      {.field = "phone",
       .about = "As people write it; kept as E.164 by the list's region.",
       .required = true,
       .min = 1,
       .max = 64,
       .example = "\"+12125550100\""},
      {.field = "name", .about = "For the agent.", .max = 255},
      {.field = "external_id", .about = "Yours; unique within the list.", .max = 255},
      kPriority,
      kZone,
      kNotBefore,
      {.field = "extra", .about = "Whatever else is known; shown to the agent.", .max = 100},
  };
  return rules;
}

Rules LeadView::rules() {
  static const Rule rules[] = {
      kId,
      kPriority,
      kZone,
      kNotBefore,
      {.field = "state", .about = "in_hand: with the dialer now, or in a call."},
      {.field = "last_outcome", .about = "How the last attempt ended."},
      kCreated,
  };
  return rules;
}

Rules LeadPatch::rules() {
  static const Rule rules[] = {kPriority, kNotBefore, {.field = "state", .about = "done: it is not dialed any more."}};
  return rules;
}

Rules Import::rules() {
  static const Rule rules[] = {
      kId,
      {.field = "dry_run", .about = "Everything is read and checked, nothing is kept."},
      {.field = "update", .about = "What happens to a lead that the list has already."},
      {.field = "mapping", .about = "Field of a lead → header of the file."},
      {.field = "rows", .about = "Read so far, the header apart."},
      {.field = "duplicates", .about = "Rows whose number or external_id the list has already."},
      {.field = "errors", .about = "Rows that could not be taken; see /errors."},
      {.field = "error", .about = "Why it failed."},
      {.field = "errors_bytes", .about = "", .read_only = true, .write_only = true},
      {.field = "after_undo", .about = "", .read_only = true, .write_only = true},
      kCreated,
  };
  return rules;
}

Rules BlockInput::rules() {
  static const Rule rules[] = {
      {.field = "number", .about = "One number.", .max = 64},
      {.field = "numbers", .about = "Or many.", .max = 10'000},
      {.field = "reason", .about = "Kept with each.", .max = 255},
      {.field = "region", .about = "For numbers without a country code.", .check = check_region},
  };
  return rules;
}

}  // namespace carillon::control
