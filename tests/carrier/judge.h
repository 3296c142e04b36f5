#pragma once
// Decides from sound alone whether a message was played, how much of it and when: normalised cross-correlation of what
// was heard with what should have been. Also names call-progress tones in what a caller hears.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "engine/base/time.h"
#include "tests/carrier/sound.h"

namespace carillon::carrier {

/// A message that may be heard.
struct Expectation {
  std::string name;
  Samples samples;
};

/// One playing of a message, whole or in part.
struct Occurrence {
  std::string name;
  std::int64_t began = 0;  ///< sample where its first sample lies (or would have lain); may be negative
  double share = 0;        ///< of its 200 ms windows that carry sound: heard in their place, 0..1
  bool has_first_second = false, has_last_second = false;
  std::int64_t gap_max_ms = 0;  ///< longest run of windows missing
  /// First and last second and at least 95 % of the windows.
  bool is_complete() const { return has_first_second && has_last_second && share >= 0.95; }
};

/// Looks for every expectation in what was heard, in order of time. A window counts as heard when its correlation is
/// at least 0.7 at the place where the rest of the message says it must be.
/// cost  some 3 ms per second of sound heard and message
std::vector<Occurrence> judge(std::span<const std::int16_t> heard, std::span<const Expectation> expected);

/// Time with steady ringback (440+480 or 400-450 Hz, level above -40 dBm0).
Duration ringback_time(std::span<const std::int16_t> heard);

}  // namespace carillon::carrier
