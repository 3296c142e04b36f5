// One frame's spectrum by SIMD within the channel: 128 complex points (even samples real, odd ones imaginary) as 8 rows
// of 16 columns. Every pass works down columns, eight lanes of AVX2 and AVX-512 or four of SSE4 at a time, with one
// transposition between:
//
//   n = 16 n1 + n2, k = k1 + 8 k2:  X[k] = Σ_n2 W16^(n2 k2) · W128^(n2 k1) · Σ_n1 W8^(n1 k1) x[n]
//
// Compiled once per instruction set (foreach_target); see simd.h for why all come to the same bits.

#include "media/tone/analysis.h"

#include <cmath>
#include <cstddef>
#include <numbers>

#include "media/tone/analysis_tables.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "media/tone/analysis.cpp"
#include "media/simd.h"
// simd.h comes first: it names the instruction sets
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace carillon::media::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

using D = hn::CappedTag<float, 8>;
using V = hn::Vec<D>;
constexpr std::size_t kLanes = hn::MaxLanes(D());

struct Complex {
  V re, im;
};
struct Four {
  Complex x[4];
};
struct Points {
  alignas(64) float re[128], im[128];

  Complex at(std::size_t i) const { return {hn::LoadU(D(), re + i), hn::LoadU(D(), im + i)}; }
  void put(std::size_t i, const Complex& value) {
    hn::StoreU(value.re, D(), re + i);
    hn::StoreU(value.im, D(), im + i);
  }
};

HWY_INLINE Complex add(const Complex& a, const Complex& b) { return {hn::Add(a.re, b.re), hn::Add(a.im, b.im)}; }
HWY_INLINE Complex sub(const Complex& a, const Complex& b) { return {hn::Sub(a.re, b.re), hn::Sub(a.im, b.im)}; }
HWY_INLINE Complex add_i(const Complex& a, const Complex& b) { return {hn::Sub(a.re, b.im), hn::Add(a.im, b.re)}; }
HWY_INLINE Complex sub_i(const Complex& a, const Complex& b) { return {hn::Add(a.re, b.im), hn::Sub(a.im, b.re)}; }
HWY_INLINE Complex mul(const Complex& a, V re, V im) {
  return {hn::Sub(hn::Mul(a.re, re), hn::Mul(a.im, im)), hn::Add(hn::Mul(a.re, im), hn::Mul(a.im, re))};
}

HWY_INLINE V square_of(const Complex& a) { return hn::Add(hn::Mul(a.re, a.re), hn::Mul(a.im, a.im)); }

HWY_INLINE Four dft4(const Complex& a, const Complex& b, const Complex& c, const Complex& d) {
  const Complex ac = add(a, c), a_c = sub(a, c), bd = add(b, d), b_d = sub(b, d);
  return {{add(ac, bd), sub_i(a_c, b_d), sub(ac, bd), add_i(a_c, b_d)}};
}

// Points n .. n + lanes under the window.
HWY_INLINE Complex windowed(const AnalysisTables& tables, const std::int16_t* samples, std::size_t n) {
  const D d;
  const hn::RebindToSigned<D> ints;
#if HWY_TARGET == HWY_SCALAR
  const auto even = hn::Set(ints, samples[0]), odd = hn::Set(ints, samples[1]);
#else
  const auto pairs = hn::BitCast(ints, hn::LoadU(hn::Repartition<std::int16_t, decltype(ints)>(), samples));
  const auto even = hn::ShiftRight<16>(hn::ShiftLeft<16>(pairs)), odd = hn::ShiftRight<16>(pairs);
#endif
  return {hn::Mul(hn::ConvertTo(d, even), hn::Load(d, tables.even + n)),
          hn::Mul(hn::ConvertTo(d, odd), hn::Load(d, tables.odd + n))};
}

