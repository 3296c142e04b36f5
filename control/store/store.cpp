#include "control/store/store.h"

#include <fmt/format.h>

#include <algorithm>

#include "control/store/migrations.h"
#include "engine/base/check.h"

namespace carillon::control {
namespace {

constexpr const char* kDocumentColumns = "id, project, unique_key, version, created_ms, updated_ms, body";

Document document_of(const Row& row) {
  Document document{.id = text_at(row, 0), .project = text_at(row, 1), .unique_key = {}, .body = text_at(row, 6)};
  if (!std::holds_alternative<std::nullptr_t>(row[2])) document.unique_key = text_at(row, 2);
  document.version = number_at(row, 3);
  document.created_ms = number_at(row, 4);
  document.updated_ms = number_at(row, 5);
  return document;
}

Value key_of(const Document& document) {
  if (document.unique_key) return *document.unique_key;
  return nullptr;
}

}  // namespace

Store::Store(const std::string& folder) {
  plane_ = std::make_unique<Database>(folder + "/plane.db");
  migrate(*plane_, plane_migrations());
  const std::string calls = folder + "/calls.db";
  reader_ = std::make_unique<Database>(calls);
  migrate(*reader_, calls_migrations());
  const auto last = [&](const char* sql) {
    const auto rows = reader_->query(sql);
    return rows.empty() ? 0 : number_at(rows[0], 0);
  };
  event_sequence_ = last("select sequence from events order by sequence desc limit 1");
  cdr_sequence_ = last("select sequence from cdrs order by sequence desc limit 1");
  writer_ = std::make_unique<GroupCommit>(calls);
  leads_ = std::make_unique<LeadStore>(folder);
}

std::string Store::table(Kind kind) {
  switch (kind) {
    case Kind::kProjects:
      return "projects";
    case Kind::kTokens:
      return "tokens";
    case Kind::kTrunks:
      return "trunks";
    case Kind::kEndpoints:
      return "endpoints";
    case Kind::kPrompts:
      return "prompts";
    case Kind::kNumbers:
      return "numbers";
    case Kind::kCampaigns:
      return "campaigns";
    case Kind::kAgents:
      return "agents";
    case Kind::kQueues:
      return "queues";
    case Kind::kWebhooks:
      return "webhooks";
  }
  CHECK(false);
  return {};
}

Result<std::monostate, StoreFault> Store::insert(Kind kind, const Document& document) {
  const std::lock_guard lock(plane_mutex_);
  try {
    plane_->execute(fmt::format("insert into {} ({}) values (:id, :project, :key, :version, :created, :updated, :body)",
                                table(kind), kDocumentColumns),
                    {document.id, document.project, key_of(document), document.version, document.created_ms,
                     document.updated_ms, document.body});
  } catch (const DatabaseError& error) {
    if (error.kind != DatabaseError::Kind::kConflict) throw;
    return StoreFault::kConflict;
  }
  return std::monostate{};
}

Result<std::monostate, StoreFault> Store::update(Kind kind, const Document& document) {
  const std::lock_guard lock(plane_mutex_);
  try {
    const auto changed = plane_->execute(
        fmt::format("update {} set unique_key = :key, version = version + 1, updated_ms = :updated, body = :body "
                    "where id = :id and project = :project and version = :version",
                    table(kind)),
        {key_of(document), document.updated_ms, document.body, document.id, document.project, document.version});
    if (changed == 1) return std::monostate{};
  } catch (const DatabaseError& error) {
    if (error.kind != DatabaseError::Kind::kConflict) throw;
    return StoreFault::kConflict;
  }
  const auto rows = plane_->query(fmt::format("select id from {} where id = :id and project = :project", table(kind)),
                                  {document.id, document.project});
  return rows.empty() ? StoreFault::kMissing : StoreFault::kVersion;
}

bool Store::erase(Kind kind, const std::string& project, const std::string& id) {
  const std::lock_guard lock(plane_mutex_);
  return plane_->execute(fmt::format("delete from {} where id = :id and project = :project", table(kind)),
                         {id, project}) == 1;
}

std::optional<Document> Store::find(Kind kind, const std::string& project, const std::string& id) {
  auto document = find_any(kind, id);
  if (document && document->project != project) document.reset();
  return document;
}

std::optional<Document> Store::find_any(Kind kind, const std::string& id) {
  const std::lock_guard lock(plane_mutex_);
  const auto rows = plane_->query(fmt::format("select {} from {} where id = :id", kDocumentColumns, table(kind)), {id});
  if (rows.empty()) return std::nullopt;
  return document_of(rows[0]);
}

std::optional<Document> Store::find_by_key(Kind kind, const std::string& unique_key) {
  const std::lock_guard lock(plane_mutex_);
  const auto rows = plane_->query(
      fmt::format("select {} from {} where unique_key = :key", kDocumentColumns, table(kind)), {unique_key});
  if (rows.empty()) return std::nullopt;
  return document_of(rows[0]);
}

std::vector<Document> Store::list(Kind kind, const std::string& project, const std::string& after, std::size_t limit) {
  const std::lock_guard lock(plane_mutex_);
  const auto rows =
      plane_->query(fmt::format("select {} from {} where project = :project and id > :after order by id limit {}",
                                kDocumentColumns, table(kind), limit),
                    {project, after});
  std::vector<Document> documents;
  for (const Row& row : rows) documents.push_back(document_of(row));
  return documents;
}

std::vector<Document> Store::all(Kind kind) {
  const std::lock_guard lock(plane_mutex_);
  std::vector<Document> documents;
  for (const Row& row : plane_->query(fmt::format("select {} from {} order by id", kDocumentColumns, table(kind))))
    documents.push_back(document_of(row));
  return documents;
}

std::vector<Row> Store::read(const std::string& sql, const Values& values) {
  const std::lock_guard lock(reader_mutex_);
  return reader_->query(sql, values);
}

}  // namespace carillon::control
