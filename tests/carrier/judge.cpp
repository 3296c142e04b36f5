// Method: message and heard sound are brought to 2 kHz. Three anchors of 0.75 s (the loudest of each third of the
// message) are slid over the heard sound; each peak says where the message would begin. Each such place is refined at
// 8 kHz, and then every 200 ms window of the message is compared there. Partial playings are found by whichever anchor
// was heard.

#include "tests/carrier/judge.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <optional>

namespace carillon::carrier {
namespace {

constexpr std::size_t kDown = 4;       // 8 kHz → 2 kHz
constexpr std::size_t kAnchor = 1500;  // 0.75 s at 2 kHz
constexpr std::size_t kWindow = 1600;  // 200 ms at 8 kHz
constexpr std::ptrdiff_t kDrift = 4;   // samples a window may lie off, each side
constexpr double kPeak = 0.5, kHeard = 0.7;
constexpr double kQuiet = 100.0 * 100.0;     // mean square below which a window holds no sound, about -50 dBm0
constexpr std::size_t kNeighbourhood = 600;  // 0.3 s at 2 kHz: one peak each

using Floats = std::vector<float>;

// -O3 -ffast-math for this file (CMakeLists.txt) turns this into SIMD.
float dot(const float* a, const float* b, std::size_t count) {
  float sum = 0;
  for (std::size_t i = 0; i < count; ++i) sum += a[i] * b[i];
  return sum;
}

Floats to_floats(std::span<const std::int16_t> samples) { return {samples.begin(), samples.end()}; }

// Low-pass (Hann of 16) and every fourth sample.
Floats down(const Floats& in) {
  constexpr std::size_t kTaps = 16;
  std::array<float, kTaps> taps;
  for (std::size_t i = 0; i < kTaps; ++i)
    taps[i] = static_cast<float>((1 - std::cos(2 * std::numbers::pi * (static_cast<double>(i) + 0.5) / kTaps)) / kTaps);
  Floats out;
  for (std::size_t at = 0; at + kTaps <= in.size(); at += kDown) out.push_back(dot(in.data() + at, taps.data(), kTaps));
  return out;
}

// Sums of squares up to each index, so that any stretch's energy is a difference.
std::vector<double> running_energy(const Floats& in) {
  std::vector<double> sums(in.size() + 1, 0);
  for (std::size_t i = 0; i < in.size(); ++i) sums[i + 1] = sums[i] + static_cast<double>(in[i]) * in[i];
  return sums;
}

double correlation(const Floats& a, std::size_t a_at, const Floats& b, std::size_t b_at, std::size_t count) {
  const double ab = dot(a.data() + a_at, b.data() + b_at, count);
  const double aa = dot(a.data() + a_at, a.data() + a_at, count);
  const double bb = dot(b.data() + b_at, b.data() + b_at, count);
  return aa > 0 && bb > 0 ? ab / std::sqrt(aa * bb) : 0;
}

// The loudest stretch of `length` between two indices.
std::size_t loudest(const std::vector<double>& energy, std::size_t from, std::size_t to, std::size_t length) {
  std::size_t best = from;
  for (std::size_t at = from; at + length <= to; at += 50)
    if (energy[at + length] - energy[at] > energy[best + length] - energy[best]) best = at;
  return best;
}

struct Heard {
  Floats full, low;
  std::vector<double> low_energy;
};

// Where peaks of one anchor put the message's first sample (8 kHz index, coarse).
void find_places(const Heard& heard, const Floats& low, std::size_t anchor_at, std::size_t length,
                 std::vector<std::ptrdiff_t>& places) {
  if (heard.low.size() < length) return;
  const float* anchor = low.data() + anchor_at;
  const double anchor_energy = dot(anchor, anchor, length);
  const double energy_min = kQuiet / 8 * static_cast<double>(length);
  if (anchor_energy < energy_min) return;
  double peak = 0;
  std::size_t peak_at = 0;
  const auto settle = [&] {
    if (peak > kPeak)
      places.push_back((static_cast<std::ptrdiff_t>(peak_at) - static_cast<std::ptrdiff_t>(anchor_at)) *
                       static_cast<std::ptrdiff_t>(kDown));
    peak = 0;
  };
  for (std::size_t at = 0; at + length <= heard.low.size(); ++at) {
    if (peak > 0 && at > peak_at + kNeighbourhood) settle();
    const double energy = heard.low_energy[at + length] - heard.low_energy[at];
    if (energy < energy_min / 16) continue;
    const double value = dot(heard.low.data() + at, anchor, length) / std::sqrt(energy * anchor_energy);
    if (value > peak) {
      peak = value;
      peak_at = at;
    }
  }
  settle();
}

// The best correlation of one window of the message within `reach` of its place; empty outside what was heard.
std::optional<std::pair<double, std::ptrdiff_t>> best_near(const Heard& heard, const Floats& message, std::size_t from,
                                                           std::size_t count, std::ptrdiff_t place,
                                                           std::ptrdiff_t reach) {
  std::optional<std::pair<double, std::ptrdiff_t>> best;
  for (std::ptrdiff_t off = -reach; off <= reach; ++off) {
    const std::ptrdiff_t at = place + static_cast<std::ptrdiff_t>(from) + off;
    if (at < 0 || at + static_cast<std::ptrdiff_t>(count) > static_cast<std::ptrdiff_t>(heard.full.size())) continue;
    const double value = correlation(heard.full, static_cast<std::size_t>(at), message, from, count);
    if (!best || value > best->first) best = {value, off};
  }
  return best;
}

Occurrence examine(const Heard& heard, const Floats& message, std::ptrdiff_t place) {
  Occurrence out;
  out.began = place;
  const std::size_t windows = message.size() / kWindow;
  std::size_t with_sound = 0, found = 0, missing = 0, longest = 0;
  bool first = true, last = true;
  for (std::size_t i = 0; i < windows; ++i) {
    const std::size_t from = i * kWindow;
    if (dot(message.data() + from, message.data() + from, kWindow) < kQuiet * kWindow) continue;
    ++with_sound;
    const auto best = best_near(heard, message, from, kWindow, place, kDrift);
    if (best && best->first >= kHeard) {
      ++found;
      missing = 0;
      continue;
    }
    longest = std::max(longest, ++missing);
    if (i < 5) first = false;
    if (i + 5 >= windows) last = false;
  }
  out.share = with_sound == 0 ? 0 : static_cast<double>(found) / static_cast<double>(with_sound);
  out.has_first_second = first && found > 0;
  out.has_last_second = last && found > 0;
  out.gap_max_ms = static_cast<std::int64_t>(longest) * 200;
  return out;
}

void find(const Heard& heard, const Expectation& expectation, std::vector<Occurrence>& out) {
  const Floats message = to_floats(expectation.samples);
  const Floats low = down(message);
  const std::size_t length = std::min(kAnchor, low.size());
  if (length < kWindow / kDown) return;  // under 200 ms: nothing to tell apart
  const auto energy = running_energy(low);
  std::vector<std::size_t> anchors;
  for (std::size_t third = 0; third < 3; ++third) {
    const std::size_t from = std::min(low.size() * third / 3, low.size() - length);
    anchors.push_back(loudest(energy, from, std::max(low.size() * (third + 1) / 3, from + length), length));
  }
  std::vector<std::ptrdiff_t> places;
  for (const std::size_t anchor : anchors) {
    const std::size_t before = places.size();
    find_places(heard, low, anchor, length, places);
    for (std::size_t i = before; i < places.size(); ++i)
      if (const auto best = best_near(heard, message, anchor * kDown, (length - 4) * kDown, places[i], 8))
        places[i] += best->second;
  }
  std::ranges::sort(places);
  std::vector<Occurrence> found;
  for (const auto place : places) {
    auto occurrence = examine(heard, message, place);
    if (occurrence.share < 0.05) continue;
    occurrence.name = expectation.name;
    // anchors agree within a few samples on the same playing
    if (!found.empty() && place - found.back().began < 400) {
      if (occurrence.share > found.back().share) found.back() = occurrence;
      continue;
    }
    found.push_back(occurrence);
  }
  out.insert(out.end(), found.begin(), found.end());
}

// Energy of one frequency in a window, as a share of all (Goertzel).
double share_at(const float* samples, std::size_t count, double hz, double energy) {
  const double w = 2 * std::numbers::pi * hz / 8000.0, k = 2 * std::cos(w);
  double s1 = 0, s2 = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const double s = samples[i] + k * s1 - s2;
    s2 = s1;
    s1 = s;
  }
  return 2 * (s1 * s1 + s2 * s2 - k * s1 * s2) / (static_cast<double>(count) * energy);
}

}  // namespace

std::vector<Occurrence> judge(std::span<const std::int16_t> samples, std::span<const Expectation> expected) {
  Heard heard{.full = to_floats(samples), .low = {}, .low_energy = {}};
  heard.low = down(heard.full);
  heard.low_energy = running_energy(heard.low);
  std::vector<Occurrence> out;
  for (const auto& expectation : expected) find(heard, expectation, out);
  std::ranges::sort(out, {}, &Occurrence::began);
  return out;
}

Duration ringback_time(std::span<const std::int16_t> samples) {
  const Floats heard = to_floats(samples);
  Duration total{0};
  for (std::size_t at = 0; at + kWindow <= heard.size(); at += kWindow) {
    const double energy = dot(heard.data() + at, heard.data() + at, kWindow);
    if (energy < kQuiet * 4 * kWindow) continue;
    const double pair =
        share_at(heard.data() + at, kWindow, 440, energy) + share_at(heard.data() + at, kWindow, 480, energy);
    double single = 0;
    for (const double hz : {400.0, 425.0, 440.0, 450.0})
      single = std::max(single, share_at(heard.data() + at, kWindow, hz, energy));
    if (pair > 0.8 || single > 0.8) total += 200ms;
  }
  return total;
}

}  // namespace carillon::carrier
