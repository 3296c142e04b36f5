#include "media/detect/beep.h"

#include <algorithm>
#include <cmath>

namespace carillon::media {
namespace {

constexpr std::uint32_t kFramesMax = 75, kAfterQuiet = 3, kAfterSpeech = 8, kSweep = 7, kQuietMin = 5;
constexpr float kHzMin = 380, kHzMax = 2700;

bool is_digit(const ToneTrack& track) {
  return track.low_hz > 680 && track.low_hz < 960 && track.high_hz > 1190 && track.high_hz < 1660;
}

}  // namespace

std::optional<BeepHeard> BeepDetector::feed(const Spectrum& spectrum, const ToneDetector& tones, float floor_dbm0) {
  const ToneTrack& track = tones.track();
  const bool is_quiet = spectrum.level_dbm0 < std::max(floor_dbm0 + 9, -50.0F);
  if (track.frames == 1) quiet_before_ = loud_ <= 1 ? quiet_ : 0;  // the frame of the onset is loud and not yet pure
  if (is_quiet && loud_ != 0) quiet_ = loud_ = 0;
  ++(is_quiet ? quiet_ : loud_);

  if (track.frames != 0) {
    if (!told_ || track.frames > last_.frames) last_ = track;  // what rings on behind a beep is no beep of its own
    if (told_ || !is_beep(track)) return std::nullopt;
    told_ = true;
    return BeepHeard{.hz = track.hz, .frames = track.frames, .is_over = false};
  }
  if (!told_) return std::nullopt;
  const bool follows_quiet = spectrum.level_dbm0 < std::max(last_.level_dbm0 - 10, floor_dbm0 + 9);
  if (!follows_quiet && tones.since_ended() < 5) return std::nullopt;  // a decaying beep still rings
  told_ = false;
  if (!follows_quiet || !was_beep(last_)) return std::nullopt;
  return BeepHeard{.hz = last_.hz, .frames = last_.frames, .is_over = true};
}

// What it turned out to be: a voice has wandered by then.
bool BeepDetector::was_beep(const ToneTrack& track) const {
  return track.hz > kHzMin && track.hz < kHzMax && track.frames <= kFramesMax && track.wander_hz < 0.01F * track.hz &&
         std::abs(track.drift_hz) < 0.35F * track.hz;
}

bool BeepDetector::is_beep(const ToneTrack& track) const {
  if (track.hz < kHzMin || track.hz > kHzMax || track.frames > kFramesMax || is_digit(track)) return false;
  const bool after_quiet = quiet_before_ >= kQuietMin;
  const float drift = std::abs(track.drift_hz) / track.hz, wander = track.wander_hz / track.hz;
  if (wander > 0.006F) return false;
  if (drift > 0.02F)  // a sweep; voices glide too, but neither so purely nor for so long
    return after_quiet && track.low_hz == 0 && drift < 0.35F && track.share > 0.95F && track.frames >= kSweep;
  if (track.frames < (after_quiet ? kAfterQuiet : kAfterSpeech)) return false;
  return track.share > (after_quiet && track.low_hz == 0 ? 0.88F : 0.94F);
}

}  // namespace carillon::media
