#include "tests/bench/far/sound.h"

#include <fmt/format.h>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <random>
#include <string_view>

#include "media/prompt/prompt.h"
#include "tests/bench/wire/frames.h"

namespace carillon::bench {
namespace {

constexpr int kRate = 8000;

std::uint64_t hash_of(const std::uint8_t* bytes) {
  return std::hash<std::string_view>{}({reinterpret_cast<const char*>(bytes), Sound::kFrame});
}

/// One syllable of a voice: the harmonics of `pitch` under a formant near `formant`, rising and falling.
void add_syllable(std::vector<std::int16_t>& samples, double pitch, double formant, int length) {
  for (int at = 0; at < length; ++at) {
    const double envelope = std::sin(M_PI * at / length);
    double value = 0;
    for (int harmonic = 1; harmonic * pitch < 3400; ++harmonic) {
      const double distance = (harmonic * pitch - formant) / 350;
      value += std::sin(2 * M_PI * harmonic * pitch * at / kRate) * (0.06 + std::exp(-distance * distance));
    }
    samples.push_back(static_cast<std::int16_t>(2200 * envelope * value));
  }
}

}  // namespace

void Sound::add(const std::uint8_t* bytes) {
  const std::uint32_t index = frames();
  std::memcpy(frames_.emplace_back().data(), bytes, kFrame);
  sums_.push_back(fold(word_sum(bytes, kFrame)));
  const auto [entry, is_new] = by_hash_.try_emplace(hash_of(bytes), index);
  if (!is_new) entry->second = kUnknown;
}

std::uint32_t Sound::find(const std::uint8_t* bytes) const {
  const auto entry = by_hash_.find(hash_of(bytes));
  return entry == by_hash_.end() ? kUnknown : entry->second;
}

Sound Sound::from_wav(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(in)), {});
  const auto prompt = media::Prompt::from_wav(std::as_bytes(std::span(bytes)), "");
  if (!prompt) {
    fmt::print(stderr, "{}: not a WAV file that a prompt can be made of\n", path);
    std::exit(1);
  }
  Sound sound;
  for (std::size_t i = 0; i < prompt->frames(); ++i)
    sound.add(reinterpret_cast<const std::uint8_t*>(prompt->frame(media::Codec::kPcmu, i).data()));
  return sound;
}

Sound Sound::made_up() {
  std::minstd_rand random(7);
  const auto between = [&](int low, int high) {
    return low + static_cast<int>(random() % static_cast<unsigned>(high - low));
  };
  std::vector<std::int16_t> samples;
  while (samples.size() < 8 * kRate) {
    for (int word = between(2, 6); word > 0; --word) {
      for (int i = between(300, 900); i > 0; --i)  // a consonant's hiss
        samples.push_back(static_cast<std::int16_t>(between(-900, 900)));
      add_syllable(samples, between(95, 180), between(400, 1800), between(900, 2200));
    }
    for (int i = between(1200, 5000); i > 0; --i) samples.push_back(static_cast<std::int16_t>(between(-12, 12)));
  }
  samples.resize(8 * kRate);
  const media::Prompt prompt = media::Prompt::from_samples(samples, "");
  Sound sound;
  for (std::size_t i = 0; i < prompt.frames(); ++i)
    sound.add(reinterpret_cast<const std::uint8_t*>(prompt.frame(media::Codec::kPcmu, i).data()));
  return sound;
}

}  // namespace carillon::bench
