#include "tests/carrier/sound.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <fstream>
#include <iterator>
#include <numbers>

namespace carillon::carrier {
namespace {

constexpr double kFullScaleDbm0 = 3.14;  // a sine at the top of µ-law's range (ITU-T G.711)

double amplitude_of(double dbm0) { return 32124.0 * std::pow(10.0, (dbm0 - kFullScaleDbm0) / 20.0); }
std::int16_t clip(double value) { return static_cast<std::int16_t>(std::clamp(std::lround(value), -32768l, 32767l)); }
std::size_t samples_in(Duration length) {
  return static_cast<std::size_t>(std::chrono::duration_cast<std::chrono::microseconds>(length).count() / 125);
}

std::uint32_t little(std::span<const char> bytes, std::size_t at, int count) {
  std::uint32_t value = 0;
  for (int i = 0; i < count; ++i)
    value |= static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[at + static_cast<std::size_t>(i)])) << (8 * i);
  return value;
}

}  // namespace

// µ-law: sign, segment, four bits; bias 33 in 14-bit samples, here 132 in 16-bit ones.
std::uint8_t to_ulaw(std::int16_t sample) {
  const bool is_negative = sample < 0;
  const int magnitude = std::min(is_negative ? -static_cast<int>(sample) : sample, 32635) + 132;
  const int segment = static_cast<int>(std::bit_width(static_cast<unsigned>(magnitude))) - 8;
  const int code = (is_negative ? 0x80 : 0) | segment << 4 | (magnitude >> (segment + 3) & 0x0F);
  return static_cast<std::uint8_t>(~code);
}

std::int16_t from_ulaw(std::uint8_t code) {
  const int bits = static_cast<std::uint8_t>(~code);
  const int magnitude = (((bits & 0x0F) << 3) + 132) << (bits >> 4 & 7);
  return static_cast<std::int16_t>(bits & 0x80 ? 132 - magnitude : magnitude - 132);
}

// A-law: sign inverted, even bits inverted; first two segments linear.
std::uint8_t to_alaw(std::int16_t sample) {
  const bool is_negative = sample < 0;
  const int magnitude = std::min(is_negative ? -static_cast<int>(sample) - 1 : sample, 32767);
  const int segment = std::max(0, static_cast<int>(std::bit_width(static_cast<unsigned>(magnitude))) - 8);
  const int mantissa = magnitude >> (segment == 0 ? 4 : segment + 3) & 0x0F;
  return static_cast<std::uint8_t>(((is_negative ? 0 : 0x80) | segment << 4 | mantissa) ^ 0x55);
}

std::int16_t from_alaw(std::uint8_t code) {
  const int bits = code ^ 0x55;
  const int segment = bits >> 4 & 7;
  int magnitude = ((bits & 0x0F) << 4) + 8;
  if (segment != 0) magnitude = (magnitude + 0x100) << (segment - 1);
  return static_cast<std::int16_t>(bits & 0x80 ? magnitude : -magnitude);
}

SoundPtr encode(std::span<const std::int16_t> samples) {
  auto sound = std::make_shared<Sound>();
  sound->samples = samples.size();
  const std::size_t padded = (samples.size() + kFrame - 1) / kFrame * kFrame;
  sound->ulaw.assign(padded, to_ulaw(0));
  sound->alaw.assign(padded, to_alaw(0));
  std::ranges::transform(samples, sound->ulaw.begin(), to_ulaw);
  std::ranges::transform(samples, sound->alaw.begin(), to_alaw);
  return sound;
}

Result<Samples, std::string> read_wav(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return fmt::format("{}: cannot be read", path.string());
  const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
  if (bytes.size() < 12 || std::memcmp(bytes.data(), "RIFF", 4) != 0 || std::memcmp(bytes.data() + 8, "WAVE", 4) != 0)
    return fmt::format("{}: no WAV file", path.string());
  std::uint32_t format = 0, channels = 0, rate = 0, bits = 0;
  for (std::size_t at = 12; at + 8 <= bytes.size();) {
    const std::size_t size = little(bytes, at + 4, 4), body = at + 8;
    const std::size_t left = bytes.size() - body;
    if (std::memcmp(bytes.data() + at, "fmt ", 4) == 0 && size >= 16 && left >= 16) {
      format = little(bytes, body, 2);
      channels = little(bytes, body + 2, 2);
      rate = little(bytes, body + 4, 4);
      bits = little(bytes, body + 14, 2);
    }
    if (std::memcmp(bytes.data() + at, "data", 4) == 0) {
      if ((format != 1 && format != 0xFFFE) || bits != 16 || channels == 0 || rate < 4000 || rate > 192000)
        return fmt::format("{}: not 16-bit PCM", path.string());
      const std::size_t step = 2 * channels;  // espeak-ng to a pipe writes a length that is too long
      Samples samples(std::min(size, left) / step);
      for (std::size_t i = 0; i < samples.size(); ++i)
        samples[i] = static_cast<std::int16_t>(little(bytes, body + i * step, 2));
      return rate == 8000 ? samples : resample(samples, static_cast<int>(rate));
    }
    at = body + size + size % 2;
  }
  return fmt::format("{}: no data", path.string());
}

