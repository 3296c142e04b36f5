#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace carillon::control {

/// A figure that is only worth its newest value: followers get it, the store does not.
struct Figure {
  std::uint64_t version = 0;
  std::string project, type, data;  ///< data: JSON
};

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
  /// Replaces the figure of that key; `notify` tells of it.
  void put_figure(const std::string& key, Figure figure) {
    const std::lock_guard lock(mutex_);
    figure.version = ++version_;
    figures_[key] = std::move(figure);
  }
  void drop_figure(const std::string& key) {
    const std::lock_guard lock(mutex_);
    figures_.erase(key);
  }
  /// Those of a project newer than `after`, which is moved on.
  std::vector<Figure> figures(const std::string& project, std::uint64_t& after) {
    const std::lock_guard lock(mutex_);
    std::vector<Figure> found;
    for (const auto& [key, figure] : figures_)
      if (figure.project == project && figure.version > after) found.push_back(figure);
    after = version_;
    return found;
  }
  void notify() {
    const std::lock_guard lock(mutex_);
    for (const auto& [id, wake] : wakes_) wake();
  }

 private:
  std::mutex mutex_;
  std::map<std::uint64_t, std::function<void()>> wakes_;
  std::uint64_t last_ = 0;
  std::map<std::string, Figure> figures_;
  std::uint64_t version_ = 0;
};

}  // namespace carillon::control
