#pragma once
// One writer thread for one data base: whatever is submitted while a commit is on its way to the disk goes into the
// next one. So a hundred intents at once cost two flushes, and a lonely one waits for none but its own.

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <future>
#include <mutex>
#include <thread>
#include <vector>

#include "control/store/database.h"

namespace carillon::control {

class GroupCommit {
 public:
  using Job = std::function<void(Database&)>;

  explicit GroupCommit(const std::string& path);
  /// Commits what was submitted, then stops.
  ~GroupCommit();

  /// Runs `job` inside the next transaction and returns when that is on disk. A job that throws is undone alone
  /// (savepoint) and its exception comes out here; the others are committed. Any thread. At most 4,096 jobs wait;
  /// one more gets DatabaseError kBusy.
  void commit(Job job);

  std::uint64_t commits() const;

 private:
  struct Waiting {
    Job job;
    std::promise<void> done;
  };
  void run();
  void commit_batch(std::vector<Waiting>& batch);

  Database database_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<Waiting> waiting_;
  std::uint64_t commits_ = 0;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace carillon::control
