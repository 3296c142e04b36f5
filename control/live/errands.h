#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace carillon::control {

/// One thread for what waits for an engine: fetching recordings, asking for traces, bringing an engine up to date.
/// At most 100,000 errands wait; further ones are refused (recordings are found again at the next connection).
class Errands {
 public:
  Errands();
  ~Errands();
  bool add(std::function<void()> errand);
  /// Before all others that wait, and never refused.
  void add_first(std::function<void()> errand);
  /// Returns when all that was added before has run. For tests and for a clean end.
  void drain();

 private:
  void run();
  std::mutex mutex_;
  std::condition_variable wake_, idle_;
  std::deque<std::function<void()>> waiting_;
  bool stopping_ = false, busy_ = false;
  std::thread thread_;
};

}  // namespace carillon::control
