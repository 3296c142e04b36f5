#include "tests/bench/load/books.h"

#include <algorithm>

namespace carillon::bench {
namespace {

double quantile(const std::vector<double>& sorted, double q) {
  if (sorted.empty()) return 0;
  return sorted[std::min(sorted.size() - 1, static_cast<std::size_t>(q * static_cast<double>(sorted.size())))];
}

}  // namespace

Books::Books(int calls) {
  asked_.reserve(static_cast<std::size_t>(calls));
  setup_ms_.reserve(static_cast<std::size_t>(calls));
}

void Books::note_connected() {
  std::lock_guard lock(mutex_);
  is_connected_ = true;
  changed_.notify_all();
}

void Books::note_asked(std::uint64_t leg) {
  std::lock_guard lock(mutex_);
  asked_.emplace(leg, Clock::now());
}

bool Books::note(const wire::FromEngine& event) {
  std::lock_guard lock(mutex_);
  if (event.has_leg()) {
    note_leg(event.leg());
  } else if (event.has_done() && !event.done().ok()) {
    ++sums_.refused;
    if (sums_.first_reason.empty()) sums_.first_reason = event.done().error();
  } else if (event.has_record_done()) {
    ++sums_.recordings;
  } else if (event.has_detection() && event.detection().final()) {
    ++sums_.verdicts;
    return true;
  }
  changed_.notify_all();
  return false;
}

void Books::note_leg(const wire::LegState& leg) {
  if (leg.state() == wire::LegState::ANSWERED) {
    ++sums_.answered;
    const auto at = asked_.find(leg.leg());
    if (at != asked_.end())
      setup_ms_.push_back(std::chrono::duration<double, std::milli>(Clock::now() - at->second).count());
  } else if (leg.state() == wire::LegState::ENDED) {
    ++sums_.ended;
    sums_.good += leg.sip_status() == 200;
    if (leg.sip_status() != 200 && sums_.first_reason.empty()) sums_.first_reason = leg.reason();
  }
}

bool Books::wait_connected(std::chrono::duration<double> patience) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, patience, [&] { return is_connected_; });
}
bool Books::wait_settled(int calls, std::chrono::duration<double> patience) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, patience, [&] { return sums_.settled() >= calls; });
}
bool Books::wait_over(int calls, std::chrono::duration<double> patience) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, patience, [&] { return sums_.over() >= calls; });
}

Books::Sums Books::sums() {
  std::lock_guard lock(mutex_);
  std::ranges::sort(setup_ms_);
  sums_.setup_p50_ms = quantile(setup_ms_, 0.5);
  sums_.setup_p99_ms = quantile(setup_ms_, 0.99);
  sums_.setup_max_ms = quantile(setup_ms_, 1);
  return sums_;
}

}  // namespace carillon::bench
