#include "media/prompt/wav.h"

#include <cstdint>

#include "engine/base/check.h"

// Whatever the bytes: an error with a text, or at most half an hour of sound that can be written and read again.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace carillon::media;
  const auto wav = read_wav(std::as_bytes(std::span(data, size)));
  if (!wav) {
    CHECK(*text(wav.error()) != 0);
    return 0;
  }
  CHECK(wav->samples.size() <= 8000 * 60 * 30);
  CHECK(wav->source_rate >= 8000 && wav->source_rate <= 48000);
  CHECK(wav->samples.size() <= size);
  if (wav->samples.empty()) return 0;
  const auto again = read_wav(write_wav(wav->samples));
  CHECK(again && again->samples == wav->samples);
  return 0;
}
