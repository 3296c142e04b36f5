#include "engine/record/settler.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <filesystem>
#include <set>

#include "engine/base/check.h"

namespace carillon::record {

namespace {

/// Which names stand in this folder.
void flush_folder(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return;
  (void)::fsync(descriptor);
  ::close(descriptor);
}

}  // namespace

Settler::Settler(std::string folder, std::size_t most)
    : folder_(std::move(folder)),
      given_(most),
      settled_(most),
      wake_descriptor_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      thread_([this] { run(); }) {}

Settler::~Settler() {
  is_stopping_.store(true);
  const std::uint64_t one = 1;
  (void)!::write(wake_descriptor_, &one, sizeof one);
  thread_.join();
  ::close(wake_descriptor_);
}

void Settler::give(const Job& job) {
  CHECK(given_.push(job));
  const std::uint64_t one = 1;
  (void)!::write(wake_descriptor_, &one, sizeof one);
}

void Settler::run() {
  std::vector<Job> jobs;
  for (;;) {
    const bool is_last = is_stopping_.load();
    jobs.clear();
    for (Job job; given_.pop(job);) jobs.push_back(job);
    if (!jobs.empty()) settle(jobs);
    if (jobs.empty() && is_last) return;
    if (!jobs.empty()) continue;
    pollfd descriptor{.fd = wake_descriptor_, .events = POLLIN, .revents = 0};
    (void)::poll(&descriptor, 1, -1);
    std::uint64_t count = 0;
    (void)!::read(wake_descriptor_, &count, sizeof count);
  }
}

// The sound first, then its names: whoever finds a name finds the sound.
void Settler::settle(const std::vector<Job>& jobs) {
  for (const Job& job : jobs) job.closing->flush();
  for (const Job& job : jobs) job.closing->finish();
  std::set<std::string> folders{open_folder(folder_)};
  for (const Job& job : jobs) {
    folders.insert(job.closing->day());
    if (day_ == job.closing->day()) continue;
    day_ = job.closing->day();
    for (auto path = std::filesystem::path(day_).parent_path(); path.string().size() >= folder_.size();
         path = path.parent_path())
      folders.insert(path.string());  // it may be new in them
  }
  for (const std::string& each : folders) flush_folder(each);
  for (const Job& job : jobs) CHECK(settled_.push(job));
}

}  // namespace carillon::record