// Eight rows of `kLanes` columns become that many rows of eight.
#if HWY_TARGET == HWY_SCALAR
HWY_INLINE void store_turned(V a, V b, V c, V d, V e, V f, V g, V h, float* to) {
  const V rows[8] = {a, b, c, d, e, f, g, h};
  for (std::size_t i = 0; i < 8; ++i) to[i] = hn::GetLane(rows[i]);
}
#else
struct Turned {
  V x[4];
};
HWY_INLINE Turned turned(V a, V b, V c, V d) {  // 4 × 4 in each block of 128 bits
  const D floats;
  const hn::Repartition<double, D> halves;
  const auto ab_low = hn::BitCast(halves, hn::InterleaveLower(floats, a, b));
  const auto cd_low = hn::BitCast(halves, hn::InterleaveLower(floats, c, d));
  const auto ab_high = hn::BitCast(halves, hn::InterleaveUpper(floats, a, b));
  const auto cd_high = hn::BitCast(halves, hn::InterleaveUpper(floats, c, d));
  return {{hn::BitCast(floats, hn::InterleaveLower(halves, ab_low, cd_low)),
           hn::BitCast(floats, hn::InterleaveUpper(halves, ab_low, cd_low)),
           hn::BitCast(floats, hn::InterleaveLower(halves, ab_high, cd_high)),
           hn::BitCast(floats, hn::InterleaveUpper(halves, ab_high, cd_high))}};
}
HWY_INLINE void store_turned(V a, V b, V c, V d, V e, V f, V g, V h, float* to) {
  const D floats;
  const Turned low = turned(a, b, c, d), high = turned(e, f, g, h);
  for (std::size_t i = 0; i < 4; ++i) {
    if constexpr (kLanes == 8) {
      hn::Store(hn::ConcatLowerLower(floats, high.x[i], low.x[i]), floats, to + 8 * i);
      hn::Store(hn::ConcatUpperUpper(floats, high.x[i], low.x[i]), floats, to + 8 * i + 32);
    } else {
      hn::Store(low.x[i], floats, to + 8 * i);
      hn::Store(high.x[i], floats, to + 8 * i + 4);
    }
  }
}
#endif

HWY_INLINE Complex turned_by(const AnalysisTables& tables, const Complex& value, std::size_t k1, std::size_t n2) {
  return mul(value, hn::Load(D(), tables.turn_re[k1] + n2), hn::Load(D(), tables.turn_im[k1] + n2));
}

// Down the columns: 8 points each, turned by W128^(n2 k1). Leaves columns as rows: to[8 n2 + k1].
HWY_INLINE void columns_of_8(const AnalysisTables& tables, const std::int16_t* before, const std::int16_t* frame,
                             Points& to) {
  const D d;
  const V half_root = hn::Set(d, std::numbers::sqrt2_v<float> / 2);
  for (std::size_t n2 = 0; n2 < 16; n2 += kLanes) {
    const std::int16_t* old = before + 2 * n2;
    const std::int16_t* now = frame + 2 * n2;
    const Four even = dft4(windowed(tables, old, n2), windowed(tables, old + 64, n2 + 32),
                           windowed(tables, now + 32, n2 + 64), windowed(tables, now + 96, n2 + 96));
    const Four odd = dft4(windowed(tables, old + 32, n2 + 16), windowed(tables, now, n2 + 48),
                          windowed(tables, now + 64, n2 + 80), windowed(tables, now + 128, n2 + 112));
    // w1 = W8 o1, w3 = -W8³ o3
    const Complex& o1 = odd.x[1];
    const Complex& o3 = odd.x[3];
    const Complex w1 = {hn::Mul(hn::Add(o1.re, o1.im), half_root), hn::Mul(hn::Sub(o1.im, o1.re), half_root)};
    const Complex w3 = {hn::Mul(hn::Sub(o3.re, o3.im), half_root), hn::Mul(hn::Add(o3.im, o3.re), half_root)};
    const Complex x0 = add(even.x[0], odd.x[0]);
    const Complex x1 = turned_by(tables, add(even.x[1], w1), 1, n2);
    const Complex x2 = turned_by(tables, sub_i(even.x[2], odd.x[2]), 2, n2);
    const Complex x3 = turned_by(tables, sub(even.x[3], w3), 3, n2);
    const Complex x4 = turned_by(tables, sub(even.x[0], odd.x[0]), 4, n2);
    const Complex x5 = turned_by(tables, sub(even.x[1], w1), 5, n2);
    const Complex x6 = turned_by(tables, add_i(even.x[2], odd.x[2]), 6, n2);
    const Complex x7 = turned_by(tables, add(even.x[3], w3), 7, n2);
    store_turned(x0.re, x1.re, x2.re, x3.re, x4.re, x5.re, x6.re, x7.re, to.re + 8 * n2);
    store_turned(x0.im, x1.im, x2.im, x3.im, x4.im, x5.im, x6.im, x7.im, to.im + 8 * n2);
  }
}

// exp(-2πi q r / 16), r = 1..3
constexpr float kC1 = 0.92387953F, kC2 = 0.70710678F, kC3 = 0.38268343F;
constexpr float kTurn16Re[4][3] = {{1, 1, 1}, {kC1, kC2, kC3}, {kC2, 0, -kC2}, {kC3, -kC2, -kC1}};
constexpr float kTurn16Im[4][3] = {{0, 0, 0}, {-kC3, -kC2, -kC1}, {-kC2, -1, -kC2}, {-kC1, -kC2, kC3}};

