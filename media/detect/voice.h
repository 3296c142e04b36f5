#pragma once

#include <cstdint>

#include "media/frame.h"
#include "media/tone/detector.h"
#include "media/tone/spectrum.h"

namespace carillon::media {

/// Speech and its pauses by level over a tracked noise floor. All counts are frames of 20 ms.
///
/// The floor falls at once, rises 3 dB/s while something voiced is heard and 25 dB/s while nothing is. A frame is
/// voiced when it stands 9 dB over the floor and its power is gathered in few peaks; speech begins with three voiced
/// frames out of five, and hissing sounds count while the last voiced frame is at most 120 ms old. A pure tone of more
/// than 120 ms is neither speech nor silence, and is taken out again where it had been counted.
class VoiceMeter {
 public:
  /// `track`: what ToneDetector made of the same frame.
  void feed(const Spectrum& spectrum, const ToneTrack& track);

  bool has_spoken() const { return voiced_ != 0; }
  bool is_speaking() const { return has_spoken() && quiet_ == 0; }
  std::uint32_t voiced() const { return voiced_; }       ///< speech so far, pauses apart
  std::uint32_t span() const { return last_ - onset_; }  ///< from onset to the last voiced frame, lost frames apart
  std::uint32_t quiet() const { return quiet_; }         ///< silence since speech; 0 while it goes on
  std::uint32_t segments() const { return segments_; }   ///< utterances parted by at least 200 ms
  float floor_dbm0() const { return floor_; }
  float level_dbm0() const { return level_; }  ///< of speech, the loudest so far

 private:
  void follow_floor(float level, bool is_voiced);
  void count();

  std::uint32_t frames_ = 0, onset_ = 0, last_ = 0, voiced_ = 0, quiet_ = 0, segments_ = 0;
  std::uint32_t history_ = 0;   // newest frame in bit 0: voiced
  std::uint32_t in_track_ = 0;  // frames of the present track that were counted as speech
  std::uint32_t last_before_track_ = 0, quiet_before_track_ = 0;
  float floor_ = -45, level_ = -90;
};

}  // namespace carillon::media
