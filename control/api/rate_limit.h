#pragma once
// How many requests each client may make: a bucket of requests per client that fills up again evenly.

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "control/api/request.h"
#include "engine/base/time.h"

namespace carillon::control {

struct RateLimit {
  std::uint32_t requests = 0;         ///< a full bucket; 0: no limit
  std::chrono::seconds window = 10s;  ///< in which an empty one is full again

  /// The first fault as "field: reason", or empty.
  std::string fault() const;
};

class RateLimiter {
 public:
  explicit RateLimiter(RateLimit limit = {}) : limit_(limit), state_(std::make_unique<State>()) {}

  /// RateLimit-Limit, -Remaining, -Reset (seconds until the bucket is full) and -Policy, as in
  /// draft-ietf-httpapi-ratelimit-headers-03 to 06; none without a limit.
  struct Turn {
    bool is_allowed = true;
    HeaderList headers = {};
    std::string retry_after = {};  ///< seconds, where it is not allowed
  };
  /// One request of `client`. Any thread. A clock that steps back fills nothing. At most 10,000 clients are remembered;
  /// beyond that the one that was quiet longest is forgotten, which gives it a full bucket.
  Turn take(const std::string& client, WallTime now);

 private:
  struct Bucket {
    double left = 0;
    WallTime at{};
  };
  struct State {
    std::mutex mutex;
    std::map<std::string, Bucket> buckets;
  };
  void forget_one();

  RateLimit limit_;
  std::unique_ptr<State> state_;
};

}  // namespace carillon::control
