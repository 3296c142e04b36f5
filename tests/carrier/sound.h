#pragma once
// Sounds of the far side: WAV files and tones as 8 kHz samples, encoded once to both G.711 laws and then sent by
// reference. The judge's own G.711, written from the formulas of ITU-T G.711.

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/base/random.h"
#include "engine/base/result.h"
#include "engine/base/time.h"

namespace carillon::carrier {

using Samples = std::vector<std::int16_t>;  ///< 8 kHz, one channel

std::uint8_t to_ulaw(std::int16_t sample);
std::int16_t from_ulaw(std::uint8_t code);
std::uint8_t to_alaw(std::int16_t sample);
std::int16_t from_alaw(std::uint8_t code);

inline constexpr std::size_t kFrame = 160;  ///< 20 ms

/// Ready to send: both encodings, a whole number of 20 ms frames (padded with silence).
struct Sound {
  std::vector<std::uint8_t> ulaw, alaw;
  std::size_t samples = 0;  ///< before padding
  Duration length() const { return std::chrono::microseconds(samples * 125); }
};
using SoundPtr = std::shared_ptr<const Sound>;

SoundPtr encode(std::span<const std::int16_t> samples);

/// Reads a 16-bit PCM WAV file of any rate, first channel, resampled to 8 kHz by a windowed sinc.
/// errors  a sentence naming the file
Result<Samples, std::string> read_wav(const std::filesystem::path& path);
/// Windowed-sinc resampling to 8 kHz.
Samples resample(std::span<const std::int16_t> samples, int rate);

/// One or two sine waves, 5 ms ramps; level in dBm0 of the sum.
Samples tone(double hz, double hz2, Duration length, double dbm0);
/// White noise at that level.
Samples noise(Duration length, double dbm0, Random& random);
/// Three rising tones of "number not in service" (ITU-T E.180).
Samples special_information_tone();
/// Answering fax: 2100 Hz, with phase reversals every 450 ms when `reversals` (ITU-T V.25, V.8).
Samples answer_tone(Duration length, bool reversals);
/// HDLC flags in V.21 channel 2, 300 bit/s: what follows CED (ITU-T T.30).
Samples v21_flags(Duration length);

/// Voices by role: files "person_*.wav", "machine_*.wav", "announce_*.wav", "caller_*.wav", sorted by name.
struct Library {
  std::map<std::string, std::vector<SoundPtr>> by_role;
  const std::vector<SoundPtr>& role(const std::string& name) const;
  static Result<Library, std::string> load(const std::filesystem::path& folder);
};

}  // namespace carillon::carrier
