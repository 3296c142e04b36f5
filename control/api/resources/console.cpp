// The console's pages: static files without a token; what they show comes through the API with one.

#include "control/console/console.h"

#include "control/api/plane.h"

namespace carillon::control {
namespace {

Reply page(const std::string& path) {
  const ConsoleFile* file = console_file(path);
  if (file == nullptr) return Problem{.code = "not_found", .detail = "nothing has this path"};
  Response response{.body = std::string(file->body)};
  response.set("Content-Type", file->content_type);
  response.set("Content-Security-Policy",
               "default-src 'self'; media-src blob:; object-src 'none'; frame-ancestors 'none'; base-uri 'none'; "
               "form-action 'self'");
  response.set("Referrer-Policy", "no-referrer");
  response.set("X-Frame-Options", "DENY");
  response.set("X-Content-Type-Options", "nosniff");
  response.set("Cache-Control", "no-cache");  // the pages and the API they speak to are of one version
  return response;
}

Operation at(const char* path, const char* id, const char* summary, std::string produces,
             std::function<std::string(Context&)> file) {
  return {.method = "GET",
          .path = path,
          .id = id,
          .summary = summary,
          .open = true,
          .produces = std::move(produces),
          .problems = {"not_found"},
          .run = [file = std::move(file)](Context& context) { return page(file(context)); }};
}

}  // namespace

std::vector<Operation> console_operations(Plane&) {
  return {
      at("/", "getConsole", "The manager's page.", "text/html", [](Context&) { return std::string("/"); }),
      at("/agent", "getAgentConsole", "The agent's page.", "text/html", [](Context&) { return std::string("/agent"); }),
      at("/console/{file}", "getConsoleFile", "What the pages load.", "*/*",
         [](Context& context) { return "/console/" + context.path.at("file"); })};
}

}  // namespace carillon::control
