#include "engine/call/gatherer.h"

#include <algorithm>

namespace carillon::call {

void Gatherer::start(std::uint8_t digits_max, char terminator, Duration timeout, bool has_prompt, TimePoint now) {
  count_ = 0;
  most_ = std::clamp<std::uint8_t>(digits_max, 1, kDigitsMax);
  terminator_ = terminator;
  timeout_ = timeout;
  is_running_ = true;
  deadline_ = TimePoint::max();
  if (!has_prompt) arm(now);
}

void Gatherer::prompt_over(TimePoint now) {
  if (is_running_ && deadline_ == TimePoint::max()) arm(now);
}

Gatherer::Outcome Gatherer::on_digit(char digit, TimePoint now) {
  if (!is_running_) return Outcome::kMore;
  arm(now);
  const bool is_over = terminator_ != 0 && digit == terminator_;
  if (!is_over) digits_[count_++] = digit;
  if (!is_over && count_ < most_) return Outcome::kMore;
  is_running_ = false;
  return Outcome::kDone;
}

Gatherer::Outcome Gatherer::on_deadline(TimePoint now) {
  if (!is_running_ || now < deadline_) return Outcome::kMore;
  is_running_ = false;
  return Outcome::kTimeout;
}

}  // namespace carillon::call
