#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

#include "engine/base/random.h"
#include "engine/base/time.h"

namespace carillon::control {

/// A UUIDv7 (RFC 9562 §5.7) in 26 letters of Crockford base 32, behind its prefix: "call_01JD…". At most 40 characters.
/// counter  the 12 bits of rand_a; tail  the 62 bits of rand_b (higher bits are ignored)
std::string make_id(std::string_view prefix, std::uint64_t unix_ms, std::uint16_t counter, std::uint64_t tail);

/// Is this "prefix_" and 26 letters of the alphabet?
bool is_id(std::string_view prefix, std::string_view text);

/// Makes ids that grow strictly within one process, also when the clock stands still or steps back.
/// Any thread.
class IdMaker {
 public:
  explicit IdMaker(std::uint64_t seed) : random_(seed) {}
  std::string make(std::string_view prefix, WallTime now);
  /// A leg's number for the engine: 42 bits of milliseconds and 21 of a counter; the top bit stays 0.
  std::uint64_t make_leg(WallTime now);

 private:
  std::mutex mutex_;
  Random random_;
  std::uint64_t last_ms_ = 0;
  std::uint16_t counter_ = 0;
  std::uint64_t last_leg_ = 0;
};

}  // namespace carillon::control
