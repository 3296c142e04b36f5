#pragma once

#include <algorithm>
#include <cstdint>

#include "engine/base/time.h"

namespace carillon::net {

/// So many per second, and at once no more than a tenth of that (at least one).
class TokenBucket {
 public:
  explicit TokenBucket(std::uint32_t per_second)
      : gap_(per_second == 0 ? Duration::max() : Duration(1s) / per_second),
        credit_max_(gap_ == Duration::max() ? Duration{0} : std::max<Duration>(gap_, 100ms)) {}

  bool take(TimePoint now) {
    if (gap_ == Duration::max()) return false;
    full_at_ = std::max(full_at_, now);
    if (full_at_ + gap_ - now > credit_max_) return false;
    full_at_ += gap_;
    return true;
  }

 private:
  Duration gap_, credit_max_;
  TimePoint full_at_ = TimePoint::min();
};

}  // namespace carillon::net
