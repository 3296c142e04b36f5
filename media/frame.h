#pragma once
// What this room passes around: 20 ms of one channel, 8 kHz, 16-bit linear. Enters as samples or bytes, leaves as
// samples, bytes or verdicts; nothing here knows sockets, files, clocks or threads.

#include <cstdint>
#include <span>

#include "engine/base/time.h"
#include "engine/base/units.h"

namespace carillon::media {

using FrameView = std::span<const std::int16_t, kFrameSamples>;
using FrameSpan = std::span<std::int16_t, kFrameSamples>;

inline constexpr Duration kFrameTime = 20ms;

}  // namespace carillon::media
