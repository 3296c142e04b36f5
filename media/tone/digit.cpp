#define SPANDSP_EXPOSE_INTERNAL_STRUCTURES  // its size
#include <spandsp.h>
#include <spandsp/expose.h>

#include <array>
#include <span>

#include "engine/base/check.h"
#include "media/tone/detector.h"

namespace carillon::media {
namespace {

// It points to nothing of its own and may be copied. Some room is left for a newer library of the same ABI.
using State = dtmf_rx_state_t;
static_assert(sizeof(State) + 64 <= sizeof(DigitDetector) && alignof(State) <= alignof(DigitDetector));

State* receiver(std::span<std::byte> state) { return reinterpret_cast<State*>(state.data()); }

}  // namespace

DigitDetector::DigitDetector() { CHECK(dtmf_rx_init(receiver(state_), nullptr, nullptr) != nullptr); }

void DigitDetector::feed(FrameView frame) { dtmf_rx(receiver(state_), frame.data(), kFrameSamples); }
void DigitDetector::feed_lost() { dtmf_rx_fillin(receiver(state_), kFrameSamples); }

char DigitDetector::news() {
  std::array<char, 2> digit{};
  return dtmf_rx_get(receiver(state_), digit.data(), 1) == 1 ? digit[0] : '\0';
}

}  // namespace carillon::media
