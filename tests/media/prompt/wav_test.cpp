#include "media/prompt/wav.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <numbers>
#include <string>
#include <vector>

#include "media/codec/g711.h"

namespace carillon::media {
namespace {

using Bytes = std::vector<std::byte>;

void put(Bytes& out, std::string_view text) {
  for (const char c : text) out.push_back(static_cast<std::byte>(c));
}
void put(Bytes& out, std::uint32_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) out.push_back(static_cast<std::byte>(value >> (8 * i) & 0xFF));
}

struct File {
  std::uint16_t tag = 1, channels = 1, bits = 16;
  std::uint32_t rate = 8000;
  bool extensible = false;
  std::uint32_t size_field = 1;  // 1: the true one
  Bytes data;

  Bytes bytes(std::string_view before_fmt = "", std::string_view before_data = "") const {
    Bytes out;
    put(out, "RIFF");
    put(out, 0, 4);  // nobody trusts it
    put(out, "WAVE");
    put(out, before_fmt);
    put(out, "fmt ");
    put(out, extensible ? 40 : 16, 4);
    put(out, extensible ? 0xFFFE : tag, 2);
    put(out, channels, 2);
    put(out, rate, 4);
    put(out, rate * channels * bits / 8, 4);
    put(out, channels * bits / 8u, 2);
    put(out, bits, 2);
    if (extensible) {
      put(out, 22, 2);
      put(out, bits, 2);
      put(out, 4, 4);
      put(out, tag, 2);
      put(out, std::string_view("\0\0\0\0\x10\0\x80\0\0\xAA\0\x38\x9B\x71", 14));
    }
    put(out, before_data);
    put(out, "data");
    put(out, size_field == 1 ? static_cast<std::uint32_t>(data.size()) : size_field, 4);
    out.insert(out.end(), data.begin(), data.end());
    return out;
  }
};

std::vector<double> sine(double hz, std::uint32_t rate, double seconds = 1) {
  std::vector<double> samples(static_cast<std::size_t>(seconds * rate));
  for (std::size_t i = 0; i < samples.size(); ++i)
    samples[i] = 0.5 * std::sin(2 * std::numbers::pi * hz * static_cast<double>(i) / rate);
  return samples;
}

Bytes pcm16(const std::vector<double>& samples) {
  Bytes out;
  for (const double sample : samples) put(out, static_cast<std::uint16_t>(std::lrint(sample * 32767)), 2);
  return out;
}

// Level of the middle of a sound against a sine of half full scale, in dB.
double level(const std::vector<std::int16_t>& samples) {
  double sum = 0;
  const std::size_t from = samples.size() / 4, to = samples.size() * 3 / 4;
  for (std::size_t i = from; i < to; ++i) sum += 1.0 * samples[i] * samples[i];
  const double reference = 0.5 * 32767 * 0.5 * 32767 / 2;
  return 10 * std::log10(sum / static_cast<double>(to - from) / reference + 1e-12);
}

double level_after_resampling(double hz, std::uint32_t rate) {
  File file;
  file.rate = rate;
  file.data = pcm16(sine(hz, rate));
  const auto wav = read_wav(file.bytes());
  EXPECT_TRUE(wav) << rate;
  return wav ? level(wav->samples) : 0;
}

TEST(Wav, ReadsWhatItWrote) {
  const std::vector<std::int16_t> samples = {0, 1, -1, 32767, -32768, 1234};
  const auto wav = read_wav(write_wav(samples));
  ASSERT_TRUE(wav);
  EXPECT_EQ(wav->samples, samples);
  EXPECT_EQ(wav->source_rate, 8000u);
}

TEST(Wav, ReadsEveryEncodingAlike) {
  const auto sound = sine(440, 8000, 0.2);
  const auto plain = pcm16(sound);
  std::vector<std::int16_t> linear(sound.size());
  for (std::size_t i = 0; i < sound.size(); ++i) linear[i] = static_cast<std::int16_t>(std::lrint(sound[i] * 32767));
  Bytes pcm8, pcm24, float32, ulaw(linear.size()), alaw(linear.size());
  for (const double sample : sound) {
    put(pcm8, static_cast<std::uint8_t>(std::lrint(sample * 127) + 128), 1);
    put(pcm24, static_cast<std::uint32_t>(std::lrint(sample * 8388607)) & 0xFFFFFF, 3);
    put(float32, std::bit_cast<std::uint32_t>(static_cast<float>(sample)), 4);
  }
  encode(Codec::kPcmu, linear, ulaw);
  encode(Codec::kPcma, linear, alaw);
  const struct {
    File file;
    double tolerance;
  } cases[] = {
      {{.tag = 1, .bits = 16, .data = plain}, 0},
      {{.tag = 1, .bits = 8, .data = pcm8}, 300},
      {{.tag = 1, .bits = 24, .data = pcm24}, 1},
      {{.tag = 3, .bits = 32, .data = float32}, 1},
      {{.tag = 7, .bits = 8, .data = ulaw}, 520},
      {{.tag = 6, .bits = 8, .data = alaw}, 520},
      {{.tag = 1, .bits = 16, .extensible = true, .data = plain}, 0},
      {{.tag = 3, .bits = 32, .extensible = true, .data = float32}, 1},
  };
  for (const auto& [file, tolerance] : cases) {
    const auto wav = read_wav(file.bytes());
    ASSERT_TRUE(wav) << file.tag << '/' << file.bits;
    ASSERT_EQ(wav->samples.size(), linear.size());
    for (std::size_t i = 0; i < linear.size(); ++i)
      ASSERT_NEAR(wav->samples[i], linear[i], tolerance) << file.tag << '/' << file.bits << " at " << i;
  }
}

TEST(Wav, MixesStereoDown) {
  File file{.channels = 2, .data = {}};
  put(file.data, 1000, 2);
  put(file.data, 3000, 2);
  put(file.data, 0xFFFF, 2);  // -1
  put(file.data, 1, 2);
  const auto wav = read_wav(file.bytes());
  ASSERT_TRUE(wav);
  EXPECT_EQ(wav->samples, (std::vector<std::int16_t>{2000, 0}));
  EXPECT_EQ(wav->source_channels, 2);
}

TEST(Wav, SkipsOtherChunksOddSizesToo) {
  File file{.data = pcm16(sine(440, 8000, 0.1))};
  const std::string odd("LIST\x03\0\0\0abc\0", 12), bext("bext\x04\0\0\0wxyz", 12);
  const auto wav = read_wav(file.bytes(odd, bext + odd));
  ASSERT_TRUE(wav);
  EXPECT_EQ(wav->samples.size(), 800u);
}

TEST(Wav, StreamedSizesMeanToTheEnd) {
  for (const std::uint32_t size : {0u, 0xFFFFFFFFu, 1'000'000u}) {
    File file{.size_field = size, .data = pcm16(sine(440, 8000, 0.1))};
    const auto wav = read_wav(file.bytes());
    ASSERT_TRUE(wav) << size;
    EXPECT_EQ(wav->samples.size(), 800u);
  }
}

TEST(Wav, PassBandIsFlatTo3200Hz) {
  for (const std::uint32_t rate : {11025u, 16000u, 22050u, 24000u, 32000u, 44100u, 48000u})
    for (const double hz : {50.0, 300.0, 1000.0, 2000.0, 3000.0, 3200.0})
      EXPECT_NEAR(level_after_resampling(hz, rate), 0, 1) << hz << " Hz at " << rate;
}

TEST(Wav, TonesAbove4000HzDoNotFoldBack) {
  for (const std::uint32_t rate : {11025u, 16000u, 22050u, 24000u, 32000u, 44100u, 48000u})
    for (const double hz : {4000.0, 4100.0, 4800.0, 5400.0, 7000.0, 7900.0, 15000.0, 20000.0})
      if (hz < rate / 2.0) {
        EXPECT_LE(level_after_resampling(hz, rate), -50) << hz << " Hz at " << rate;
      }
}

TEST(Wav, LengthFollowsTheRate) {
  File file{.rate = 44100, .data = pcm16(sine(440, 44100, 2))};
  const auto wav = read_wav(file.bytes());
  ASSERT_TRUE(wav);
  EXPECT_EQ(wav->samples.size(), 16000u);
}

TEST(Wav, SaysWhatIsWrong) {
  const Bytes sound = pcm16(sine(440, 8000, 0.1));
  const auto error = [](const File& file) {
    const auto wav = read_wav(file.bytes());
    return wav ? WavError{255} : wav.error();
  };
  EXPECT_EQ(read_wav({}).error(), WavError::kNotWav);
  EXPECT_EQ(read_wav(bytes_of("ID3\x03 this is an mp3 file")).error(), WavError::kNotWav);
  EXPECT_EQ(read_wav(bytes_of("RIFF....WAVE")).error(), WavError::kNoFormat);
  EXPECT_EQ(error({.data = {}}), WavError::kNoData);
  EXPECT_EQ(error({.tag = 0x55, .bits = 0, .data = sound}), WavError::kEncoding);  // MP3 in WAV
  EXPECT_EQ(error({.bits = 12, .data = sound}), WavError::kEncoding);
  EXPECT_EQ(error({.channels = 6, .data = sound}), WavError::kChannels);
  EXPECT_EQ(error({.channels = 0, .data = sound}), WavError::kChannels);
  EXPECT_EQ(error({.rate = 96000, .data = sound}), WavError::kRate);
  EXPECT_EQ(error({.rate = 0, .data = sound}), WavError::kRate);
  EXPECT_EQ(error({.tag = 7, .bits = 8, .data = Bytes(8000 * 1801)}), WavError::kTooLong);
  EXPECT_EQ(read_wav(Bytes(kWavBytesMax + 1)).error(), WavError::kTooBig);
  for (int e = 0; e <= static_cast<int>(WavError::kTooBig); ++e)
    EXPECT_GT(std::strlen(text(static_cast<WavError>(e))), 20u) << e;
}

TEST(Wav, FloatsBeyondAllBoundsAreTamed) {
  File file{.tag = 3, .bits = 32, .data = {}};
  for (const float sample : {1e30F, -1e30F, std::nanf(""), HUGE_VALF, 0.0F})
    put(file.data, std::bit_cast<std::uint32_t>(sample), 4);
  const auto wav = read_wav(file.bytes());
  ASSERT_TRUE(wav);
  EXPECT_EQ(wav->samples, (std::vector<std::int16_t>{32767, -32768, 0, 0, 0}));
}

}  // namespace
}  // namespace carillon::media
