// Imports: an uploaded CSV file becomes a job.

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "control/api/files.h"
#include "control/api/json/walker.h"
#include "control/api/plane.h"
#include "control/import/importer.h"

namespace carillon::control {
namespace {

constexpr auto kSchema = [](boost::json::object& components) { return json::schema<Import>(components); };
constexpr std::string_view kFields[] = {"phone", "name", "external_id", "priority", "time_zone"};

Result<Import, Problem> options(Context& context, const LeadList& list) {
  Import job;
  job.region = context.parameter("region");
  if (auto wrong = check_region(job.region); !wrong.empty()) return invalid({{"/region", "choice", std::move(wrong)}});
  if (job.region.empty()) job.region = list.region;
  const auto dry_run = context.parameter("dry_run");
  if (!dry_run.empty() && dry_run != "true" && dry_run != "false")
    return invalid({{"/dry_run", "type", "must be true or false"}});
  job.dry_run = dry_run == "true";
  if (const auto update = context.parameter("update"); !update.empty()) {
    const auto known = json::enum_of<ImportUpdate>(update);
    if (!known) return invalid({{"/update", "choice", "must be skip or update"}});
    job.update = *known;
  }
  job.delimiter = context.parameter("delimiter");
  if (job.delimiter == "tab") job.delimiter = "\t";
  if (!job.delimiter.empty() && std::string_view(",;\t|").find(job.delimiter) == std::string_view::npos)
    return invalid({{"/delimiter", "choice", "must be a comma, a semicolon, a bar or tab"}});
  for (const auto& [name, header] : context.query) {
    if (!name.starts_with("mapping.") || header.empty()) continue;
    const auto field = name.substr(std::string_view("mapping.").size());
    if (std::ranges::find(kFields, field) == std::end(kFields))
      return invalid({{"/" + name, "unknown", "phone, name, external_id, priority and time_zone can be mapped"}});
    job.mapping[field] = header;
  }
  return job;
}

Reply create(Plane& plane, Context& context) {
  const auto list = plane.store.leads().list(context.who.project, context.parameter("list"));
  if (!list) return invalid({{"/list", "unknown", "no list of that id in this project"}});
  auto job = options(context, *list);
  if (!job) return job.error();
  std::string upload = context.request.body_file;
  if (upload.empty()) {
    upload = plane.importer.folder() + "/" + context.request_id + ".part";
    std::ofstream file(upload, std::ios::binary);
    file << context.request.body;
    file.flush();
    if (!file) throw std::runtime_error("an upload could not be written to disk");
  }
  const Import queued = plane.importer.submit(context.who.project, *list, std::move(*job), upload);
  auto response = json_response(202, json::write(queued, json::Mode::kApi));
  response.set("Location", "/v1/imports/" + queued.id);
  return response;
}

Reply list(Plane& plane, Context& context) {
  const auto paging = paging_of(context);
  if (!paging) return paging.error();
  const auto jobs = plane.importer.list(context.who.project, paging->cursor, paging->limit + 1);
  boost::json::array data;
  for (std::size_t i = 0; i < std::min(jobs.size(), paging->limit); ++i)
    data.push_back(json::write(jobs[i], json::Mode::kApi));
  std::optional<std::string> next;
  if (jobs.size() > paging->limit) next = jobs[paging->limit - 1].id;
  return page_response(std::move(data), next);
}

Reply get(Plane& plane, Context& context) {
  const auto job = plane.importer.find(context.who.project, context.id());
  if (!job) return not_found("import");
  return json_response(200, json::write(*job, json::Mode::kApi));
}

Reply errors(Plane& plane, Context& context) {
  const auto job = plane.importer.find(context.who.project, context.id());
  if (!job) return not_found("import");
  if (job->errors_bytes > 0)
    return file_response(context.request, plane.importer.errors_file(job->id), "text/csv",
                         job->id + "-" + std::to_string(job->errors_bytes));
  Response response{.body = kErrorsHeader};
  response.set("Content-Type", "text/csv");
  return response;
}

Reply cancel(Plane& plane, Context& context) {
  const auto cancelled = plane.importer.cancel(context.who.project, context.id());
  if (!cancelled && cancelled.error() == CancelFault::kUnknown) return not_found("import");
  if (!cancelled)
    return Problem{.code = "job_state",
                   .detail = cancelled.error() == CancelFault::kEnded ? "it has ended" : "its leads are being shown"};
  return json_response(202, json::write(*plane.importer.find(context.who.project, context.id()), json::Mode::kApi));
}

std::vector<Parameter> create_parameters() {
  std::vector<Parameter> parameters = {{"list", "Id of the list.", true},
                                       {"dry_run", "true: read and check everything, keep nothing."},
                                       {"region", "For numbers without a country code; the list's when missing."},
                                       {"delimiter", "A comma, a semicolon, a bar or tab; found out when missing."},
                                       {"update", "skip (as when missing) or update leads that the list has already."}};
  for (const auto field : kFields)
    parameters.push_back({"mapping." + std::string(field), "Header of the column; guessed when missing."});
  return parameters;
}

}  // namespace

std::vector<Operation> import_operations(Plane& plane) {
  return {
      {.method = "POST",
       .path = "/v1/imports",
       .id = "createImport",
       .summary = "Takes a CSV file of leads, at most 512 MiB, and queues a job that reads it.",
       .scope = Scope::kManage,
       .consumes = "text/csv",
       .success = 202,
       .parameters = create_parameters(),
       .gives = kSchema,
       .problems = {"invalid"},
       .run = [&plane](Context& context) { return create(plane, context); }},
      {.method = "GET",
       .path = "/v1/imports",
       .id = "listImports",
       .summary = "Lists imports, newest first.",
       .parameters = paging_parameters(),
       .gives = page_schema(kSchema),
       .run = [&plane](Context& context) { return list(plane, context); }},
      {.method = "GET",
       .path = "/v1/imports/{id}",
       .id = "getImport",
       .summary = "Shows an import and how far it is.",
       .gives = kSchema,
       .problems = {"not_found"},
       .run = [&plane](Context& context) { return get(plane, context); }},
      {.method = "GET",
       .path = "/v1/imports/{id}/errors",
       .id = "getImportErrors",
       .summary = "Rows that could not be taken: line, column, code, detail; the first 100,000.",
       .produces = "text/csv",
       .problems = {"not_found", "range_not_satisfiable"},
       .run = [&plane](Context& context) { return errors(plane, context); }},
      {.method = "POST",
       .path = "/v1/imports/{id}/actions/cancel",
       .id = "cancelImport",
       .summary = "Stops an import; none of its leads stay.",
       .scope = Scope::kManage,
       .success = 202,
       .gives = kSchema,
       .problems = {"not_found", "job_state"},
       .run = [&plane](Context& context) { return cancel(plane, context); }},
  };
}

}  // namespace carillon::control
