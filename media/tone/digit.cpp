#include <spandsp.h>

#include <array>
#include <utility>

#include "engine/base/check.h"
#include "media/tone/detector.h"

namespace carillon::media {
namespace {

dtmf_rx_state_t* receiver(void* state) { return static_cast<dtmf_rx_state_t*>(state); }

}  // namespace

DigitDetector::DigitDetector() : state_(dtmf_rx_init(nullptr, nullptr, nullptr)) { CHECK(state_ != nullptr); }
DigitDetector::~DigitDetector() {
  if (state_ != nullptr) dtmf_rx_free(receiver(state_));
}
DigitDetector::DigitDetector(DigitDetector&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}
DigitDetector& DigitDetector::operator=(DigitDetector&& other) noexcept {
  std::swap(state_, other.state_);
  return *this;
}

void DigitDetector::feed(FrameView frame) { dtmf_rx(receiver(state_), frame.data(), kFrameSamples); }
void DigitDetector::feed_lost() { dtmf_rx_fillin(receiver(state_), kFrameSamples); }

char DigitDetector::news() {
  std::array<char, 2> digit{};
  return dtmf_rx_get(receiver(state_), digit.data(), 1) == 1 ? digit[0] : '\0';
}

}  // namespace carillon::media
