#pragma once

#include <array>
#include <span>

namespace carillon::media {

/// Powers of a real transform: |X[k]|², k = 0..127, of 256 real samples (bin 128 is left out).
/// Stockham radix 2 over 128 complex points, four lanes at a time. No allocation.
void power_of_256(std::span<const float, 256> samples, std::span<float, 128> power);

}  // namespace carillon::media
