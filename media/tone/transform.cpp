#include "media/tone/transform.h"

#include <cmath>
#include <cstring>
#include <numbers>

namespace carillon::media {
namespace {

constexpr int kPoints = 128, kHalf = kPoints / 2, kStages = 7;

using Lanes = float __attribute__((vector_size(16)));  // GCC and clang: four floats on every x86-64

Lanes load(const float* from) {
  Lanes lanes;
  std::memcpy(&lanes, from, sizeof lanes);
  return lanes;
}
void store(float* to, Lanes lanes) { std::memcpy(to, &lanes, sizeof lanes); }
Lanes reversed(Lanes lanes) { return __builtin_shufflevector(lanes, lanes, 3, 2, 1, 0); }

// Stage s works with stride 2^s: butterfly j multiplies by exp(-2πi p / n), p = j >> s, n = 128 >> s.
struct Twiddles {
  float re[kStages][kHalf], im[kStages][kHalf];
  float last_re[kPoints], last_im[kPoints];  // exp(-2πi k / 256): from 128 complex points to 256 real ones

  Twiddles() {
    for (int stage = 0; stage < kStages; ++stage)
      for (int j = 0; j < kHalf; ++j) {
        const double turn = -2 * std::numbers::pi * (j >> stage) / (kPoints >> stage);
        re[stage][j] = static_cast<float>(std::cos(turn));
        im[stage][j] = static_cast<float>(std::sin(turn));
      }
    for (int k = 0; k < kPoints; ++k) {
      const double turn = -std::numbers::pi * k / kPoints;
      last_re[k] = static_cast<float>(std::cos(turn));
      last_im[k] = static_cast<float>(std::sin(turn));
    }
  }
};
const Twiddles kTwiddles;  // written once before main, read only

struct Complexes {
  alignas(16) float re[kPoints];
  alignas(16) float im[kPoints];
};

// y[j + s p] = a + b, y[j + s p + s] = (a - b) w, with s = 2^stage: for s of 1 and 2 the lanes are interleaved.
template <int kStage>
void stage(const Complexes& x, Complexes& y) {
  constexpr int kStride = 1 << kStage;
  for (int j = 0; j < kHalf; j += 4) {
    const Lanes a_re = load(x.re + j), a_im = load(x.im + j);
    const Lanes b_re = load(x.re + j + kHalf), b_im = load(x.im + j + kHalf);
    const Lanes w_re = load(kTwiddles.re[kStage] + j), w_im = load(kTwiddles.im[kStage] + j);
    const Lanes sum_re = a_re + b_re, sum_im = a_im + b_im;
    const Lanes d_re = a_re - b_re, d_im = a_im - b_im;
    const Lanes turned_re = d_re * w_re - d_im * w_im, turned_im = d_re * w_im + d_im * w_re;
    if constexpr (kStride == 1) {
      store(y.re + 2 * j, __builtin_shufflevector(sum_re, turned_re, 0, 4, 1, 5));
      store(y.re + 2 * j + 4, __builtin_shufflevector(sum_re, turned_re, 2, 6, 3, 7));
      store(y.im + 2 * j, __builtin_shufflevector(sum_im, turned_im, 0, 4, 1, 5));
      store(y.im + 2 * j + 4, __builtin_shufflevector(sum_im, turned_im, 2, 6, 3, 7));
    } else if constexpr (kStride == 2) {
      store(y.re + 2 * j, __builtin_shufflevector(sum_re, turned_re, 0, 1, 4, 5));
      store(y.re + 2 * j + 4, __builtin_shufflevector(sum_re, turned_re, 2, 3, 6, 7));
      store(y.im + 2 * j, __builtin_shufflevector(sum_im, turned_im, 0, 1, 4, 5));
      store(y.im + 2 * j + 4, __builtin_shufflevector(sum_im, turned_im, 2, 3, 6, 7));
    } else {
      const int to = j + (j >> kStage) * kStride;
      store(y.re + to, sum_re);
      store(y.im + to, sum_im);
      store(y.re + to + kStride, turned_re);
      store(y.im + to + kStride, turned_im);
    }
  }
}

}  // namespace

void power_of_256(std::span<const float, 256> samples, std::span<float, 128> power) {
  Complexes x, y;
  for (int k = 0; k < kPoints; k += 4) {  // even samples are the real parts, odd ones the imaginary
    const Lanes low = load(samples.data() + 2 * k), high = load(samples.data() + 2 * k + 4);
    store(x.re + k, __builtin_shufflevector(low, high, 0, 2, 4, 6));
    store(x.im + k, __builtin_shufflevector(low, high, 1, 3, 5, 7));
  }
  stage<0>(x, y);
  stage<1>(y, x);
  stage<2>(x, y);
  stage<3>(y, x);
  stage<4>(x, y);
  stage<5>(y, x);
  stage<6>(x, y);

  // X[k] = E + w O with E = (Z[k] + Z*[128-k]) / 2, O = -i (Z[k] - Z*[128-k]) / 2; X[128-k] = (E - w O)*.
  power[0] = (y.re[0] + y.im[0]) * (y.re[0] + y.im[0]);
  for (int k = 1; k <= 61; k += 4) {
    const Lanes z_re = load(y.re + k), z_im = load(y.im + k);
    const Lanes m_re = reversed(load(y.re + kPoints - 3 - k)), m_im = reversed(load(y.im + kPoints - 3 - k));
    const Lanes e_re = z_re + m_re, e_im = z_im - m_im;
    const Lanes o_re = z_im + m_im, o_im = m_re - z_re;
    const Lanes w_re = load(kTwiddles.last_re + k), w_im = load(kTwiddles.last_im + k);
    const Lanes b_re = o_re * w_re - o_im * w_im, b_im = o_re * w_im + o_im * w_re;
    const Lanes both = e_re * e_re + e_im * e_im + b_re * b_re + b_im * b_im;
    const Lanes cross = 2 * (e_re * b_re + e_im * b_im);
    store(power.data() + k, (both + cross) * 0.25F);
    store(power.data() + kPoints - 3 - k, reversed((both - cross) * 0.25F));
  }
}

}  // namespace carillon::media
