#include "control/import/importer.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <filesystem>

#include "control/api/json/walker.h"

namespace carillon::control {

namespace fs = std::filesystem;

namespace {

// Small enough that a writer who waits for a step does not notice, large enough that commits are few.
constexpr std::size_t kBatch = 2000, kStep = 2000;
constexpr std::uint64_t kSkipStep = 100'000;
constexpr std::uint64_t kErrorsMax = 100'000;  // lines in the file of errors; all are counted

std::optional<Import> import_of(const ImportRow& row) {
  json::Faults faults;
  const auto body = json::parse(row.body, faults);
  Import job;
  if (!body || !json::read(*body, job, json::Mode::kStore).empty()) return std::nullopt;
  return job;
}

void flush(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return;
  ::fsync(file);
  ::close(file);
}

}  // namespace

Importer::Importer(Store& store, IdMaker& ids, EventHub& hub, const std::string& folder,
                   std::function<WallTime()> clock)
    : store_(store),
      ids_(ids),
      hub_(hub),
      folder_(folder + "/imports"),
      clock_(std::move(clock)),
      jobs_(store.leads()) {
  fs::create_directories(folder_);
  for (const auto& entry : fs::directory_iterator(folder_))
    if (entry.path().extension() == ".part") fs::remove(entry.path());  // uploads that a crash cut off
}

Importer::~Importer() { stop(); }

void Importer::start() {
  try {
    for (auto row = jobs_.next(); row && row->state == "publishing"; row = jobs_.next()) work();
  } catch (const std::exception& error) {  // the thread tries again
    spdlog::error("imports: {}", error.what());
  }
  thread_ = std::thread([this] { run(); });
}

void Importer::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Importer::wake() {
  {
    const std::lock_guard lock(mutex_);
    has_news_ = true;
  }
  wake_.notify_all();
}

void Importer::run() {
  for (;;) {
    bool failed = false, busy = false;
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) return;
      has_news_ = false;
    }
    try {
      busy = work();
    } catch (const std::exception& error) {
      spdlog::error("imports: {}", error.what());
      failed = true;
    }
    if (busy) continue;
    std::unique_lock lock(mutex_);
    if (failed)
      wake_.wait_for(lock, std::chrono::seconds(1), [this] { return stopping_; });
    else
      wake_.wait(lock, [this] { return stopping_ || has_news_; });
  }
}

bool Importer::work() {
  const std::lock_guard lock(step_mutex_);
  auto row = jobs_.next();
  if (!row) return store_.leads().sweep(kStep);
  auto job = import_of(*row);
  if (!job) throw std::runtime_error(row->id + ": its row cannot be read");
  step(*row, *job);
  return true;
}

void Importer::step(ImportRow& row, Import& job) {
  try {
    if (row.state == "queued") {
      begin(row, job);
    } else if (row.state == "running") {
      read(row, job);
    } else if (row.state == "publishing") {
      if (jobs_.publish(row, kStep, clock_())) return;
      end(row, job, ImportStatus::kDone);
      jobs_.announce(row, job.list);
    } else if (!jobs_.undo(row, kStep)) {
      end(row, job, job.after_undo);
    }
  } catch (const DatabaseError& error) {
    if (row.state != "queued" && row.state != "running") throw;  // what is begun is gone on with
    job = import_of(row).value_or(job);                          // as it was before the batch that failed
    give_up(row, job, ImportStatus::kFailed, fmt::format("the data base refuses: {}", error.what()));
  }
}

void Importer::begin(ImportRow& row, Import& job) {
  job.state = ImportStatus::kRunning;
  job.started_at = clock_();
  row.state = "running";
  keep(row, job);
  announce(row, job);
}

// After a restart the rows that are staged already are passed over.
bool Importer::open(Import& job) {
  auto upload = Upload::open(upload_file(job.id), job.delimiter, job.region, job.mapping, zones_);
  if (!upload) {
    job.error = upload.error();
    return false;
  }
  job.mapping = upload->mapping();
  job.delimiter = upload->delimiter();
  upload_job_ = job.id;
  upload_.emplace(std::move(*upload));
  for (std::uint64_t left = job.rows; left > 0;) {
    const auto skipped = upload_->skip(std::min(left, kSkipStep));
    if (skipped == 0) break;
    left -= skipped;
  }
  return true;
}

