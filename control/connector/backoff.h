#pragma once

#include <algorithm>
#include <cmath>

#include "engine/base/random.h"
#include "engine/base/time.h"

namespace carillon::control {

/// How long to wait after the n-th failure in a row (n from 1): 5 s, 15 s, 45 s … times three each time, 8 h at most,
/// and a quarter more or less, so that a receiver that was down does not get all at once. About 16 tries in 72 h.
inline std::chrono::milliseconds backoff(int failures, Random& random) {
  constexpr double kFirstMs = 5'000, kMostMs = 8 * 3'600'000.0;
  const double plain = std::min(kMostMs, kFirstMs * std::pow(3.0, std::clamp(failures - 1, 0, 20)));
  return std::chrono::milliseconds(static_cast<std::int64_t>(plain * (0.75 + 0.5 * random.unit())));
}

/// How long an endpoint that has failed n times in a row is left alone, whatever waits for it: 1 s, 2 s, 4 s … 5 min.
/// One that is down costs a request in five minutes then, and not one for each event.
inline std::chrono::milliseconds rest_after(int failures) {
  return std::min<std::chrono::milliseconds>(5min, 1s * (1 << std::clamp(failures - 1, 0, 12)));
}

}  // namespace carillon::control
