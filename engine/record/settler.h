#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "engine/base/ring.h"
#include "engine/record/closing.h"

namespace carillon::record {

/// Makes closed recordings outlast a power failure, on a thread of its own: a flush may take a disk tens of
/// milliseconds, in which the disk thread goes on writing. All that have been given meanwhile are flushed together, so
/// that the file system's journal is written once for them.
///
/// full  give() has room for as many as `most`, which is every recording there can be
class Settler {
 public:
  struct Job {
    Closing* closing = nullptr;  ///< read to its end by step(); nobody else's until it is taken
    std::uint32_t slot = 0;
  };

  Settler(std::string folder, std::size_t most);
  /// Settles what it was given first.
  ~Settler();
  Settler(const Settler&) = delete;

  /// The disk thread: hands one over, and takes back what is settled and finished.
  void give(const Job& job);
  bool take(Job& job) { return settled_.pop(job); }

 private:
  void run();
  void settle(const std::vector<Job>& jobs);

  std::string folder_, day_;  // the day whose folder is known to last
  Ring<Job> given_, settled_;
  int wake_descriptor_;
  std::atomic<bool> is_stopping_{false};
  std::thread thread_;
};

}  // namespace carillon::record
