#include "media/detect/batch.h"

#include <array>

namespace carillon::media {

void feed(std::span<const DetectInput> inputs) {
  std::array<std::int16_t, kFrameSamples> samples;
  for (const DetectInput& input : inputs) {
    if (input.is_lost) {
      input.detector->feed_lost();
      continue;
    }
    decode(input.codec, input.frame, samples);
    input.detector->feed(samples);
  }
}

}  // namespace carillon::media
