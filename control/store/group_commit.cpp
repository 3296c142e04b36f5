#include "control/store/group_commit.h"

#include <optional>

namespace carillon::control {

constexpr std::size_t kWaitingMax = 4096;

GroupCommit::GroupCommit(const std::string& path) : database_(path), thread_([this] { run(); }) {}

GroupCommit::~GroupCommit() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

void GroupCommit::commit(Job job) {
  std::future<void> done;
  {
    const std::lock_guard lock(mutex_);
    if (waiting_.size() >= kWaitingMax)
      throw DatabaseError(DatabaseError::Kind::kBusy, "more writes wait than the store takes");
    waiting_.push_back({std::move(job), {}});
    done = waiting_.back().done.get_future();
  }
  wake_.notify_one();
  done.get();
}

std::uint64_t GroupCommit::commits() const {
  const std::lock_guard lock(mutex_);
  return commits_;
}

void GroupCommit::run() {
  for (;;) {
    std::vector<Waiting> batch;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
      if (waiting_.empty()) return;
      batch.swap(waiting_);
    }
    commit_batch(batch);
  }
}

void GroupCommit::commit_batch(std::vector<Waiting>& batch) {
  std::vector<std::exception_ptr> faults(batch.size());
  try {
    database_.transaction([&] {
      for (std::size_t i = 0; i < batch.size(); ++i) {
        database_.execute("savepoint job");
        try {
          batch[i].job(database_);
        } catch (...) {
          faults[i] = std::current_exception();
          database_.execute("rollback to savepoint job");
        }
        database_.execute("release savepoint job");
      }
    });
    const std::lock_guard lock(mutex_);
    ++commits_;
  } catch (...) {  // the commit itself failed: nobody's work is on disk
    for (auto& fault : faults) fault = std::current_exception();
  }
  for (std::size_t i = 0; i < batch.size(); ++i) {
    if (faults[i])
      batch[i].done.set_exception(faults[i]);
    else
      batch[i].done.set_value();
  }
}

}  // namespace carillon::control
