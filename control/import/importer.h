#pragma once
// Runs the imports, one after another on a thread of its own, in bounded steps: a batch of rows is read and staged, or
// some staged leads are made visible or taken away. Between two steps any other writer has its turn, and a kill at any
// point leaves a job that goes on at the next start. Nobody sees a lead of an unfinished import.
//
// Files: <folder>/imports/<job>.csv until the job ends, <job>.errors.csv until the job is forgotten.

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "control/import/upload.h"
#include "control/live/event_hub.h"
#include "control/model/lead.h"
#include "control/store/imports.h"
#include "control/store/store.h"

namespace carillon::control {

enum class CancelFault { kUnknown, kEnded, kTooLate };

class Importer {
 public:
  Importer(Store& store, IdMaker& ids, EventHub& hub, const std::string& folder, std::function<WallTime()> clock);
  /// Stops after the step that is running; the job goes on at the next start.
  ~Importer();

  /// Returns when an import that was being made visible at a kill is visible as a whole, so before anyone may look at
  /// the lists or dial; all else is done by the thread.
  void start();
  void stop();
  /// One bounded step; false: nothing is to be done. Called by the thread, or by a test instead of it.
  bool work();

  /// Takes the file at `upload` over and queues the job; `job` needs its options alone.
  /// throws DatabaseError, std::filesystem::filesystem_error
  Import submit(const std::string& project, const LeadList& list, Import job, const std::string& upload);
  std::optional<Import> find(const std::string& project, const std::string& id);
  std::vector<Import> list(const std::string& project, const std::string& before, std::size_t limit);
  /// It is on disk when this returns; staged leads go in steps. kTooLate: they are being made visible.
  Result<std::monostate, CancelFault> cancel(const std::string& project, const std::string& id);
  std::string errors_file(const std::string& id) const { return folder_ + "/" + id + ".errors.csv"; }
  /// A list's leads go in steps after its removal.
  void wake();
  const std::string& folder() const { return folder_; }
  const ZoneNames& zones() const { return zones_; }
  ImportStore& jobs() { return jobs_; }

 private:
  void run();
  void step(ImportRow& row, Import& job);
  void begin(ImportRow& row, Import& job);
  bool open(Import& job);
  void read(ImportRow& row, Import& job);
  void end(ImportRow& row, Import& job, ImportStatus state);
  void give_up(ImportRow& row, Import& job, ImportStatus after, std::optional<std::string> why);
  void keep(ImportRow& row, const Import& job);
  void announce(const ImportRow& row, const Import& job);
  std::uint64_t write_errors(const Import& job, const std::vector<RowError>& errors);
  std::string upload_file(const std::string& id) const { return folder_ + "/" + id + ".csv"; }

  Store& store_;
  IdMaker& ids_;
  EventHub& hub_;
  std::string folder_;
  std::function<WallTime()> clock_;
  ImportStore jobs_;
  ZoneNames zones_;

  std::mutex step_mutex_;  ///< a step, or a cancel between two
  std::optional<Upload> upload_;
  std::string upload_job_;
  WallTime announced_{};

  std::mutex mutex_;
  std::condition_variable wake_;
  bool has_news_ = true, stopping_ = false;
  std::thread thread_;
};

}  // namespace carillon::control
