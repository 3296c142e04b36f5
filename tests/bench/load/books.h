#pragma once
// What has come back from the engine so far. Written on the link's thread, read by the one that places the calls.

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "engine/link/engine.pb.h"

namespace carillon::bench {

class Books {
 public:
  using Clock = std::chrono::steady_clock;
  struct Sums {
    int answered = 0, ended = 0, good = 0, refused = 0, verdicts = 0, recordings = 0;
    std::string first_reason;
    double setup_p50_ms = 0, setup_p99_ms = 0, setup_max_ms = 0;
    /// Calls that are up, or will not come.
    int settled() const { return answered + refused + ended - good; }
    int over() const { return ended + refused; }
  };

  explicit Books(int calls);

  void note_connected();
  void note_asked(std::uint64_t leg);
  /// True for a leg whose detector has come to its verdict: it wants a new one.
  bool note(const wire::FromEngine& event);

  bool wait_connected(std::chrono::duration<double> patience);
  bool wait_settled(int calls, std::chrono::duration<double> patience);
  bool wait_over(int calls, std::chrono::duration<double> patience);
  Sums sums();

 private:
  void note_leg(const wire::LegState& leg);

  std::mutex mutex_;
  std::condition_variable changed_;
  std::unordered_map<std::uint64_t, Clock::time_point> asked_;
  std::vector<double> setup_ms_;
  Sums sums_;
  bool is_connected_ = false;
};

}  // namespace carillon::bench
