#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "engine/base/result.h"

namespace carillon::control {

/// What a WAV file says of itself.
struct WavFacts {
  std::uint16_t format = 0, channels = 0, bits = 0;
  std::uint32_t rate = 0;
  std::uint64_t duration_ms = 0;
};

/// Reads RIFF, fmt and data of a WAV file, untrusted; the samples themselves are the engine's to judge.
/// errors: a sentence that names what is wrong
Result<WavFacts, std::string> wav_facts(std::string_view file);

}  // namespace carillon::control
