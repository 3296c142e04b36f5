#include "dialer/pacing/budget.h"

namespace carillon::dialer {

void AbandonBudget::note(WallTime now, std::uint32_t answered, std::uint32_t abandoned) {
  forget(now);
  const WallTime minute = std::chrono::floor<std::chrono::minutes>(now);
  if (buckets_.empty() || buckets_.back().minute < minute) buckets_.push_back({minute, 0, 0});
  buckets_.back().answered += answered;
  buckets_.back().abandoned += abandoned;
  for (Sum* sum : {&short_, &long_}) {
    sum->answered += answered;
    sum->abandoned += abandoned;
  }
}

void AbandonBudget::forget(WallTime now) {
  while (short_from_ < buckets_.size() && buckets_[short_from_].minute + config_.short_window < now) {
    short_.answered -= buckets_[short_from_].answered;
    short_.abandoned -= buckets_[short_from_].abandoned;
    ++short_from_;
  }
  while (!buckets_.empty() && buckets_.front().minute + config_.long_window < now) {
    long_.answered -= buckets_.front().answered;
    long_.abandoned -= buckets_.front().abandoned;
    buckets_.pop_front();
    --short_from_;
  }
}

bool AbandonBudget::has_room(WallTime now) {
  forget(now);
  const auto fits = [&](const Sum& sum) {
    return static_cast<double>(sum.abandoned + 1) <= config_.cap * static_cast<double>(sum.answered + 1);
  };
  return fits(short_) && fits(long_);
}

AbandonBudget::Sum AbandonBudget::short_sum(WallTime now) {
  forget(now);
  return short_;
}
AbandonBudget::Sum AbandonBudget::long_sum(WallTime now) {
  forget(now);
  return long_;
}

}  // namespace carillon::dialer
