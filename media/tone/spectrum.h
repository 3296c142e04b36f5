#pragma once

#include <array>
#include <cstdint>

#include "media/frame.h"
#include "media/tone/analysis.h"

namespace carillon::media {

/// What the newest 32 ms sound like: the front end that tone and speech detection share.
struct Spectrum {
  float level_dbm0 = -90;  ///< of the frame's own 160 samples, DC removed; -90 at least
  float mean_square = 0;   ///< what level_dbm0 is the level of; 0.25 at least
  float band_dbm0 = -90;   ///< 200..3,400 Hz of the window
  float peak_hz = 0;       ///< strongest peak in the band, centre of gravity of five bins
  float second_hz = 0;     ///< strongest peak at least four bins away
  float peak_share = 0;    ///< share of the band's power within two bins of the strongest peak, 0..1
  float second_share = 0;  ///< the same for the second
};

/// Frames to spectra. Remembers 96 samples: 192 bytes. Cost: `analyse`; no allocation.
class SpectrumMeter {
 public:
  Spectrum feed(FrameView frame);

 private:
  alignas(64) std::array<std::int16_t, kSamplesBefore> before_{};
};

/// Level of a mean square of 16-bit samples. A sine that just reaches full scale has +3.14 dBm0 (G.711).
float dbm0_of(float mean_square);

}  // namespace carillon::media
