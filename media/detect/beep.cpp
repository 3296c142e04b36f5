#include "media/detect/beep.h"

#include <algorithm>

namespace carillon::media {
namespace {

constexpr std::uint32_t kFramesMax = 75, kAfterQuiet = 5, kAfterSpeech = 8, kQuietMin = 5;
constexpr float kHzMin = 380, kHzMax = 2700;

bool is_digit(const ToneTrack& track) {
  return track.low_hz > 680 && track.low_hz < 960 && track.high_hz > 1190 && track.high_hz < 1660;
}

}  // namespace

std::optional<BeepHeard> BeepDetector::feed(const Spectrum& spectrum, const ToneDetector& tones, float floor_dbm0) {
  const ToneTrack& track = tones.track();
  const bool is_quiet = spectrum.level_dbm0 < std::max(floor_dbm0 + 9, -50.0F);
  if (track.frames == 1) quiet_before_ = quiet_;
  quiet_ = is_quiet ? quiet_ + 1 : 0;

  if (track.frames != 0) {
    last_ = track;
    if (told_ || !is_beep(track)) return std::nullopt;
    told_ = true;
    return BeepHeard{.hz = track.hz, .frames = track.frames, .is_over = false};
  }
  if (!told_) return std::nullopt;
  const bool follows_quiet = spectrum.level_dbm0 < std::max(last_.level_dbm0 - 10, floor_dbm0 + 9);
  if (!follows_quiet && tones.since_ended() < 5) return std::nullopt;  // a decaying beep still rings
  told_ = false;
  if (!follows_quiet || last_.frames > kFramesMax) return std::nullopt;
  return BeepHeard{.hz = last_.hz, .frames = last_.frames, .is_over = true};
}

bool BeepDetector::is_beep(const ToneTrack& track) const {
  if (track.hz < kHzMin || track.hz > kHzMax || track.frames > kFramesMax || is_digit(track)) return false;
  const bool after_quiet = quiet_before_ >= kQuietMin;
  if (track.frames < (after_quiet ? kAfterQuiet : kAfterSpeech)) return false;
  return track.share > (after_quiet ? 0.88F : 0.94F) && track.wander_hz < (after_quiet ? 0.012F : 0.006F) * track.hz;
}

}  // namespace carillon::media
