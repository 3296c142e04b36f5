#include "control/api/rate_limit.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace carillon::control {

constexpr std::size_t kClientsMax = 10'000;

std::string RateLimit::fault() const {
  if (window < 1s || window > 24h) return "http.rate_window_s: 1 to 86400";
  return {};
}

RateLimiter::Turn RateLimiter::take(const std::string& client, WallTime now) {
  if (limit_.requests == 0) return {};
  const double full = limit_.requests;
  const double per_second = full / static_cast<double>(limit_.window.count());
  const std::lock_guard lock(state_->mutex);
  if (state_->buckets.size() >= kClientsMax && !state_->buckets.contains(client)) forget_one();
  Bucket& bucket = state_->buckets.try_emplace(client, Bucket{full, now}).first->second;
  const double passed = std::max(0.0, std::chrono::duration<double>(now - bucket.at).count());
  bucket.left = std::min(full, bucket.left + passed * per_second);
  bucket.at = now;
  Turn turn{.is_allowed = bucket.left >= 1};
  if (turn.is_allowed)
    bucket.left -= 1;
  else
    turn.retry_after = std::to_string(static_cast<std::int64_t>(std::ceil((1 - bucket.left) / per_second)));
  turn.headers = {
      {"RateLimit-Limit", std::to_string(limit_.requests)},
      {"RateLimit-Remaining", std::to_string(static_cast<std::int64_t>(bucket.left))},
      {"RateLimit-Reset", std::to_string(static_cast<std::int64_t>(std::ceil((full - bucket.left) / per_second)))},
      {"RateLimit-Policy", fmt::format("{};w={}", limit_.requests, limit_.window.count())}};
  return turn;
}

void RateLimiter::forget_one() {
  auto& buckets = state_->buckets;
  buckets.erase(std::ranges::min_element(buckets, {}, [](const auto& entry) { return entry.second.at; }));
}

}  // namespace carillon::control
