// Projects and tokens: who owns rows and who may touch them.

#include "control/api/documents.h"

namespace carillon::control {
namespace {

constexpr auto kProjectSchema = [](boost::json::object& components) { return json::schema<Project>(components); };

Reply create_project(Plane& plane, Context& context) {
  Project project;
  auto faults = json::read(context.json, project, json::Mode::kApi);
  if (!faults.empty()) return invalid(std::move(faults));
  project.id = plane.ids.make("project", context.now);
  project.created_at = project.updated_at = context.now;
  const Document document{.id = project.id,
                          .project = project.id,
                          .unique_key = project.name,
                          .created_ms = context.now.time_since_epoch().count(),
                          .updated_ms = context.now.time_since_epoch().count(),
                          .body = json::text(json::write(project, json::Mode::kStore))};
  if (!plane.store.insert(Kind::kProjects, document))
    return Problem{.code = "conflict", .detail = "another project has this name"};
  return json_response(201, json::write(project, json::Mode::kApi));
}

// Projects are few: those that the token reaches, on one page.
Reply list_projects(Plane& plane, Context& context) {
  boost::json::array data;
  for (const Document& row : plane.store.all(Kind::kProjects)) {
    const auto& mine = context.who.projects;
    const bool reached = context.who.may(Scope::kAdmin) || std::find(mine.begin(), mine.end(), row.id) != mine.end();
    if (const auto project = reached ? read_body<Project>(row) : std::nullopt)
      data.push_back(json::write(*project, json::Mode::kApi));
  }
  return page_response(std::move(data), std::nullopt);
}

json::Faults complete_token(Plane& plane, Context& context, Token& token) {
  if (token.projects.empty()) token.projects = {context.who.project};
  for (std::size_t i = 0; i < token.projects.size(); ++i) {
    const auto pointer = "/projects/" + std::to_string(i);
    if (!plane.store.find_any(Kind::kProjects, token.projects[i]))
      return {{pointer, "unknown", "no project of that id"}};
  }
  issue(token);
  return {};
}

}  // namespace

std::vector<Operation> project_operations(Plane& plane) {
  return {
      {.method = "POST",
       .path = "/v1/projects",
       .id = "createProject",
       .summary = "Creates a project.",
       .scope = Scope::kAdmin,
       .consumes = "application/json",
       .success = 201,
       .takes = kProjectSchema,
       .gives = kProjectSchema,
       .problems = {"invalid", "conflict"},
       .run = [&plane](Context& context) { return create_project(plane, context); }},
      {.method = "GET",
       .path = "/v1/projects",
       .id = "listProjects",
       .summary = "Lists the projects that the token reaches.",
       .gives = page_schema(kProjectSchema),
       .run = [&plane](Context& context) { return list_projects(plane, context); }},
  };
}

std::vector<Operation> token_operations(Plane& plane) {
  DocumentSpec<Token> spec{.kind = Kind::kTokens,
                           .prefix = "token",
                           .path = "/v1/tokens",
                           .noun = "token",
                           .type = "Token",
                           .read_scope = Scope::kAdmin,
                           .write_scope = Scope::kAdmin,
                           .has_patch = false,
                           .keeps_answers = false,
                           .unique_key = [](const Context&, const Token& token) { return token.id; }};
  spec.complete = [&plane](Context& context, Token& token, const Token*) {
    return complete_token(plane, context, token);
  };
  spec.in_use = [](Context& context, const Token& token) {
    return token.id == context.who.token ? std::string("this request is made with it") : std::string();
  };
  return Documents<Token>(plane, spec).operations();
}

}  // namespace carillon::control
