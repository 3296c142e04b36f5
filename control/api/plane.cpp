#include "control/api/plane.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <stdexcept>

#include "control/api/json/walker.h"
#include "control/api/shape.h"

namespace carillon::control {

void add_operations(Plane& plane) {
  plane.service.shape_with(Shaper(plane.service.operations()));
  for (const auto resource :
       {project_operations, token_operations, trunk_operations, endpoint_operations, prompt_operations,
        number_operations, call_operations, call_action_operations, cdr_operations, recording_operations,
        event_operations, system_operations, engine_operations, console_operations, list_operations, lead_operations,
        import_operations, do_not_call_operations})
    plane.service.add(resource(plane));
  if (plane.webhooks != nullptr) plane.service.add(webhook_operations(plane));
  if (plane.campaigns == nullptr) return;
  for (const auto resource : {campaign_operations, agent_operations, attempt_operations, queue_operations})
    plane.service.add(resource(plane));
}

namespace {

Document document_of(std::string id, std::string project, std::string key, std::string body, WallTime now) {
  const auto ms = now.time_since_epoch().count();
  return {.id = std::move(id),
          .project = std::move(project),
          .unique_key = std::move(key),
          .created_ms = ms,
          .updated_ms = ms,
          .body = std::move(body)};
}

void write_secret(const std::string& path, const std::string& text) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  const bool wrote = file >= 0 && ::fchmod(file, 0600) == 0 &&
                     ::write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size()) && ::fsync(file) == 0;
  if (file >= 0) ::close(file);
  if (!wrote) throw std::runtime_error(path + ": cannot be written");
}

}  // namespace

// The file is written before the token is stored: after a crash between the two the next start writes it again.
std::optional<std::string> first_start(Store& store, IdMaker& ids, const std::string& folder, WallTime now) {
  if (!store.all(Kind::kTokens).empty()) return std::nullopt;
  Project project;
  if (const auto known = store.find_by_key(Kind::kProjects, "default")) {
    project.id = known->id;
  } else {
    project = {.id = ids.make("project", now), .name = "default", .created_at = now, .updated_at = now};
    (void)store.insert(Kind::kProjects, document_of(project.id, project.id, "default",
                                                    json::text(json::write(project, json::Mode::kStore)), now));
  }
  Token token;
  token.id = ids.make("token", now);
  token.name = "first admin";
  token.scope = Scope::kAdmin;
  token.projects = {project.id};
  token.created_at = token.updated_at = now;
  issue(token);
  const std::string path = folder + "/admin.token";
  write_secret(path, *token.token + "\n");
  token.token.reset();
  (void)store.insert(Kind::kTokens, document_of(token.id, project.id, token.id,
                                                json::text(json::write(token, json::Mode::kStore)), now));
  return path;
}

}  // namespace carillon::control
