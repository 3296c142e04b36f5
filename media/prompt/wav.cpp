#include "media/prompt/wav.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "media/codec/g711.h"
#include "media/prompt/resample.h"

namespace carillon::media {
namespace {

// Format tags (RFC 2361 and mmreg.h).
constexpr std::uint16_t kTagPcm = 1, kTagFloat = 3, kTagAlaw = 6, kTagUlaw = 7, kTagExtensible = 0xFFFE;

std::uint32_t little(ByteView bytes, std::size_t at, std::size_t count) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < count; ++i) value |= static_cast<std::uint32_t>(bytes[at + i]) << (8 * i);
  return value;
}

struct Format {
  std::uint16_t tag = 0, channels = 0, bits = 0;
  std::uint32_t rate = 0;
  bool found = false;
};

Format read_format(ByteView chunk) {
  Format format;
  if (chunk.size() < 16) return format;
  format.tag = static_cast<std::uint16_t>(little(chunk, 0, 2));
  format.channels = static_cast<std::uint16_t>(little(chunk, 2, 2));
  format.rate = little(chunk, 4, 4);
  format.bits = static_cast<std::uint16_t>(little(chunk, 14, 2));
  // extensible: the true tag is the first word of the sub-format's GUID
  if (format.tag == kTagExtensible && chunk.size() >= 26) format.tag = static_cast<std::uint16_t>(little(chunk, 24, 2));
  format.found = true;
  return format;
}

struct Chunks {
  Format format;
  ByteView data;
  bool has_data = false;
};

// The fmt chunk and the sound behind it; whatever else is there is skipped.
Chunks find_chunks(ByteView file) {
  Chunks chunks;
  std::size_t at = 12;
  while (file.size() - at >= 8) {
    const std::string_view id = text_of(file.subspan(at, 4));
    const std::size_t size = little(file, at + 4, 4);
    at += 8;
    const std::size_t left = file.size() - at;
    if (id == "fmt ") chunks.format = read_format(file.subspan(at, std::min(size, left)));
    if (id == "data" && chunks.format.found) {
      const bool streamed = size == 0 || size > left;  // 0xFFFFFFFF lies past the end too
      chunks.data = file.subspan(at, streamed ? left : size);
      chunks.has_data = true;
      return chunks;
    }
    if (size >= left) return chunks;
    at += size + (size & 1);  // chunks are padded to even sizes
  }
  return chunks;
}

// Reads one sample of `Format` as a 16-bit value with fraction.
template <class Read>
std::vector<float> read_samples(ByteView data, std::size_t bytes, std::size_t channels, Read read) {
  std::vector<float> samples(data.size() / (bytes * channels));
  for (std::size_t i = 0; i < samples.size(); ++i) {
    float sum = 0;
    for (std::size_t channel = 0; channel < channels; ++channel) sum += read(data, (i * channels + channel) * bytes);
    samples[i] = sum / static_cast<float>(channels);
  }
  return samples;
}

float pcm8(ByteView data, std::size_t at) { return (static_cast<float>(little(data, at, 1)) - 128) * 256; }
float pcm16(ByteView data, std::size_t at) { return static_cast<std::int16_t>(little(data, at, 2)); }
float pcm24(ByteView data, std::size_t at) {
  return static_cast<float>(static_cast<std::int32_t>(little(data, at, 3) << 8)) / 65536;
}
float float32(ByteView data, std::size_t at) {
  const auto value = std::bit_cast<float>(little(data, at, 4));
  if (!std::isfinite(value)) return 0;
  return std::clamp(value, -4.0F, 4.0F) * 32768;  // some programs exceed full scale; the end result is clipped
}
template <Codec kCodec>
float g711(ByteView data, std::size_t at) {
  std::int16_t sample;
  decode(kCodec, data.subspan(at, 1), std::span(&sample, 1));
  return sample;
}

