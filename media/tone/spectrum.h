#pragma once

#include <array>
#include <cstdint>

#include "media/frame.h"

namespace carillon::media {

/// What one 20 ms frame sounds like: the front end that tone and speech detection share.
struct Spectrum {
  static constexpr int kBins = 128;  ///< of 31.25 Hz
  static constexpr float kBinHz = 31.25F;

  float level_dbm0 = -90;            ///< of the frame's 160 samples, DC removed
  float peak_hz = 0;                 ///< strongest peak, interpolated
  float second_hz = 0;               ///< strongest peak elsewhere; 0: none above 1 % of the first
  float peak_share = 0;              ///< share of the window's power within two bins of the strongest peak, 0..1
  float second_share = 0;            ///< the same for the second
  std::array<float, kBins> power{};  ///< per bin, |X|², Hann window
};

/// Frames to spectra: 256-point real transform over the newest 256 samples, Hann window. About 1 µs; no allocation.
class SpectrumMeter {
 public:
  SpectrumMeter();
  const Spectrum& feed(FrameView frame);
  const Spectrum& last() const { return spectrum_; }

 private:
  std::array<float, 256> history_{};
  Spectrum spectrum_;
};

}  // namespace carillon::media