Samples resample(std::span<const std::int16_t> samples, int rate) {
  constexpr int kHalf = 24;  // zero crossings each side
  const double ratio = rate / 8000.0;
  const double stretch = std::max(1.0, ratio);  // low-pass at the lower of both half-rates
  Samples out(static_cast<std::size_t>(static_cast<double>(samples.size()) / ratio));
  for (std::size_t i = 0; i < out.size(); ++i) {
    const double centre = static_cast<double>(i) * ratio;
    const auto first = static_cast<std::ptrdiff_t>(std::ceil(centre - kHalf * stretch));
    const auto last = static_cast<std::ptrdiff_t>(std::floor(centre + kHalf * stretch));
    double sum = 0;
    for (auto at = std::max<std::ptrdiff_t>(first, 0);
         at <= std::min<std::ptrdiff_t>(last, static_cast<std::ptrdiff_t>(samples.size()) - 1); ++at) {
      const double x = (static_cast<double>(at) - centre) / stretch;
      const double window = 0.5 + 0.5 * std::cos(std::numbers::pi * x / kHalf);
      const double sinc = x == 0 ? 1 : std::sin(std::numbers::pi * x) / (std::numbers::pi * x);
      sum += samples[static_cast<std::size_t>(at)] * sinc * window;
    }
    out[i] = clip(sum / stretch);
  }
  return out;
}

Samples tone(double hz, double hz2, Duration length, double dbm0) {
  Samples out(samples_in(length));
  const double amplitude = amplitude_of(hz2 > 0 ? dbm0 - 3.01 : dbm0);
  for (std::size_t i = 0; i < out.size(); ++i) {
    const double t = static_cast<double>(i) / 8000.0;
    const double ramp = std::min({1.0, static_cast<double>(i) / 40.0, static_cast<double>(out.size() - i) / 40.0});
    double value = std::sin(2 * std::numbers::pi * hz * t);
    if (hz2 > 0) value += std::sin(2 * std::numbers::pi * hz2 * t);
    out[i] = clip(amplitude * ramp * value);
  }
  return out;
}

Samples noise(Duration length, double dbm0, Random& random) {
  Samples out(samples_in(length));
  const double rms = amplitude_of(dbm0) / std::numbers::sqrt2;
  for (auto& sample : out) sample = clip(rms * std::numbers::sqrt3 * (2 * random.unit() - 1));
  return out;
}

Samples special_information_tone() {
  Samples out;
  for (const double hz : {913.8, 1370.6, 1776.7}) {
    const auto part = tone(hz, 0, 330ms, -14);
    out.insert(out.end(), part.begin(), part.end());
  }
  return out;
}

Samples answer_tone(Duration length, bool reversals) {
  auto out = tone(2100, 0, length, -12);
  if (reversals)
    for (std::size_t i = 0; i < out.size(); ++i)
      if (i / 3600 % 2 == 1) out[i] = static_cast<std::int16_t>(-out[i]);
  return out;
}

Samples v21_flags(Duration length) {
  Samples out(samples_in(length));
  const double amplitude = amplitude_of(-13);
  double phase = 0;
  for (std::size_t i = 0; i < out.size(); ++i) {
    const std::size_t bit = i * 300 / 8000 % 8;
    const bool is_mark = bit != 0 && bit != 7;  // 01111110
    phase += 2 * std::numbers::pi * (is_mark ? 1650.0 : 1850.0) / 8000.0;
    out[i] = clip(amplitude * std::sin(phase));
  }
  return out;
}

const std::vector<SoundPtr>& Library::role(const std::string& name) const {
  static const std::vector<SoundPtr> kNone;
  const auto found = by_role.find(name);
  return found == by_role.end() ? kNone : found->second;
}

Result<Library, std::string> Library::load(const std::filesystem::path& folder) {
  std::error_code error;
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error))
    if (entry.path().extension() == ".wav") files.push_back(entry.path());
  if (error) return fmt::format("{}: {}", folder.string(), error.message());
  std::ranges::sort(files);
  Library library;
  for (const auto& file : files) {
    const auto samples = read_wav(file);
    if (!samples) return samples.error();
    const auto stem = file.stem().string();
    library.by_role[stem.substr(0, stem.find('_'))].push_back(encode(*samples));
  }
  for (const std::string role : {"person", "machine", "announce"})
    if (library.role(role).empty()) return fmt::format("{}: no {}_*.wav", folder.string(), role);
  return library;
}

}  // namespace carillon::carrier
