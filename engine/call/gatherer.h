#pragma once

#include <cstdint>

#include "engine/base/fixed_text.h"
#include "engine/base/time.h"

namespace carillon::call {

/// Collects digits: until there are enough, the terminator comes, or nobody has pressed anything for `timeout`.
/// The pause is counted from the end of the prompt or from the last digit. Pure; the owner calls back at `deadline()`.
class Gatherer {
 public:
  enum class Outcome : std::uint8_t { kMore, kDone, kTimeout };

  /// terminator 0: none. has_prompt: the pause starts at prompt_over().
  void start(std::uint8_t digits_max, char terminator, Duration timeout, bool has_prompt, TimePoint now);
  void prompt_over(TimePoint now);
  Outcome on_digit(char digit, TimePoint now);
  Outcome on_deadline(TimePoint now);
  void stop() { is_running_ = false; }

  bool is_running() const { return is_running_; }
  TimePoint deadline() const { return is_running_ ? deadline_ : TimePoint::max(); }
  std::string_view digits() const { return {digits_, count_}; }

 private:
  static constexpr std::uint8_t kDigitsMax = 32;

  void arm(TimePoint now) { deadline_ = timeout_ > Duration::zero() ? now + timeout_ : TimePoint::max(); }

  char digits_[kDigitsMax] = {};
  std::uint8_t count_ = 0, most_ = 1;
  char terminator_ = 0;
  bool is_running_ = false;
  Duration timeout_{0};
  TimePoint deadline_ = TimePoint::max();
};

}  // namespace carillon::call
