#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>

namespace carillon::control {

/// Wakes whoever follows the events of the store; what happened is read from there. Any thread.
class EventHub {
 public:
  std::uint64_t subscribe(std::function<void()> wake) {
    const std::lock_guard lock(mutex_);
    wakes_[++last_] = std::move(wake);
    return last_;
  }
  /// When it returns, `wake` is not running and will not run again.
  void unsubscribe(std::uint64_t id) {
    const std::lock_guard lock(mutex_);
    wakes_.erase(id);
  }
  void notify() {
    const std::lock_guard lock(mutex_);
    for (const auto& [id, wake] : wakes_) wake();
  }

 private:
  std::mutex mutex_;
  std::map<std::uint64_t, std::function<void()>> wakes_;
  std::uint64_t last_ = 0;
};

}  // namespace carillon::control
