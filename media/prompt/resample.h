#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace carillon::media {

/// Brings `samples` at `rate` (8,000..48,000 Hz) to 8 kHz: windowed sinc (Kaiser), polyphase. Flat within 1 dB to
/// 3.2 kHz, at least 50 dB down from 4 kHz on. 8 kHz passes untouched. Clips at full scale.
/// Cost: allocates the result and at most 8,000 filter phases; 6 ms of input per output sample.
std::vector<std::int16_t> to_8khz(std::span<const float> samples, std::uint32_t rate);

}  // namespace carillon::media
