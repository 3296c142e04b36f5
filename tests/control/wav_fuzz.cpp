// Any bytes: what a WAV file says of itself is a length that its bytes can hold, or a sentence.

#include <cstdint>

#include "control/model/wav.h"
#include "engine/base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto facts = carillon::control::wav_facts({reinterpret_cast<const char*>(data), size});
  if (!facts) {
    CHECK(!facts.error().empty());
    return 0;
  }
  CHECK(facts->duration_ms > 0 && facts->duration_ms <= size);  // at most a byte per sample at 8 kHz: 8 bytes per ms
  CHECK(facts->channels >= 1 && facts->channels <= 2);
  return 0;
}
