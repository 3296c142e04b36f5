#include "control/cli/campaign_commands.h"

#include <fmt/format.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <chrono>
#include <thread>

#include "control/cli/words.h"

namespace carillon::cli {

namespace bj = boost::json;

namespace {

constexpr std::size_t kFaultsShown = 10;

std::string campaign_id(Client& client, const std::string& name) {
  return escaped(by_name(client, "/v1/campaigns", "camp_", name));
}

struct ListOfLeads {
  std::string id;
  bool is_new = false;
};

ListOfLeads list_of(Client& client, const ImportOptions& options) {
  if (!options.creates) return {by_name(client, "/v1/lists", "list_", options.list)};
  for (const auto& item : client.all("/v1/lists"))
    if (text_of(item, "name") == options.list) return {text_of(item, "id")};
  bj::object body{{"name", options.list}};
  if (!options.region.empty()) body["region"] = options.region;
  return {text_of(client.post("/v1/lists", body, new_key()), "id"), true};
}

std::string query_of(const ImportOptions& options, const std::string& list) {
  std::string query = "?list=" + escaped(list);
  if (options.dry_run) query += "&dry_run=true";
  if (options.updates) query += "&update=update";
  if (!options.region.empty()) query += "&region=" + escaped(options.region);
  if (!options.delimiter.empty()) query += "&delimiter=" + escaped(options.delimiter);
  for (const auto& pair : options.mapping) {
    const auto equals = pair.find('=');
    if (equals == 0 || equals == std::string::npos)
      throw Failure(Exit::kUsage, fmt::format("--map {}: FIELD=HEADER is needed, as phone=Mobile", pair));
    query += fmt::format("&mapping.{}={}", escaped(pair.substr(0, equals)), escaped(pair.substr(equals + 1)));
  }
  return query;
}

bj::value follow(Client& client, const std::string& id) {
  const bool is_watched = ::isatty(STDERR_FILENO) != 0;
  for (;;) {
    auto job = client.get("/v1/imports/" + escaped(id));
    const auto state = text_of(job, "state");
    if (is_watched)
      fmt::print(stderr, "\r{}: {} of {} bytes, {} rows, {} errors ", state, text_of(job, "bytes_read"),
                 text_of(job, "bytes"), text_of(job, "rows"), text_of(job, "errors"));
    if (state != "queued" && state != "running") {
      if (is_watched) fmt::print(stderr, "\n");
      return job;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
  }
}

void print_faults(const std::string& csv) {
  std::size_t at = 0;
  for (std::size_t line = 0; at < csv.size() && line <= kFaultsShown; ++line) {
    const auto end = std::min(csv.find('\n', at), csv.size());
    fmt::print("  {}\n", csv.substr(at, end - at));
    at = end + 1;
  }
}

}  // namespace

void lists(Client& client) {
  for (const auto& item : client.all("/v1/lists")) {
    const auto& counts = item.at("counts");
    fmt::print("{}  {:<20} leads {}  pending {}  done {}\n", text_of(item, "id"), text_of(item, "name"),
               text_of(counts, "leads"), text_of(counts, "pending"), text_of(counts, "done"));
  }
}

void import_leads(Client& client, const ImportOptions& options) {
  const auto bytes = read_file(options.file);
  const auto list = list_of(client, options);
  const auto queued = client.upload("/v1/imports" + query_of(options, list.id), bytes, "text/csv");
  const auto id = text_of(queued, "id");
  const auto job = follow(client, id);
  if (list.is_new && options.dry_run) client.remove("/v1/lists/" + escaped(list.id));  // a dry run leaves nothing
  fmt::print("{}  {}  rows {}  created {}  updated {}  duplicates {}  errors {}\n", id, text_of(job, "state"),
             text_of(job, "rows"), text_of(job, "created"), text_of(job, "updated"), text_of(job, "duplicates"),
             text_of(job, "errors"));
  if (text_of(job, "errors") != "0") print_faults(client.text("/v1/imports/" + escaped(id) + "/errors"));
  if (text_of(job, "state") != "done")
    throw Failure(Exit::kRefused, fmt::format("import {}: {}", text_of(job, "state"), text_of(job, "error")));
  if (text_of(job, "rows") == text_of(job, "errors"))
    throw Failure(Exit::kRefused, text_of(job, "rows") == "0" ? "the file has no row" : "no row was good");
}

void campaigns(Client& client) {
  for (const auto& item : client.all("/v1/campaigns"))
    fmt::print("{}  {:<20} {:<12} {}\n", text_of(item, "id"), text_of(item, "name"), text_of(item, "mode"),
               text_of(item, "state"));
}

void campaign_action(Client& client, const std::string& name, const std::string& action) {
  const auto id = campaign_id(client, name);
  client.post(fmt::format("/v1/campaigns/{}/actions/{}", id, action), bj::object{}, new_key());
  fmt::print("{}  {}\n", id, text_of(client.get("/v1/campaigns/" + id), "state"));
}

void campaign_status(Client& client, const std::string& name) {
  const auto live = client.get(fmt::format("/v1/campaigns/{}/live", campaign_id(client, name)));
  for (const auto& [key, value] : live.as_object())
    if (!value.is_object() && !value.is_array()) fmt::print("{:<24} {}\n", std::string(key), text_of(live, key));
  if (const auto* outcomes = live.as_object().if_contains("outcomes"); outcomes != nullptr && outcomes->is_object())
    for (const auto& [outcome, count] : outcomes->as_object())
      fmt::print("outcome {:<16} {}\n", std::string(outcome), bj::serialize(count));
}

void stop_all(Client& client, bool hang_up) {
  fmt::print("{}\n", bj::serialize(client.post("/v1/actions/stop_all", bj::object{{"hang_up", hang_up}}, new_key())));
}

}  // namespace carillon::cli
