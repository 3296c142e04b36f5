#pragma once
// The two laws of ITU-T G.711 one sample at a time, as their tables define them: what the kernels in g711.cpp do by the
// register must come to the same. Sources: G.711 tables 1a..2b (codes), 3 and 4 (conversion).

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

namespace carillon::media::g711 {

// G.711 numbers the magnitudes of each law 0..127 from quiet to loud; a code is that number with the sign in bit 7 and
// bits inverted: all of them in µ-law, the even ones in A-law.
inline constexpr std::uint8_t kUlawInvert = 0xFF;
inline constexpr std::uint8_t kAlawInvert = 0xD5;

constexpr int top_bit(int value) { return static_cast<int>(std::bit_width(static_cast<unsigned>(value))) - 1; }

constexpr std::uint8_t ulaw_code(int sample) {
  const std::uint8_t sign = sample < 0 ? 0x80 : 0;
  const int magnitude = std::min((sample < 0 ? -sample : sample) + 132, 32767);  // 132: G.711's bias of 33, times 4
  const int segment = top_bit(magnitude) - 7;
  const int number = segment << 4 | (magnitude >> (segment + 3) & 0x0F);
  return static_cast<std::uint8_t>((number | sign) ^ kUlawInvert);
}

constexpr std::int16_t ulaw_sample(std::uint8_t code) {
  const int number = (code ^ kUlawInvert) & 0x7F;
  const int magnitude = ((((number & 0x0F) << 3) + 132) << (number >> 4)) - 132;
  return static_cast<std::int16_t>(code & 0x80 ? magnitude : -magnitude);
}

constexpr std::uint8_t alaw_code(int sample) {
  const std::uint8_t sign = sample < 0 ? 0x80 : 0;
  const int magnitude = sample < 0 ? ~sample : sample;
  const int segment = std::max(top_bit(magnitude) - 7, 0);
  const int number = segment << 4 | (magnitude >> (segment == 0 ? 4 : segment + 3) & 0x0F);
  return static_cast<std::uint8_t>((number | sign) ^ kAlawInvert);
}

constexpr std::int16_t alaw_sample(std::uint8_t code) {
  const int number = (code ^ kAlawInvert) & 0x7F;
  const int segment = number >> 4;
  const int step = ((number & 0x0F) << 4) + 8;
  const int magnitude = segment == 0 ? step : (step + 256) << (segment - 1);
  return static_cast<std::int16_t>(code & 0x80 ? magnitude : -magnitude);
}

inline constexpr std::array<std::uint8_t, 128> kUlawToAlaw = {
    0,   0,   1,   1,   2,   2,   3,   3,   4,   4,   5,   5,   6,   6,   7,   7,   8,   9,   10,  11,  12,  13,
    14,  15,  16,  17,  18,  19,  20,  21,  22,  23,  24,  26,  28,  30,  32,  33,  34,  35,  36,  37,  38,  39,
    40,  41,  42,  43,  45,  47,  48,  49,  50,  51,  52,  53,  54,  55,  56,  57,  58,  59,  60,  61,  63,  64,
    65,  66,  67,  68,  69,  70,  71,  72,  73,  74,  75,  76,  77,  78,  79,  81,  82,  83,  84,  85,  86,  87,
    88,  89,  90,  91,  92,  93,  94,  95,  96,  97,  98,  99,  100, 101, 102, 103, 104, 105, 106, 107, 108, 109,
    110, 111, 112, 113, 114, 115, 116, 117, 118, 119, 120, 121, 122, 123, 124, 125, 126, 127};
inline constexpr std::array<std::uint8_t, 128> kAlawToUlaw = {
    1,   3,   5,   7,   9,   11,  13,  15,  16,  17,  18,  19,  20,  21,  22,  23,  24,  25,  26,  27,  28,  29,
    30,  31,  32,  32,  33,  33,  34,  34,  35,  35,  36,  37,  38,  39,  40,  41,  42,  43,  44,  45,  46,  47,
    48,  48,  49,  49,  50,  51,  52,  53,  54,  55,  56,  57,  58,  59,  60,  61,  62,  63,  64,  64,  65,  66,
    67,  68,  69,  70,  71,  72,  73,  74,  75,  76,  77,  78,  79,  80,  80,  81,  82,  83,  84,  85,  86,  87,
    88,  89,  90,  91,  92,  93,  94,  95,  96,  97,  98,  99,  100, 101, 102, 103, 104, 105, 106, 107, 108, 109,
    110, 111, 112, 113, 114, 115, 116, 117, 118, 119, 120, 121, 122, 123, 124, 125, 126, 127};

}  // namespace carillon::media::g711