// Down the columns again, 16 points each as 4 × 4: x is used up, y in the order of k.
HWY_INLINE void columns_of_16(Points& x, Points& y) {
  const D d;
  for (std::size_t k1 = 0; k1 < 8; k1 += kLanes) {
#pragma GCC unroll 4
    for (std::size_t q = 0; q < 4; ++q) {
      const std::size_t at = 8 * q + k1;
      const Four f = dft4(x.at(at), x.at(at + 32), x.at(at + 64), x.at(at + 96));
      x.put(at, f.x[0]);
#pragma GCC unroll 4
      for (std::size_t r = 1; r < 4; ++r)
        x.put(at + 32 * r, mul(f.x[r], hn::Set(d, kTurn16Re[q][r - 1]), hn::Set(d, kTurn16Im[q][r - 1])));
    }
#pragma GCC unroll 4
    for (std::size_t r = 0; r < 4; ++r) {
      const std::size_t from = 32 * r + k1, to = 8 * r + k1;
      const Four f = dft4(x.at(from), x.at(from + 8), x.at(from + 16), x.at(from + 24));
#pragma GCC unroll 4
      for (std::size_t s = 0; s < 4; ++s) y.put(to + 32 * s, f.x[s]);
    }
  }
}

// X[k] = E + w O with E = (Z[k] + Z*[128-k]) / 2, O = -i (Z[k] - Z*[128-k]) / 2; X[128-k] = (E - w O)*.
HWY_INLINE void powers(const AnalysisTables& tables, const Points& z, float* power) {
  const D d;
  const V quarter = hn::Set(d, 0.25F);
  power[0] = (z.re[0] + z.im[0]) * (z.re[0] + z.im[0]);
  for (std::size_t k = 1; k <= 64; k += kLanes) {
    const std::size_t mirror = 129 - kLanes - k;
    const Complex a = z.at(k);
    const Complex b = {hn::Reverse(d, hn::LoadU(d, z.re + mirror)), hn::Reverse(d, hn::LoadU(d, z.im + mirror))};
    const Complex e = {hn::Add(a.re, b.re), hn::Sub(a.im, b.im)};
    const Complex o = mul({hn::Add(a.im, b.im), hn::Sub(b.re, a.re)}, hn::LoadU(d, tables.last_re + k),
                          hn::LoadU(d, tables.last_im + k));
    hn::StoreU(hn::Mul(square_of(add(e, o)), quarter), d, power + k);
    hn::StoreU(hn::Reverse(d, hn::Mul(square_of(sub(e, o)), quarter)), d, power + mirror);
  }
}

void power_of(const AnalysisTables& tables, const std::int16_t* before, const std::int16_t* frame, float* power) {
  Points x, z;
  columns_of_8(tables, before, frame, x);
  columns_of_16(x, z);
  powers(tables, z, power);
}

HWY_INLINE Energy energy_in(const std::int16_t* frame) {
  const hn::ScalableTag<std::int16_t> d;
  const hn::RepartitionToWide<decltype(d)> wide;
  const hn::RebindToUnsigned<decltype(wide)> words;
  const auto one = hn::Set(d, 1);
  auto sum = hn::Zero(wide), unused = hn::Zero(wide);
  auto low = hn::Zero(words), high = hn::Zero(words);  // halves of the squares: no lane can overflow
  for (std::size_t i = 0; i < kFrameSamples; i += hn::Lanes(d)) {
    const auto samples = hn::LoadU(d, frame + i);
    sum = hn::ReorderWidenMulAccumulate(wide, samples, one, sum, unused);
    const auto squares =
        hn::BitCast(words, hn::ReorderWidenMulAccumulate(wide, samples, samples, hn::Zero(wide), unused));
    low = hn::Add(low, hn::And(squares, hn::Set(words, 0xFFFF)));
    high = hn::Add(high, hn::ShiftRight<16>(squares));
  }
  const auto upper = static_cast<std::int64_t>(hn::GetLane(hn::SumOfLanes(words, high)));
  return {.squares = upper * 65536 + static_cast<std::int64_t>(hn::GetLane(hn::SumOfLanes(words, low))),
          .sum = hn::GetLane(hn::SumOfLanes(wide, sum))};
}

constexpr float kBins = 128;
constexpr std::size_t kFirst = kBandFirst, kBand = kBandLast - kBandFirst + 1;
static_assert(kBand % 8 == 0);

