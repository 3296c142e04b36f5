#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "media/frame.h"
#include "media/prompt/prompt.h"

namespace carillon::media {

enum class Tone : std::uint8_t { kRingback, kBusy, kCongestion, kSit, kCng, kCed, kBeep };

/// One piece of a cadence: up to three frequencies sounding together, or none (a pause).
struct ToneStep {
  std::array<std::uint16_t, 3> hz{};
  std::uint16_t ms = 0;
};

/// A tone as data: steps in order, over and over or once.
struct ToneSpec {
  std::array<ToneStep, 6> steps{};  ///< the first with ms 0 ends the list
  bool repeats = false;
  float level_dbm0 = -13;  ///< of each frequency alone
};

/// Supervisory tones of one country or region (ITU-T E.180 supplement 2).
struct NationalPlan {
  std::string_view name;  ///< ISO 3166 code, "EU" for ETSI's 425 Hz
  ToneSpec ringback, busy, congestion;
};
/// All known plans; the first is "US".
std::span<const NationalPlan> national_plans();
/// By name; "US" for one that is unknown.
const NationalPlan& national_plan(std::string_view name);

/// The cadence of a tone. SIT, CNG, CED and beep are the same in every plan.
ToneSpec tone_spec(Tone tone, const NationalPlan& plan);
/// One digit (ITU-T Q.23: 0-9 * # A-D) once: `on` ms of tone, `off` ms of pause. Anything else: silence.
ToneSpec digit_spec(char digit, std::uint16_t on = 100, std::uint16_t off = 100);

/// Makes the samples of a ToneSpec. Phase runs on over frames and over pauses, steps change at the exact sample.
/// Cost: one sine per sounding frequency and sample; no allocation.
class ToneGenerator {
 public:
  explicit ToneGenerator(const ToneSpec& spec) : spec_(spec) {}
  /// Fills 20 ms. False when the spec was over before the first sample: silence was filled.
  bool fill(FrameSpan out);

 private:
  std::int16_t next();

  ToneSpec spec_;
  std::uint64_t at_ = 0;  // samples since the start: the phase of every frequency
  std::size_t step_ = 0;
  std::uint32_t in_step_ = 0;  // samples into the step
  bool over_ = false;
};

/// One whole period of a repeating tone (or the whole of a single one), encoded, so that tones leave by reference too:
/// play it in a loop. Whole frames: the seam falls between two samples of the cadence, without a click.
Prompt tone_prompt(const ToneSpec& spec);

}  // namespace carillon::media
