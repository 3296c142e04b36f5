#pragma once

#include <array>
#include <cstdint>

namespace carillon {

/// xoshiro256** (Blackman, Vigna 2018), seeded by SplitMix64. Handed in wherever something is drawn, so that a seed
/// replays a bad day exactly. Not for secrets: tokens and keys come from the operating system.
class Random {
 public:
  explicit Random(std::uint64_t seed) {
    for (auto& word : state_) {
      seed += 0x9E3779B97F4A7C15u;
      std::uint64_t mixed = seed;
      mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9u;
      mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EBu;
      word = mixed ^ (mixed >> 31);
    }
  }

  std::uint64_t next() {
    const std::uint64_t result = rotate(state_[1] * 5, 7) * 9;
    const std::uint64_t shifted = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = rotate(state_[3], 45);
    return result;
  }

  std::uint32_t u32() { return static_cast<std::uint32_t>(next() >> 32); }
  /// Uniform in [0, bound); bound > 0. Bias below 2^-32 for bounds that fit 32 bits.
  std::uint64_t below(std::uint64_t bound) {
    return static_cast<std::uint64_t>((static_cast<unsigned __int128>(next()) * bound) >> 64);
  }
  /// Uniform in [0, 1).
  double unit() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }

 private:
  static std::uint64_t rotate(std::uint64_t value, int by) { return value << by | value >> (64 - by); }
  std::array<std::uint64_t, 4> state_;
};

}  // namespace carillon
