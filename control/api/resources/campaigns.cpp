// Campaigns: their rules, what they are told to do, what they do.

#include "control/api/documents.h"
#include "control/api/resources/results.h"

namespace carillon::control {
namespace {

constexpr auto kCampaignSchema = [](boost::json::object& components) { return json::schema<Campaign>(components); };

struct TestCallBody {
  std::string to;
  static Rules rules() {
    static const Rule rules[] = {
        {.field = "to", .about = "The number to call.", .required = true, .check = check_dialable}};
    return rules;
  }
};
BOOST_DESCRIBE_STRUCT(TestCallBody, (), (to))

struct StopAllBody {
  bool hang_up = false;
  static Rules rules() {
    static const Rule rules[] = {{.field = "hang_up", .about = "Also end calls that are not answered yet."}};
    return rules;
  }
};
BOOST_DESCRIBE_STRUCT(StopAllBody, (), (hang_up))

json::Faults complete(Plane& plane, Context& context, Campaign& campaign) {
  json::Faults faults;
  if (campaign.list) {
    if (std::find(campaign.lists.begin(), campaign.lists.end(), *campaign.list) == campaign.lists.end())
      campaign.lists.push_back(*campaign.list);
    campaign.list.reset();
  }
  (void)config_of(campaign, faults);
  if (!campaign.from.empty())
    if (const auto wrong = check_caller(campaign.from); !wrong.empty()) faults.push_back({"/from", "format", wrong});
  const auto known = [&](Kind kind, const std::string& id, std::string pointer, const char* noun) {
    if (!plane.store.find(kind, context.who.project, id))
      faults.push_back({std::move(pointer), "unknown", "no " + std::string(noun) + " of that id"});
  };
  for (std::size_t i = 0; i < campaign.trunks.size(); ++i)
    known(Kind::kTrunks, campaign.trunks[i], "/trunks/" + std::to_string(i), "trunk");
  if (campaign.prompt) known(Kind::kPrompts, *campaign.prompt, "/prompt", "prompt");
  if (campaign.safe_harbour_prompt)
    known(Kind::kPrompts, *campaign.safe_harbour_prompt, "/safe_harbour_prompt", "prompt");
  if (campaign.music_prompt) known(Kind::kPrompts, *campaign.music_prompt, "/music_prompt", "prompt");
  return faults;
}

Problem problem_of(Refused refused) {
  return {.code = std::move(refused.code), .detail = std::move(refused.detail), .errors = std::move(refused.errors)};
}

Reply show(Plane& plane, const Context& context, int status) {
  const auto campaign = read_body<Campaign>(plane.store.find(Kind::kCampaigns, context.who.project, context.id()));
  if (!campaign) return not_found("campaign");
  return json_response(status, json::write(*campaign, json::Mode::kApi));
}

Operation action(Plane& plane, const char* name, const char* id, const char* summary,
                 Accepted (Campaigns::*act)(const std::string&, const std::string&)) {
  return {.method = "POST",
          .path = std::string("/v1/campaigns/{id}/actions/") + name,
          .id = id,
          .summary = summary,
          .scope = Scope::kManage,
          .consumes = "application/json",
          .success = 202,
          .gives = kCampaignSchema,
          .problems = {"not_found", "invalid"},
          .run = [&plane, act](Context& context) -> Reply {
            const auto done = (plane.campaigns->*act)(context.who.project, context.id());
            if (!done) return problem_of(done.error());
            return show(plane, context, 202);
          }};
}

Reply copy(Plane& plane, Context& context) {
  auto row = plane.store.find(Kind::kCampaigns, context.who.project, context.id());
  auto campaign = read_body<Campaign>(row);
  if (!campaign) return not_found("campaign");
  campaign->id = plane.ids.make("camp", context.now);
  campaign->state = CampaignStatus::kStopped;
  campaign->created_at = campaign->updated_at = context.now;
  const std::string name = campaign->name.substr(0, 48);
  for (int number = 2; number < 100; ++number) {
    campaign->name = name + " (" + std::to_string(number) + ")";
    const Document made{.id = campaign->id,
                        .project = context.who.project,
                        .unique_key = context.who.project + "/" + campaign->name,
                        .created_ms = context.now.time_since_epoch().count(),
                        .updated_ms = context.now.time_since_epoch().count(),
                        .body = json::text(json::write(*campaign, json::Mode::kStore))};
    if (plane.store.insert(Kind::kCampaigns, made)) return json_response(201, json::write(*campaign, json::Mode::kApi));
  }
  return Problem{.code = "conflict", .detail = "there are too many copies of this name"};
}

Reply test_call(Plane& plane, Context& context) {
  TestCallBody body;
  auto faults = json::read(context.json, body, json::Mode::kApi);
  if (!faults.empty()) return invalid(std::move(faults));
  if (is_blocked(plane, context.who.project, body.to)) return Problem{.code = "do_not_call"};
  const auto call = plane.campaigns->test_call(context.who.project, context.id(), body.to);
  if (!call) return problem_of(call.error());
  return json_response(201, json::write(*call, json::Mode::kApi));
}

Reply stop_all(Plane& plane, Context& context) {
  StopAllBody body;
  auto faults = json::read(context.json, body, json::Mode::kApi);
  if (!faults.empty()) return invalid(std::move(faults));
  return json_response(202,
                       boost::json::object{{"paused", plane.campaigns->stop_all(context.who.project, body.hang_up)}});
}

Reply live(Plane& plane, Context& context) {
  const auto state = plane.campaigns->live_state(context.who.project, context.id());
  if (!state) return not_found("campaign");
  return json_response(200, *state);
}

Reply results(Plane& plane, Context& context) {
  auto campaign = read_body<Campaign>(plane.store.find(Kind::kCampaigns, context.who.project, context.id()));
  if (!campaign) return not_found("campaign");
  Response response;
  response.set("Content-Type", "text/csv; charset=utf-8");
  response.set("Content-Disposition", "attachment; filename=\"" + context.id() + ".csv\"");
  response.source = std::make_shared<ResultsCsv>(plane.store, context.who.project, std::move(*campaign));
  return response;
}

}  // namespace

std::vector<Operation> campaign_operations(Plane& plane) {
  DocumentSpec<Campaign> spec{.kind = Kind::kCampaigns,
                              .prefix = "camp",
                              .path = "/v1/campaigns",
                              .noun = "campaign",
                              .type = "Campaign",
                              .shows = "campaign",
                              .unique_key = [](const Context& context, const Campaign& campaign) {
                                return context.who.project + "/" + campaign.name;
                              }};
  spec.complete = [&plane](Context& context, Campaign& campaign, const Campaign* before) {
    auto faults = complete(plane, context, campaign);
    if (before == nullptr || !faults.empty() || !plane.campaigns->is_active(before->id)) return faults;
    faults = plane.campaigns->lacks(context.who.project, campaign);
    std::erase_if(faults, [](const json::Fault& fault) { return fault.code == "empty"; });  // its last leads are dialed
    return faults;
  };
  spec.in_use = [&plane](Context&, const Campaign& campaign) {
    return plane.campaigns->is_active(campaign.id) ? std::string("the campaign is not stopped") : std::string();
  };
  spec.changed = [&plane](const Campaign& campaign) { plane.campaigns->changed(campaign); };
  spec.removed = [&plane](const Campaign& campaign) { plane.campaigns->removed(campaign.id); };
  auto operations = Documents<Campaign>(plane, spec).operations();
  operations.push_back(action(plane, "start", "startCampaign",
                              "Starts or resumes. Refused with everything that it lacks.", &Campaigns::start));
  operations.push_back(
      action(plane, "pause", "pauseCampaign", "No new call; what rings goes on ringing.", &Campaigns::pause));
  operations.push_back(action(plane, "stop", "stopCampaign",
                              "No new call, what rings is hung up, leads in hand go back.", &Campaigns::stop));
  operations.push_back({.method = "POST",
                        .path = "/v1/campaigns/{id}/actions/copy",
                        .id = "copyCampaign",
                        .summary = "A stopped campaign with the same rules.",
                        .scope = Scope::kManage,
                        .consumes = "application/json",
                        .success = 201,
                        .gives = kCampaignSchema,
                        .problems = {"not_found", "conflict"},
                        .run = [&plane](Context& context) { return copy(plane, context); }});
  operations.push_back({.method = "POST",
                        .path = "/v1/campaigns/{id}/actions/test_call",
                        .id = "testCallCampaign",
                        .summary = "Calls one number with the campaign's plan, outside its books.",
                        .scope = Scope::kManage,
                        .consumes = "application/json",
                        .success = 201,
                        .takes = [](boost::json::object& components) { return json::schema<TestCallBody>(components); },
                        .gives = [](boost::json::object& components) { return json::schema<Call>(components); },
                        .problems = {"not_found", "invalid", "emergency_number", "do_not_call", "engine_unavailable"},
                        .run = [&plane](Context& context) { return test_call(plane, context); }});
  operations.push_back({.method = "GET",
                        .path = "/v1/campaigns/{id}/live",
                        .id = "getCampaignLive",
                        .summary = "What the campaign does now and why; also each second as event campaign.live.",
                        .problems = {"not_found"},
                        .run = [&plane](Context& context) { return live(plane, context); }});
  operations.push_back(
      {.method = "GET",
       .path = "/v1/campaigns/{id}/results.csv",
       .id = "getCampaignResults",
       .summary = "Every lead of the campaign with its last attempt, one line each, as CSV (RFC 4180). Texts that a "
                  "spreadsheet would take for a formula have an apostrophe in front; numbers keep their plus sign.",
       .produces = "text/csv",
       .problems = {"not_found"},
       .run = [&plane](Context& context) { return results(plane, context); }});
  operations.push_back({.method = "POST",
                        .path = "/v1/actions/stop_all",
                        .id = "stopAll",
                        .summary = "Pauses every campaign of the project at once.",
                        .scope = Scope::kManage,
                        .consumes = "application/json",
                        .success = 202,
                        .takes = [](boost::json::object& components) { return json::schema<StopAllBody>(components); },
                        .problems = {"invalid"},
                        .run = [&plane](Context& context) { return stop_all(plane, context); }});
  return operations;
}

}  // namespace carillon::control
