#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
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

/// A pure tone that has been going on without a break: one frequency, or two.
struct ToneTrack {
  std::uint32_t frames = 0;       ///< 0: none now
  float hz = 0;                   ///< centre of gravity, mean over the track
  float low_hz = 0, high_hz = 0;  ///< of a dual tone; 0 while single
  float share = 0;                ///< mean share of the band's power in the two strongest peaks
  float wander_hz = 0;            ///< mean step of the frequency per frame, a steady drift taken out
  float drift_hz = 0;             ///< from the first frame to the newest
  float level_dbm0 = -90;         ///< mean
};

/// Call-progress tones by pitch and cadence: pure tones are followed as tracks, and their on and off times are compared
/// with the national plans of the generator (frequency ± 1.5 % or 8 Hz, times ± 12 % or 25 ms).
///
/// Ringback is sure when a burst of a plan's length was followed by 0.6 s of pause, or when pause and burst fit; busy
/// and congestion when a burst and the pause before it fit; SIT 0.1 s into its third tone; CNG when 0.5 s of 1100 Hz
/// have ended; CED (ANSam too) after 0.5 s of 2100 Hz. A first burst that was cut at the beginning may be shorter.
/// Where plans disagree (200 ms on and off is busy in Spain and congestion elsewhere) the earlier plan wins.
/// Cost: some tens of nanoseconds beside the spectrum; no allocation; below 256 bytes.
class ToneDetector {
 public:
  void feed(const Spectrum& spectrum);
  /// A frame that never came: a track in progress is taken to have gone on.
  void feed_lost();
  /// News since last asked.
  std::optional<ToneHeard> news();

  /// The track now sounding; `frames` 0: none.
  const ToneTrack& track() const { return track_; }
  /// The track that ended last.
  const ToneTrack& ended() const { return ended_; }
  /// Frames since `ended()` ended.
  std::uint32_t since_ended() const { return frames_ - ended_frame_; }

 private:
  struct Pitch {
    float hz, share, power;
    bool is_dual;
  };
  static Pitch pitch_of(const Spectrum& spectrum);
  void begin(const Spectrum& spectrum, const Pitch& pitch);
  void go_on(const Spectrum& spectrum, const Pitch& pitch);
  void end(float next_power);
  void judge_burst(float on, float off_before, bool is_first);
  void judge_sounding();
  void judge_pause(float power);
  void report(ToneKind kind, float hz, float began);

  std::uint32_t frames_ = 0, ended_frame_ = 0;
  std::uint32_t gap_ = 0;  // frames in the track that did not fit: one is forgiven
  float gap_power_ = 0;    // level of the first of them, as power
  ToneTrack track_, ended_;
  float first_hz_ = 0, last_hz_ = 0;
  float frame_power_ = 0;                     // of the frame before this one
  float before_power_ = 0, first_power_ = 0;  // of the frame before the track, and of its first
  float power_sum_ = 0, low_sum_ = 0, high_sum_ = 0, hz_sum_ = 0, share_sum_ = 0, wander_sum_ = 0;
  std::uint32_t counted_ = 0, levels_ = 0, dual_ = 0;  // frames in hz_sum_, in power_sum_, in low_sum_
  float began_ = 0;                                    // frames, with fraction, of the track
  float burst_began_ = 0, burst_ended_ = -1;           // of the last burst long enough to count; -1: none yet
  float burst_hz_ = 0, burst_power_ = 0;
  bool burst_may_ring_ = false, track_told_ = false;
  std::uint8_t sit_step_ = 0;  // tones of SIT heard in order
  std::optional<ToneHeard> news_;
};

/// In-band digits (ITU-T Q.23, Q.24) by SpanDSP's receiver.
/// Cost: about 1.3 µs per frame whatever it hears; no allocation.
class DigitDetector {
 public:
  DigitDetector();

  void feed(FrameView frame);
  void feed_lost();
  /// The next digit heard since last asked ('0'-'9' '*' '#' 'A'-'D'), in order; 0: none. Up to 128 wait.
  char news();

 private:
  alignas(16) std::array<std::byte, 512> state_;  // dtmf_rx_state_t: SpanDSP's header stays out of ours
};

}  // namespace carillon::media
