#pragma once

#include <array>
#include <cstdint>

#include "media/frame.h"

namespace carillon::media {

/// What the newest 32 ms sound like: the front end that tone and speech detection share.
struct Spectrum {
  static constexpr int kBins = 128;  ///< of 31.25 Hz
  static constexpr float kBinHz = 31.25F;

  float level_dbm0 = -90;            ///< of the frame's own 160 samples, DC removed; -90 at least
  float band_dbm0 = -90;             ///< 200..3,400 Hz of the window
  float peak_hz = 0;                 ///< strongest peak in the band, centre of gravity of five bins
  float second_hz = 0;               ///< strongest peak at least four bins away
  float peak_share = 0;              ///< share of the band's power within two bins of the strongest peak, 0..1
  float second_share = 0;            ///< the same for the second
  std::array<float, kBins> power{};  ///< |X|² per bin, Hann window over 256 samples
};

/// Frames to spectra: 256-point real transform over the newest 256 samples. About 0.5 µs; no allocation; 1.6 KiB.
class SpectrumMeter {
 public:
  const Spectrum& feed(FrameView frame);
  const Spectrum& last() const { return spectrum_; }

 private:
  void find_peaks();

  alignas(16) std::array<float, 256> history_{};
  Spectrum spectrum_;
};

/// Level of a mean square of 16-bit samples. A sine that just reaches full scale has +3.14 dBm0 (G.711).
float dbm0_of(float mean_square);

}  // namespace carillon::media