struct Reader {
  std::uint16_t tag, bits;
  std::vector<float> (*read)(ByteView data, std::size_t channels);
};
constexpr Reader kReaders[] = {
    {kTagPcm, 8, [](ByteView data, std::size_t channels) { return read_samples(data, 1, channels, pcm8); }},
    {kTagPcm, 16, [](ByteView data, std::size_t channels) { return read_samples(data, 2, channels, pcm16); }},
    {kTagPcm, 24, [](ByteView data, std::size_t channels) { return read_samples(data, 3, channels, pcm24); }},
    {kTagFloat, 32, [](ByteView data, std::size_t channels) { return read_samples(data, 4, channels, float32); }},
    {kTagUlaw, 8,
     [](ByteView data, std::size_t channels) { return read_samples(data, 1, channels, g711<Codec::kPcmu>); }},
    {kTagAlaw, 8,
     [](ByteView data, std::size_t channels) { return read_samples(data, 1, channels, g711<Codec::kPcma>); }},
};

class LittleWriter {
 public:
  explicit LittleWriter(std::vector<std::byte>& out) : out_(out) {}
  void put(std::string_view text) {
    for (const char c : text) out_.push_back(static_cast<std::byte>(c));
  }
  void put(std::uint32_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) out_.push_back(static_cast<std::byte>(value >> (8 * i) & 0xFF));
  }

 private:
  std::vector<std::byte>& out_;
};

}  // namespace

const char* text(WavError error) {
  switch (error) {
    case WavError::kNotWav:
      return "This is not a WAV file: it does not begin with RIFF and WAVE.";
    case WavError::kNoFormat:
      return "The WAV file has no readable format chunk before its sound.";
    case WavError::kNoData:
      return "The WAV file has no sound in it.";
    case WavError::kEncoding:
      return "The sound's encoding is not supported: use PCM with 8, 16 or 24 bits, 32-bit float, \u00b5-law or A-law.";
    case WavError::kChannels:
      return "The WAV file has more than two channels: use mono or stereo.";
    case WavError::kRate:
      return "The sample rate must lie between 8,000 and 48,000 Hz.";
    case WavError::kTooLong:
      return "The sound is longer than 30 minutes.";
    case WavError::kTooBig:
      return "The file is larger than 200 MB.";
  }
  return "";
}

Result<Wav, WavError> read_wav(ByteView file) {
  if (file.size() > kWavBytesMax) return WavError::kTooBig;
  if (file.size() < 12 || text_of(file.first(4)) != "RIFF" || text_of(file.subspan(8, 4)) != "WAVE")
    return WavError::kNotWav;
  const Chunks chunks = find_chunks(file);
  const Format& format = chunks.format;
  if (!format.found) return WavError::kNoFormat;
  const auto* reader = std::find_if(std::begin(kReaders), std::end(kReaders), [&](const Reader& known) {
    return known.tag == format.tag && known.bits == format.bits;
  });
  if (reader == std::end(kReaders)) return WavError::kEncoding;
  if (format.channels < 1 || format.channels > 2) return WavError::kChannels;
  if (format.rate < 8000 || format.rate > 48000) return WavError::kRate;
  const std::size_t sample_bytes = format.bits / 8u * format.channels;
  const std::size_t count = chunks.data.size() / sample_bytes;
  if (!chunks.has_data || count == 0) return WavError::kNoData;
  if (count > std::size_t{format.rate} * (kWavTimeMax / 1s)) return WavError::kTooLong;
  const std::vector<float> samples = reader->read(chunks.data, format.channels);
  return Wav{.samples = to_8khz(samples, format.rate), .source_rate = format.rate, .source_channels = format.channels};
}

std::vector<std::byte> write_wav(std::span<const std::int16_t> samples, std::uint32_t rate, std::uint16_t channels) {
  const auto bytes = static_cast<std::uint32_t>(samples.size() * 2);
  std::vector<std::byte> file;
  file.reserve(44 + bytes);
  LittleWriter out(file);
  out.put("RIFF");
  out.put(36 + bytes, 4);
  out.put("WAVEfmt ");
  out.put(16, 4);
  out.put(kTagPcm, 2);
  out.put(channels, 2);
  out.put(rate, 4);
  out.put(rate * channels * 2, 4);
  out.put(channels * 2u, 2);
  out.put(16, 2);
  out.put("data");
  out.put(bytes, 4);
  for (const std::int16_t sample : samples) out.put(static_cast<std::uint16_t>(sample), 2);
  return file;
}

}  // namespace carillon::media
