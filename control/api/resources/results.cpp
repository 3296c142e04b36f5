#include "control/api/resources/results.h"

#include <fmt/format.h>

#include "control/api/documents.h"
#include "control/crm/csv_cell.h"
#include "control/live/stored.h"

namespace carillon::control {
namespace {

constexpr std::size_t kPage = 500, kExtraMax = 200;
constexpr const char* kColumns[] = {"lead",     "phone",        "name",        "external_id", "state",
                                    "attempts", "last_outcome", "disposition", "placed_at",   "answered_at",
                                    "ended_at", "talk_seconds", "agent",       "agent_name",  "recording"};

boost::json::object extra_of(const StoredLead& lead) {
  boost::system::error_code error;
  auto extra = boost::json::parse(lead.extra, error);
  return !error && extra.is_object() ? std::move(extra.as_object()) : boost::json::object();
}

std::string time_text(const std::optional<WallTime>& time) { return time ? rfc3339(*time) : std::string(); }

std::string talk_seconds(const Attempt& attempt) {
  const auto from = attempt.connected_at ? attempt.connected_at : attempt.answered_at;
  if (!from || !attempt.ended_at || *attempt.ended_at < *from) return {};
  return fmt::format("{:.1f}", static_cast<double>((*attempt.ended_at - *from).count()) / 1000.0);
}

}  // namespace

ResultsCsv::ResultsCsv(Store& store, std::string project, Campaign campaign)
    : store_(store), project_(std::move(project)), campaign_(std::move(campaign)) {}

std::string ResultsCsv::next() {
  if (!std::exchange(has_begun_, true)) return header();
  const auto leads = page(kPage);
  if (leads.empty()) return {};
  const auto results = store_.results(campaign_.id, leads.front().lead.id.value, leads.back().lead.id.value);
  std::string text;
  auto result = results.begin();
  for (const StoredLead& lead : leads) {
    while (result != results.end() && result->lead < lead.lead.id.value) ++result;
    const bool is_tried = result != results.end() && result->lead == lead.lead.id.value;
    text += line(lead, is_tried ? &*result : nullptr);
  }
  return text;
}

// The next leads of the campaign, from one list; none: all have been read.
std::vector<StoredLead> ResultsCsv::page(std::size_t limit) {
  for (; list_ < campaign_.lists.size(); ++list_, after_ = 0) {
    auto leads =
        store_.leads().leads({.project = project_, .list = campaign_.lists[list_], .after = after_, .limit = limit});
    if (leads.empty()) continue;
    after_ = static_cast<std::int64_t>(leads.back().lead.id.value);
    return leads;
  }
  return {};
}

// All leads are looked through for the names of their extra fields before the first line can be written.
std::string ResultsCsv::header() {
  std::set<std::string> names;
  for (auto leads = page(kPage); !leads.empty() && names.size() < kExtraMax; leads = page(kPage))
    for (const StoredLead& lead : leads)
      for (const auto& member : extra_of(lead))
        if (names.size() < kExtraMax) names.emplace(member.key());
  list_ = 0;
  after_ = 0;
  extra_.assign(names.begin(), names.end());
  CsvLine cells;
  for (const char* column : kColumns) cells.add(column);
  for (const auto& name : extra_)
    cells.add(std::ranges::find(kColumns, name) == std::end(kColumns) ? name : "extra." + name);
  return cells.take();
}

std::string ResultsCsv::line(const StoredLead& lead, const LeadResult* result) {
  std::optional<Attempt> attempt;
  if (result != nullptr) attempt = read_stored<Attempt>(result->attempt);
  if (!attempt) attempt = Attempt();
  if (result != nullptr && !attempt->recording && !result->call.empty())  // it was ready after the attempt's end
    if (const auto call = read_stored<Call>(result->call)) attempt->recording = call->recording;
  CsvLine cells;
  cells.add(lead.id).add(lead.lead.number).add(lead.name).add(lead.external_id).add(text(lead.state));
  cells.add(std::to_string(result != nullptr ? result->attempts : 0)).add(attempt->outcome.value_or(""));
  cells.add(attempt->disposition.value_or(lead.disposition));
  cells.add(result != nullptr ? rfc3339(attempt->placed_at) : "").add(time_text(attempt->answered_at));
  cells.add(time_text(attempt->ended_at)).add(talk_seconds(*attempt));
  cells.add(attempt->agent.value_or("")).add(attempt->agent ? agent_name(*attempt->agent) : "");
  cells.add(attempt->recording.value_or(""));
  const auto extra = extra_of(lead);
  for (const auto& name : extra_) {
    const auto* value = extra.if_contains(name);
    const bool is_text = value != nullptr && value->is_string();
    cells.add(is_text                                ? std::string(value->as_string())
              : value == nullptr || value->is_null() ? std::string()
                                                     : json::text(*value));
  }
  return cells.take();
}

std::string ResultsCsv::agent_name(const std::string& id) {
  const auto [found, is_new] = agent_names_.try_emplace(id);
  if (is_new)
    if (const auto agent = read_body<Agent>(store_.find(Kind::kAgents, project_, id))) found->second = agent->name;
  return found->second;
}

}  // namespace carillon::control
