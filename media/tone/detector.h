#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>

#include "media/frame.h"
#include "media/tone/spectrum.h"

namespace carillon::media {

enum class ToneKind : std::uint8_t { kRingback, kBusy, kCongestion, kSit, kCng, kCed };

struct ToneHeard {
  ToneKind kind = ToneKind::kRingback;
  float hz = 0;       ///< of its strongest frequency
  Duration began{0};  ///< since the first frame
  Duration at{0};     ///< when it was sure, since the first frame
};

/// Call-progress tones by pitch and cadence: peaks of the spectrum are followed as tracks, and their on and off times
/// are compared with the national plans (frequency ± 1.5 % or 8 Hz, times ± 12 % or one frame).
///
/// Ringback is sure when its first burst of ≥ 0.8 s has ended or two bursts match, busy and congestion after the second
/// pause, SIT in its third tone, CNG after 0.36 s of 1100 Hz, CED after 0.5 s of 2100 Hz.
/// Cost: some tens of nanoseconds beside the spectrum; no allocation; sizeof below 512 bytes.
class ToneDetector {
 public:
  void feed(const Spectrum& spectrum);
  /// A frame that never came: the track in progress is taken to have gone on.
  void feed_lost();
  /// News since last asked.
  std::optional<ToneHeard> news();

  /// True while a pure tone (one or two frequencies) sounds: not speech.
  bool is_tonal() const { return on_; }

 private:
  struct Burst {
    float hz[2] = {0, 0};
    std::uint16_t on = 0, off = 0;  // frames
  };
  void end_burst();

  std::uint32_t frames_ = 0;
  bool on_ = false;
  std::array<Burst, 4> bursts_{};
  std::optional<ToneHeard> news_;
};

/// In-band digits (ITU-T Q.23, Q.24) by SpanDSP's receiver.
/// Cost: about 1.3 µs per frame, whatever it hears; one allocation at construction, none after.
class DigitDetector {
 public:
  DigitDetector();
  ~DigitDetector();
  DigitDetector(DigitDetector&&) noexcept;
  DigitDetector& operator=(DigitDetector&&) noexcept;

  void feed(FrameView frame);
  void feed_lost();
  /// The next digit heard since last asked ('0'-'9' '*' '#' 'A'-'D'), reported when it begins; 0: none.
  char news();

 private:
  void* state_ = nullptr;  // dtmf_rx_state_t, SpanDSP's
};

}  // namespace carillon::media
