#pragma once
// Imports as rows: jobs, their staged leads, and the bounded steps that make them visible or take them away. Each
// function is one transaction and keeps the job's own row with it, so a kill between any two leaves a state from
// which the next start goes on.
//
//   queued ─► running ─┬─ all read ──────────► publishing ─► done
//                      └─ cancel, fault, dry ─► undoing ────► cancelled, failed, done (dry run)

#include "control/store/leads.h"

namespace carillon::control {

struct ImportRow {
  std::int64_t number = 0;  ///< given by the store
  std::string id, project;
  std::int64_t list = 0;  ///< LeadList::number
  std::string state;
  std::int64_t created_ms = 0;
  std::string body;  ///< whatever its owner keeps
};

/// Is this job's work still to be done?
bool is_open(const ImportRow& job);

class ImportStore {
 public:
  explicit ImportStore(LeadStore& leads) : leads_(leads) {}

  void add(ImportRow& job);
  std::optional<ImportRow> find(const std::string& project, const std::string& id);
  /// Newest first, ids below `before`.
  std::vector<ImportRow> list(const std::string& project, const std::string& before, std::size_t limit);
  /// The oldest that is open.
  std::optional<ImportRow> next();
  bool is_busy(std::int64_t list);
  /// State and body.
  void keep(const ImportRow& job);

  struct Staged {
    std::size_t created = 0, updated = 0, duplicates = 0;
  };
  /// Stages a batch and keeps the job as `completed` leaves it, together.
  void stage(ImportRow& job, std::span<const NewLead> leads, AddMode mode, WallTime now,
             const std::function<void(ImportRow&, const Staged&)>& completed);
  /// Makes up to `rows` staged leads pending, then applies staged updates; false: nothing was left to do.
  bool publish(const ImportRow& job, std::size_t rows, WallTime now);
  /// Takes up to `rows` staged leads and updates away; false: nothing was left to do.
  bool undo(const ImportRow& job, std::size_t rows);
  /// Tells listeners that the job's list has new leads.
  void announce(const ImportRow& job, const std::string& list);

 private:
  std::int64_t apply_updates(Database& database, const ImportRow& job, std::size_t rows, WallTime now);
  LeadStore& leads_;
};

}  // namespace carillon::control
