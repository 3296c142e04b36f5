// Agents and what they are told to do.

#include "control/api/documents.h"

namespace carillon::control {
namespace {

json::Faults complete(Plane& plane, Context& context, const Agent& agent) {
  json::Faults faults;
  const auto known = [&](Kind kind, const std::string& id, std::string pointer, const char* noun) {
    if (!plane.store.find(kind, context.who.project, id))
      faults.push_back({std::move(pointer), "unknown", "no " + std::string(noun) + " of that id"});
  };
  known(Kind::kEndpoints, agent.endpoint, "/endpoint", "endpoint");
  for (std::size_t i = 0; i < agent.campaigns.size(); ++i)
    known(Kind::kCampaigns, agent.campaigns[i], "/campaigns/" + std::to_string(i), "campaign");
  for (std::size_t i = 0; i < agent.queues.size(); ++i)
    known(Kind::kQueues, agent.queues[i], "/queues/" + std::to_string(i), "queue");
  return faults;
}

Operation action(Plane& plane, const char* name, const char* id, const char* summary,
                 Accepted (Campaigns::*act)(const std::string&, const std::string&)) {
  return {.method = "POST",
          .path = std::string("/v1/agents/{id}/actions/") + name,
          .id = id,
          .summary = summary,
          .scope = Scope::kManage,
          .consumes = "application/json",
          .success = 202,
          .gives = [](boost::json::object& components) { return json::schema<Agent>(components); },
          .problems = {"not_found", "agent_state", "engine_unavailable"},
          .run = [&plane, act](Context& context) -> Reply {
            const auto done = (plane.campaigns->*act)(context.who.project, context.id());
            if (!done) return Problem{.code = done.error().code, .detail = done.error().detail};
            auto agent = read_body<Agent>(plane.store.find(Kind::kAgents, context.who.project, context.id()));
            if (!agent) return not_found("agent");
            plane.campaigns->show(*agent);
            return json_response(202, json::write(*agent, json::Mode::kApi));
          }};
}

}  // namespace

std::vector<Operation> agent_operations(Plane& plane) {
  DocumentSpec<Agent> spec{
      .kind = Kind::kAgents,
      .prefix = "agent",
      .path = "/v1/agents",
      .noun = "agent",
      .type = "Agent",
      .shows = "agent",
      .unique_key = [](const Context& context, const Agent& agent) { return context.who.project + "/" + agent.name; }};
  spec.complete = [&plane](Context& context, Agent& agent, const Agent*) { return complete(plane, context, agent); };
  spec.changed = [&plane](const Agent& agent) { plane.campaigns->changed(agent); };
  spec.removed = [&plane](const Agent& agent) { plane.campaigns->removed_agent(agent.id); };
  spec.show_live = [&plane](Agent& agent) { plane.campaigns->show(agent); };
  auto operations = Documents<Agent>(plane, spec).operations();
  operations.push_back(action(plane, "log_in", "logInAgent", "Takes a seat; a phone that is kept up is called now.",
                              &Campaigns::log_in));
  operations.push_back(action(plane, "log_out", "logOutAgent", "Leaves, after the call in hand.", &Campaigns::log_out));
  operations.push_back(
      action(plane, "break", "breakAgent", "Takes a break, after the call in hand.", &Campaigns::take_break));
  operations.push_back(action(plane, "ready", "readyAgent", "Ends a break or wrap-up.", &Campaigns::make_ready));
  return operations;
}

}  // namespace carillon::control
