#pragma once

#include <optional>

#include "media/detect/verdict.h"
#include "media/tone/detector.h"
#include "media/tone/spectrum.h"

namespace carillon::media {

/// Hears who answered: a person, a machine and its beep, a fax, a tone or nothing. This first detector goes by energy
/// relative to a tracked noise floor and by timing; better ones keep this face.
///
///   listening ──► early verdict ⇄ … ──► final verdict ──(machine, wait_for_beep)──► kBeep ──► done
///
/// The clock of speech starts at its onset, so silence after answer counts for nothing. A person is a short utterance
/// followed by silence, a machine speaks on; nothing said by `decide_by` is kSilence, speech undecided by then is
/// kNotSure. Tones come from ToneDetector. With `early_media`, only tones are judged until `answered()`.
///
/// Cost: below 2 µs per frame (the spectrum is most of it); no allocation; about 2.5 KiB.
class Detector {
 public:
  explicit Detector(const DetectConfig& config = {});

  /// The call was answered now: the clock of `decide_by` starts. Needed with `early_media` only.
  void answered();
  /// 20 ms, in order.
  void feed(FrameView frame);
  /// 20 ms that never came or were concealed: time passes, nothing is learnt.
  void feed_lost();
  /// News since last asked. At most one early, one final and one kBeep wait to be asked for: asked after every frame,
  /// none is missed.
  std::optional<Verdict> news();
  /// Nothing more will come: stop feeding.
  bool done() const { return phase_ == Phase::kDone; }

 private:
  enum class Phase : std::uint8_t { kEarlyMedia, kListening, kGreeting, kDone };

  DetectConfig config_;
  Phase phase_ = Phase::kListening;
  SpectrumMeter meter_;
  ToneDetector tones_;
  std::optional<Verdict> news_;
};

}  // namespace carillon::media
