#pragma once

#include <cstdint>
#include <optional>

#include "media/frame.h"
#include "media/tone/detector.h"
#include "media/tone/spectrum.h"

namespace carillon::media {

struct BeepHeard {
  float hz = 0;
  std::uint32_t frames = 0;  ///< length so far
  bool is_over = false;      ///< it has ended: the recording runs
};

/// A machine's beep: a pure track of 80..1500 ms at 380..2,700 Hz, steady or sweeping slowly, that is no digit. After
/// 100 ms of quiet 60 ms of it are enough; straight after speech it must be purer and last 160 ms, for a sung or
/// nasal vowel is a pure track too. Told twice: when it is sure, and when it has ended in quiet.
class BeepDetector {
 public:
  /// `tones` has been fed the same frame.
  std::optional<BeepHeard> feed(const Spectrum& spectrum, const ToneDetector& tones, float floor_dbm0);
  /// A beep is sounding.
  bool is_on() const { return told_; }

 private:
  bool is_beep(const ToneTrack& track) const;
  bool was_beep(const ToneTrack& track) const;

  std::uint32_t quiet_ = 0, loud_ = 0;  // frames of the last quiet, and since it ended
  std::uint32_t quiet_before_ = 0;      // the same when the present track began
  bool told_ = false;
  ToneTrack last_;
};

}  // namespace carillon::media
