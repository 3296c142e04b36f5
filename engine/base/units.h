#pragma once

#include <cstdint>

namespace carillon {

/// Audio length: samples per channel.
struct Frames {
  std::int64_t count = 0;
  friend constexpr auto operator<=>(Frames, Frames) = default;
};

/// Level relative to the digital milliwatt (ITU-T G.711: +3.14 dBm0 is full scale µ-law).
struct Dbm0 {
  double value = 0;
  friend constexpr auto operator<=>(Dbm0, Dbm0) = default;
};

/// Names a leg for life: chosen by control for calls it places; by the engine, with the top bit set, for calls that
/// come in.
struct LegId {
  std::uint64_t value = 0;
  explicit operator bool() const { return value != 0; }
  friend constexpr auto operator<=>(LegId, LegId) = default;
};

inline constexpr int kSampleRate = 8000;   ///< Hz, narrow band
inline constexpr int kFrameSamples = 160;  ///< 20 ms at 8 kHz

}  // namespace carillon
