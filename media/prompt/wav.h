#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/base/bytes.h"
#include "engine/base/result.h"
#include "engine/base/time.h"

namespace carillon::media {

enum class WavError : std::uint8_t {
  kNotWav,    ///< no RIFF/WAVE at the start
  kNoFormat,  ///< no usable fmt chunk before the sound
  kNoData,    ///< no data chunk, or not one whole sample in it
  kEncoding,  ///< not PCM 8/16/24, float 32, µ-law or A-law
  kChannels,  ///< neither mono nor stereo
  kRate,      ///< outside 8,000..48,000 Hz
  kTooLong,   ///< longer than kWavTimeMax
  kTooBig,    ///< larger than kWavBytesMax
};
/// One sentence for the operator who uploaded the file.
const char* text(WavError error);

inline constexpr std::size_t kWavBytesMax = 200'000'000;
inline constexpr Duration kWavTimeMax = 30min;

/// A decoded file: 8 kHz mono whatever the file had.
struct Wav {
  std::vector<std::int16_t> samples;
  std::uint32_t source_rate = 0;      ///< Hz
  std::uint16_t source_channels = 0;  ///< 2: mixed down by halving the sum
};

/// Reads a RIFF WAVE file: PCM 8, 16 or 24 bits, float 32, µ-law, A-law; plain or extensible format; unknown chunks are
/// skipped; a data size of 0 or 0xFFFFFFFF (written by a program that streamed) or past the end means "to the end".
/// Other rates come down to 8 kHz through a windowed-sinc polyphase filter (flat to 3.2 kHz, 50 dB down from 4 kHz).
///
/// file     the whole file, untrusted
/// errors   WavError
/// cost     allocates; about 300 multiplications per output sample at 48 kHz: for start-up and control threads
Result<Wav, WavError> read_wav(ByteView file);

/// A plain 16-bit PCM WAV with a 44-byte header. `samples` are interleaved when `channels` is 2.
std::vector<std::byte> write_wav(std::span<const std::int16_t> samples, std::uint32_t rate = 8000,
                                 std::uint16_t channels = 1);

}  // namespace carillon::media
