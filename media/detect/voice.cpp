#include "media/detect/voice.h"

#include <algorithm>
#include <bit>

namespace carillon::media {
namespace {

constexpr float kFloorMin = -62, kFloorFirstMax = -45;      // dBm0
constexpr float kOverFloor = 9;                             // dB
constexpr float kUnderLoudest = 30;                         // dB: softer than that is no part of this voice
constexpr float kVoicedShare = 0.33F;                       // white noise stays below 0.3
constexpr float kRiseVoiced = 0.06F, kRiseUnvoiced = 0.5F;  // dB per frame: 3 and 25 dB/s
constexpr std::uint32_t kTonalFrames = 7;
constexpr std::uint32_t kSegmentPause = 10;

}  // namespace

void VoiceMeter::feed(const Spectrum& spectrum, const ToneTrack& track) {
  if (++frames_ == 1) floor_ = std::clamp(spectrum.band_dbm0, kFloorMin, kFloorFirstMax);
  const float level = spectrum.band_dbm0;
  const bool is_loud = level > floor_ + kOverFloor && level > level_ - kUnderLoudest;
  const bool is_voiced = is_loud && spectrum.peak_share + spectrum.second_share > kVoicedShare;
  follow_floor(level, is_voiced);
  history_ = history_ << 1 | static_cast<std::uint32_t>(is_voiced);

  if (track.frames == 0) {
    in_track_ = 0;
    last_before_track_ = last_;
    quiet_before_track_ = quiet_;
  }
  if (track.frames >= kTonalFrames && track.share > 0.85F) {
    if (in_track_ != 0) {
      voiced_ -= in_track_;
      in_track_ = 0;
      last_ = last_before_track_;
      quiet_ = quiet_before_track_;
    }
    if (voiced_ == 0) onset_ = last_ = quiet_ = segments_ = 0;
    return;
  }
  const bool is_active = is_loud && (history_ & 0x3F) != 0;
  const bool begins = std::popcount(history_ & 0x1F) >= 3;
  if (is_active && (begins || (has_spoken() && quiet_ < 3))) {
    level_ = std::max(level_, level);
    count();
  } else if (has_spoken()) {
    ++quiet_;
  }
}

void VoiceMeter::follow_floor(float level, bool is_voiced) {
  if (level < floor_)
    floor_ = std::max(level, kFloorMin);
  else
    floor_ = std::min(level, floor_ + (is_voiced ? kRiseVoiced : kRiseUnvoiced));
}

void VoiceMeter::count() {
  if (!has_spoken()) onset_ = frames_ - 3;
  if (!has_spoken() || quiet_ >= kSegmentPause) ++segments_;
  std::uint32_t frames = 1;
  if (!has_spoken() || quiet_ >= 3) frames = 3;  // the voiced frames that proved it are counted too
  if (has_spoken() && quiet_ > 0 && quiet_ < 5) frames = std::max(frames, quiet_ + 1);  // a stop consonant, not a pause
  voiced_ += frames;
  in_track_ += frames;
  quiet_ = 0;
  last_ = frames_;
}

}  // namespace carillon::media
