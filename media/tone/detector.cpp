#include "media/tone/detector.h"

#include <algorithm>
#include <cmath>
#include <span>
#include <utility>

#include "media/tone/generator.h"

namespace carillon::media {
namespace {

constexpr float kShareMin = 0.8F;  // of the band's power in two peaks: 6 dB of white noise passes
constexpr float kLevelMin = -45;   // dBm0
constexpr float kDropMax = 0.25F;  // a frame below this share of the track's power (6 dB) is no part of it
constexpr float kMsPerFrame = 20;

// One beat of a plan's cadence: a pause and the burst after it.
struct Beat {
  ToneKind kind;
  float low_hz, high_hz;  // of the plan; equal for a single tone
  float on, off;          // ms
};

// Every (pause, burst) pair of every plan, ringback first.
struct Beats {
  std::array<Beat, 96> list;
  std::size_t count = 0;

  Beats() {
    for (const NationalPlan& plan : national_plans()) add(ToneKind::kRingback, plan.ringback);
    for (const NationalPlan& plan : national_plans()) add(ToneKind::kBusy, plan.busy);
    for (const NationalPlan& plan : national_plans()) add(ToneKind::kCongestion, plan.congestion);
  }
  void add(ToneKind kind, const ToneSpec& spec) {
    std::size_t steps = 0;
    while (steps < spec.steps.size() && spec.steps[steps].ms != 0) ++steps;
    for (std::size_t i = 0; i < steps; i += 2) {
      const ToneStep& burst = spec.steps[i];
      const float low = burst.hz[0], high = burst.hz[1] != 0 ? burst.hz[1] : burst.hz[0];
      const Beat beat{kind, low, high, static_cast<float>(burst.ms),
                      static_cast<float>(spec.steps[(i + steps - 1) % steps].ms)};
      if (count < list.size() && !known(beat)) list[count++] = beat;
    }
  }
  bool known(const Beat& beat) const {
    return std::any_of(list.begin(), list.begin() + static_cast<std::ptrdiff_t>(count), [&](const Beat& other) {
      return other.kind == beat.kind && other.low_hz == beat.low_hz && other.high_hz == beat.high_hz &&
             other.on == beat.on && other.off == beat.off;
    });
  }
  std::span<const Beat> all() const { return std::span(list).first(count); }
};
const Beats kBeats;  // written once before main (the plans are constants), read only

bool is_time(float ms, float wanted) { return std::abs(ms - wanted) <= std::max(25.0F, 0.12F * wanted); }
bool is_near(float hz, float wanted) { return std::abs(hz - wanted) <= std::max(8.0F, 0.015F * wanted); }

// Two frequencies closer than four bins look like one between them.
bool is_pitch(const ToneTrack& track, const Beat& beat) {
  if (beat.high_hz - beat.low_hz >= 4 * kBinHz)
    return is_near(track.low_hz, beat.low_hz) && is_near(track.high_hz, beat.high_hz);
  if (track.low_hz != 0) return false;
  return track.hz >= beat.low_hz - 8 && track.hz <= beat.high_hz + 8;
}

bool is_single(const ToneTrack& track, float hz, float tolerance) {
  return track.low_hz == 0 && std::abs(track.hz - hz) <= tolerance;
}

}  // namespace

ToneDetector::Pitch ToneDetector::pitch_of(const Spectrum& spectrum) {
  const float share = spectrum.peak_share + spectrum.second_share;
  const bool is_dual = spectrum.second_share > 0.1F * spectrum.peak_share;
  const float moment = spectrum.peak_hz * spectrum.peak_share + spectrum.second_hz * spectrum.second_share;
  return {.hz = is_dual ? moment / share : spectrum.peak_hz,
          .share = share,
          .power = spectrum.mean_square,
          .is_dual = is_dual};
}

void ToneDetector::feed(const Spectrum& spectrum) {
  ++frames_;
  const Pitch pitch = pitch_of(spectrum);
  const bool is_pure = pitch.share >= kShareMin && spectrum.level_dbm0 >= kLevelMin;
  if (track_.frames != 0) {
    const bool is_steady = std::abs(pitch.hz - last_hz_) < std::max(30.0F, 0.045F * pitch.hz);
    const bool is_loud = pitch.power * static_cast<float>(levels_) > kDropMax * power_sum_;
    if (is_pure && is_steady && is_loud) {
      go_on(spectrum, pitch);
    } else if (gap_ == 0) {
      gap_ = 1;  // forgiven when the next frame fits: a phase reversal, a lost packet
      gap_power_ = pitch.power;
    } else {
      end(gap_power_);
    }
  }
  if (track_.frames == 0 && is_pure) begin(spectrum, pitch);
  if (track_.frames == 0)
    judge_pause(pitch.power);
  else
    judge_sounding();
  frame_power_ = pitch.power;
}

void ToneDetector::feed_lost() {
  ++frames_;
  if (track_.frames != 0) ++track_.frames;
}

std::optional<ToneHeard> ToneDetector::news() { return std::exchange(news_, std::nullopt); }

void ToneDetector::begin(const Spectrum& spectrum, const Pitch& pitch) {
  gap_ = counted_ = levels_ = dual_ = 0;
  low_sum_ = high_sum_ = hz_sum_ = share_sum_ = wander_sum_ = power_sum_ = 0;
  track_told_ = false;
  first_hz_ = last_hz_ = pitch.hz;
  before_power_ = frame_power_;
  first_power_ = pitch.power;
  began_ = static_cast<float>(frames_ - 1);
  go_on(spectrum, pitch);
}

void ToneDetector::go_on(const Spectrum& spectrum, const Pitch& pitch) {
  track_.frames += 1 + gap_;
  gap_ = 0;
  if (counted_ <= 1) power_sum_ = levels_ = 0;  // the first frame may hold the tone in part: not its level
  power_sum_ += pitch.power;
  ++levels_;
  ++counted_;
  hz_sum_ += pitch.hz;
  share_sum_ += pitch.share;
  wander_sum_ += std::abs(pitch.hz - last_hz_);
  last_hz_ = pitch.hz;
  if (pitch.is_dual) {
    ++dual_;
    low_sum_ += std::min(spectrum.peak_hz, spectrum.second_hz);
    high_sum_ += std::max(spectrum.peak_hz, spectrum.second_hz);
  }
  const auto count = static_cast<float>(counted_);
  const bool is_dual = 2 * dual_ > counted_;
  track_.hz = hz_sum_ / count;
  track_.low_hz = is_dual ? low_sum_ / static_cast<float>(dual_) : 0;
  track_.high_hz = is_dual ? high_sum_ / static_cast<float>(dual_) : 0;
  track_.share = share_sum_ / count;
  track_.drift_hz = pitch.hz - first_hz_;
  track_.wander_hz = counted_ > 1 ? (wander_sum_ - std::abs(track_.drift_hz)) / (count - 1) : 0;
  track_.level_dbm0 = spectrum.level_dbm0;
}

// Times are taken to a fraction of a frame from the levels of the frames at both edges.
void ToneDetector::end(float next_power) {
  const float mean = power_sum_ / static_cast<float>(levels_);
  const auto part = [&](float power) {  // of a frame that the tone fills; a full one belongs to something else
    const float filled = power / mean;
    return filled > 0.05F && filled < 0.9F ? filled : 0;
  };
  const float began = began_ + 1 - std::min(1.0F, first_power_ / mean) - part(before_power_);
  const float ended = static_cast<float>(frames_ - 2) + part(next_power);
  ended_ = track_;
  ended_frame_ = frames_ - 2;
  track_ = {};
  const float on = (ended - began) * kMsPerFrame;
  if (on < 60) return;
  const bool is_first = burst_ended_ < 0 || std::abs(burst_hz_ - ended_.hz) > 20;
  const float off = (began - burst_ended_) * kMsPerFrame;
  burst_began_ = began;
  burst_ended_ = ended;
  burst_hz_ = ended_.hz;
  burst_power_ = mean;
  const auto beats = kBeats.all();
  burst_may_ring_ = std::any_of(beats.begin(), beats.end(), [&](const Beat& beat) {
    if (beat.kind != ToneKind::kRingback || beat.on < 800 || !is_pitch(ended_, beat)) return false;
    return is_time(on, beat.on) || (began < 3 && on > 300 && on < beat.on);
  });
  if (is_single(ended_, 1100, 38) && on >= 425 && on <= 575) report(ToneKind::kCng, ended_.hz, began);
  judge_burst(on, off, is_first);
}

void ToneDetector::judge_burst(float on, float off_before, bool is_first) {
  // SIT: three tones that rise, each about a third of a second (274..380 ms), hardly a pause between
  static constexpr float kSitHz[] = {950, 1400, 1800};
  const bool follows = sit_step_ == 0 || off_before < 80;
  const bool is_long = on > 230 && on < 430;
  if (sit_step_ < 3 && follows && is_long && is_single(ended_, kSitHz[sit_step_], 55))
    ++sit_step_;
  else
    sit_step_ = is_long && is_single(ended_, kSitHz[0], 55) ? 1 : 0;

  if (is_first) return;
  for (const Beat& beat : kBeats.all())
    if (is_pitch(ended_, beat) && is_time(on, beat.on) && is_time(off_before, beat.off)) {
      report(beat.kind, beat.low_hz, burst_began_);
      return;
    }
}

// Tones that are sure before they end.
void ToneDetector::judge_sounding() {
  if (sit_step_ == 2 && track_.frames >= 5 && is_single(track_, 1800, 55) && began_ - burst_ended_ < 4) {
    report(ToneKind::kSit, 950, burst_began_);
    sit_step_ = 0;
  }
  if (!track_told_ && track_.frames >= 25 && is_single(track_, 2100, 20)) {
    track_told_ = true;
    report(ToneKind::kCed, track_.hz, began_);
  }
}

// A lone burst of ringback: sure when nothing follows at once.
void ToneDetector::judge_pause(float power) {
  if (power > kDropMax * burst_power_ && static_cast<float>(frames_) - burst_ended_ > 2) burst_may_ring_ = false;
  if (!burst_may_ring_ || static_cast<float>(frames_) - burst_ended_ < 30) return;
  burst_may_ring_ = false;
  report(ToneKind::kRingback, burst_hz_, burst_began_);
}

void ToneDetector::report(ToneKind kind, float hz, float began) {
  const auto frames = static_cast<std::int64_t>(std::max(began, 0.0F));
  news_ = ToneHeard{.kind = kind, .hz = hz, .began = frames * kFrameTime, .at = frames_ * kFrameTime};
}

}  // namespace carillon::media