HWY_INLINE float band_of(const float* power) {
  const D d;
  V part[8 / kLanes];
  for (std::size_t i = 0; i < 8 / kLanes; ++i) part[i] = hn::Zero(d);
#pragma GCC unroll 13
  for (std::size_t k = kFirst; k < kFirst + kBand; k += 8)
    for (std::size_t i = 0; i < 8 / kLanes; ++i) part[i] = hn::Add(part[i], hn::LoadU(d, power + k + i * kLanes));
  HWY_ALIGN float p[8];
  for (std::size_t i = 0; i < 8 / kLanes; ++i) hn::Store(part[i], d, p + i * kLanes);
  return ((p[0] + p[1]) + (p[2] + p[3])) + ((p[4] + p[5]) + (p[6] + p[7]));
}

// The strongest bin of the band that is at least four away from `other` (the lowest of equals); 0: all are silent.
// First how strong, then where: comparing both at once is one long chain of dependent steps.
HWY_INLINE std::size_t strongest(const float* power, float other) {
  const D d;
  const V away = hn::Set(d, other), gap = hn::Set(d, 4), step = hn::Set(d, static_cast<float>(kLanes));
  const V none = hn::Set(d, kBins);
  V bin = hn::Iota(d, static_cast<float>(kFirst)), best = hn::Zero(d);
#pragma GCC unroll 13
  for (std::size_t k = kFirst; k < kFirst + kBand; k += kLanes, bin = hn::Add(bin, step)) {
    const auto is_away = hn::Ge(hn::Abs(hn::Sub(bin, away)), gap);
    best = hn::Max(best, hn::IfThenElseZero(is_away, hn::LoadU(d, power + k)));
  }
  best = hn::MaxOfLanes(d, best);
  if (hn::GetLane(best) == 0) return 0;
  bin = hn::Iota(d, static_cast<float>(kFirst));
  V lowest = none;
#pragma GCC unroll 13
  for (std::size_t k = kFirst; k < kFirst + kBand; k += kLanes, bin = hn::Add(bin, step)) {
    const auto is_away = hn::Ge(hn::Abs(hn::Sub(bin, away)), gap);
    const auto is_best = hn::And(hn::Eq(hn::LoadU(d, power + k), best), is_away);
    lowest = hn::Min(lowest, hn::IfThenElse(is_best, bin, none));
  }
  return static_cast<std::size_t>(hn::GetLane(hn::MinOfLanes(d, lowest)));
}

HWY_INLINE Peak peak_at(const float* power, std::size_t bin) {
  float sum = 0, moment = 0;
#pragma GCC unroll 5
  for (std::size_t i = bin - 2; i <= bin + 2; ++i) {
    sum += power[i];
    moment += power[i] * static_cast<float>(i);
  }
  return {.hz = moment / sum * kBinHz, .power = sum};
}

void analysis_of(const AnalysisTables& tables, const std::int16_t* before, const std::int16_t* frame,
                 Analysis* analysis) {
  alignas(64) float power[128];
  power_of(tables, before, frame, power);
  analysis->energy = energy_in(frame);
  analysis->band = band_of(power);
  analysis->first = analysis->second = {};
  const std::size_t first = strongest(power, -1000);
  if (first == 0) return;
  analysis->first = peak_at(power, first);
  const std::size_t second = strongest(power, static_cast<float>(first));
  if (second != 0) analysis->second = peak_at(power, second);
}

void energy_of_frame(const std::int16_t* frame, Energy* energy) { *energy = energy_in(frame); }

}  // namespace
}  // namespace carillon::media::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace carillon::media {
namespace {

HWY_EXPORT(power_of);
HWY_EXPORT(analysis_of);
HWY_EXPORT(energy_of_frame);

const AnalysisTables kTables;  // written once before main, read only

}  // namespace

Energy energy_of(FrameView frame) {
  Energy energy;
  HWY_DYNAMIC_DISPATCH(energy_of_frame)(frame.data(), &energy);
  return energy;
}

Analysis analyse(BeforeView before, FrameView frame) {
  Analysis analysis;
  HWY_DYNAMIC_DISPATCH(analysis_of)(kTables, before.data(), frame.data(), &analysis);
  return analysis;
}

void power_of_256(BeforeView before, FrameView frame, std::span<float, 128> power) {
  HWY_DYNAMIC_DISPATCH(power_of)(kTables, before.data(), frame.data(), power.data());
}

}  // namespace carillon::media
#endif
