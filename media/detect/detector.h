#pragma once

#include <cstdint>
#include <optional>

#include "media/detect/beep.h"
#include "media/detect/verdict.h"
#include "media/detect/voice.h"
#include "media/tone/detector.h"
#include "media/tone/spectrum.h"

namespace carillon::media {

/// Hears who answered: a person, a machine and its beep, a fax, a tone or nothing. This first detector goes by energy
/// relative to a tracked noise floor and by timing; better ones keep this face.
///
///   early media ──answered()──► listening ──final verdict──► done
///                                   └──machine, wait_for_beep──► greeting ──kBeep──► done
///
/// The clock of speech starts at its onset, so silence after answer counts for nothing. A person is a short utterance
/// followed by silence, a machine speaks on (or beeps); nothing said by `decide_by` is kSilence, speech undecided by
/// then is kNotSure. Tones come from ToneDetector. With `early_media` only tones are judged until `answered()`, each
/// kind told once, never final. While a beep sounds an early kBeep is told; the final one comes when it has ended.
///
/// Cost: about 0.3 µs per frame, most of it the spectrum (README.md); no allocation. 768 bytes, of which a frame
/// without news touches the first 600; many are best fed by detect/batch.h.
class Detector {
 public:
  explicit Detector(const DetectConfig& config = {});

  /// The call was answered now: the clock of `decide_by` starts. Needed with `early_media` only.
  void answered();
  /// 20 ms, in order.
  void feed(FrameView frame);
  /// 20 ms that never came or were concealed: time passes, nothing is learnt.
  void feed_lost();
  /// News since last asked; the newest only. Asked after every frame, none is missed.
  std::optional<Verdict> news();
  /// Asks for the cache lines that the next frame needs.
  void prefetch() const;
  /// Nothing more will come: stop feeding.
  bool done() const { return phase_ == Phase::kDone; }

 private:
  enum class Phase : std::uint8_t { kEarlyMedia, kListening, kGreeting, kDone };

  void judge_tone(const ToneHeard& tone);
  void judge_speech();
  void judge_greeting();
  void judge_time();
  void settle(Heard heard, double confidence, std::string_view why);
  void tell(Heard heard, double confidence, bool is_final, std::string_view why);
  double seconds_since_answer() const { return static_cast<double>(frames_ - answer_) * 0.02; }

  // what every frame touches comes first
  SpectrumMeter meter_;
  ToneDetector tones_;
  VoiceMeter voice_;
  BeepDetector beep_;
  std::optional<BeepHeard> beep_news_;  // of this frame
  Phase phase_;
  bool has_news_ = false;
  std::optional<Heard> early_;                            // the early verdict that stands
  std::uint32_t frames_ = 0, answer_ = 0, greeting_ = 0;  // frames: all, at answer, at the machine verdict
  std::uint32_t early_tones_ = 0;                         // bit per Heard told in early media
  DetectConfig config_;
  Verdict news_;  // touched when something is told
};

}  // namespace carillon::media