void Importer::read(ImportRow& row, Import& job) {
  if ((!upload_ || upload_job_ != job.id) && !open(job)) return give_up(row, job, ImportStatus::kFailed, job.error);
  const UploadBatch batch = upload_->next(kBatch);
  job.errors_bytes = write_errors(job, batch.errors);
  const WallTime now = clock_();
  const auto mode = job.update == ImportUpdate::kUpdate ? AddMode::kUpdate : AddMode::kSkip;
  try {
    jobs_.stage(row, batch.leads, mode, now, [&](ImportRow& after, const ImportStore::Staged& staged) {
      job.rows += batch.rows;
      job.bytes_read = batch.bytes;
      job.created += staged.created;
      job.updated += staged.updated;
      job.duplicates += staged.duplicates;
      job.errors += batch.errors.size();
      const auto ms = (now - job.started_at.value_or(now)).count();
      job.rows_per_second = ms > 0 ? job.rows * 1000 / static_cast<std::uint64_t>(ms) : 0;
      if (batch.is_last) {
        after.state = job.dry_run ? "undoing" : "publishing";
        job.after_undo = ImportStatus::kDone;
      }
      after.body = json::text(json::write(job, json::Mode::kStore));
    });
  } catch (...) {
    upload_.reset();  // it is ahead of what is staged
    throw;
  }
  if (batch.is_last) upload_.reset();
  if (now - announced_ >= 1s) announce(row, job);
}

// Lines beyond the last commit are of a batch that was lost; they are written anew.
std::uint64_t Importer::write_errors(const Import& job, const std::vector<RowError>& errors) {
  if (errors.empty()) return job.errors_bytes;
  const std::string path = errors_file(job.id);
  std::string text = job.errors_bytes == 0 ? kErrorsHeader : "";
  std::uint64_t lines = job.errors;
  for (const RowError& error : errors)
    if (lines++ < kErrorsMax) text += error_line(error);
  std::ofstream(path, std::ios::binary | std::ios::app).flush();
  fs::resize_file(path, job.errors_bytes);
  std::ofstream out(path, std::ios::binary | std::ios::app);
  out << text;
  out.flush();
  if (!out) throw DatabaseError(DatabaseError::Kind::kOther, "the file of errors cannot be written");
  return job.errors_bytes + text.size();
}

void Importer::give_up(ImportRow& row, Import& job, ImportStatus after, std::optional<std::string> why) {
  if (upload_job_ == job.id) upload_.reset();
  job.error = std::move(why);
  job.after_undo = after;
  row.state = "undoing";
  keep(row, job);
}

void Importer::end(ImportRow& row, Import& job, ImportStatus state) {
  job.state = state;
  job.ended_at = clock_();
  const auto ms = (*job.ended_at - job.started_at.value_or(*job.ended_at)).count();
  job.rows_per_second = ms > 0 ? job.rows * 1000 / static_cast<std::uint64_t>(ms) : job.rows_per_second;
  row.state = json::enum_text(state);
  keep(row, job);
  std::error_code ignored;
  fs::remove(upload_file(job.id), ignored);
  announce(row, job);
}

void Importer::keep(ImportRow& row, const Import& job) {
  row.body = json::text(json::write(job, json::Mode::kStore));
  jobs_.keep(row);
}

void Importer::announce(const ImportRow& row, const Import& job) {
  announced_ = clock_();
  Changes changes;
  changes.events.push_back({.id = ids_.make("evt", announced_),
                            .project = row.project,
                            .type = "import.progress",
                            .time_ms = announced_.time_since_epoch().count(),
                            .data = json::text(json::write(job, json::Mode::kApi))});
  store_.apply(changes);
  hub_.notify();
}

Import Importer::submit(const std::string& project, const LeadList& list, Import job, const std::string& upload) {
  const WallTime now = clock_();
  job.id = ids_.make("job", now);
  job.list = list.id;
  job.created_at = now;
  job.bytes = fs::file_size(upload);
  flush(upload);
  fs::rename(upload, upload_file(job.id));
  flush(folder_);
  ImportRow row{.id = job.id,
                .project = project,
                .list = list.number,
                .state = "queued",
                .created_ms = now.time_since_epoch().count(),
                .body = json::text(json::write(job, json::Mode::kStore))};
  jobs_.add(row);
  wake();
  return job;
}

std::optional<Import> Importer::find(const std::string& project, const std::string& id) {
  const auto row = jobs_.find(project, id);
  return row ? import_of(*row) : std::nullopt;
}

std::vector<Import> Importer::list(const std::string& project, const std::string& before, std::size_t limit) {
  std::vector<Import> jobs;
  for (const ImportRow& row : jobs_.list(project, before, limit))
    if (auto job = import_of(row)) jobs.push_back(std::move(*job));
  return jobs;
}

Result<std::monostate, CancelFault> Importer::cancel(const std::string& project, const std::string& id) {
  {
    const std::lock_guard lock(step_mutex_);
    auto row = jobs_.find(project, id);
    auto job = row ? import_of(*row) : std::nullopt;
    if (!job) return CancelFault::kUnknown;
    if (!is_open(*row)) return CancelFault::kEnded;
    if (row->state == "publishing") return CancelFault::kTooLate;
    if (row->state != "undoing") give_up(*row, *job, ImportStatus::kCancelled, std::nullopt);
  }
  wake();
  return std::monostate{};
}

}  // namespace carillon::control
