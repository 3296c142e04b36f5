#pragma once
// Constants of the transform in analysis.cpp, in the order in which its loops read them.

#include <cmath>
#include <numbers>

namespace carillon::media {

struct AnalysisTables {
  alignas(64) float even[128], odd[128];             // Hann window over 256 samples: of the even ones, of the odd ones
  alignas(64) float turn_re[8][16], turn_im[8][16];  // exp(-2πi k1 n2 / 128)
  alignas(64) float last_re[128], last_im[128];      // exp(-2πi k / 256): from 128 complex points to 256 real ones

  AnalysisTables() {
    using std::numbers::pi;
    for (int n = 0; n < 128; ++n) {
      even[n] = static_cast<float>(0.5 - 0.5 * std::cos(2 * pi * (2 * n) / 256));
      odd[n] = static_cast<float>(0.5 - 0.5 * std::cos(2 * pi * (2 * n + 1) / 256));
      last_re[n] = static_cast<float>(std::cos(-pi * n / 128));
      last_im[n] = static_cast<float>(std::sin(-pi * n / 128));
    }
    for (int k1 = 0; k1 < 8; ++k1)
      for (int n2 = 0; n2 < 16; ++n2) {
        turn_re[k1][n2] = static_cast<float>(std::cos(-2 * pi * k1 * n2 / 128));
        turn_im[k1][n2] = static_cast<float>(std::sin(-2 * pi * k1 * n2 / 128));
      }
  }
};

}  // namespace carillon::media
