#include "media/detect/batch.h"

#include <array>

namespace carillon::media {
namespace {

// A detector that was not touched for 20 ms lies in L3 or beyond. Two ahead: one alone takes 0.3 µs, memory 0.1 µs.
constexpr std::size_t kAhead = 2;

void feed_one(const DetectInput& input) {
  if (input.detector->done()) return;
  if (input.is_lost) {
    input.detector->feed_lost();
    return;
  }
  std::array<std::int16_t, kFrameSamples> samples;
  decode(input.codec, input.frame, samples);
  input.detector->feed(samples);
}

}  // namespace

void feed(std::span<const DetectInput> inputs) {
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (i + kAhead < inputs.size()) {
      const DetectInput& next = inputs[i + kAhead];
      next.detector->prefetch();
      for (std::size_t at = 0; at < next.frame.size(); at += 64) __builtin_prefetch(next.frame.data() + at);
    }
    feed_one(inputs[i]);
  }
}

}  // namespace carillon::media
