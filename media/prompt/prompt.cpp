#include "media/prompt/prompt.h"

#include <utility>

#include "engine/base/units.h"

namespace carillon::media {

Result<Prompt, WavError> Prompt::from_wav(ByteView file, std::string sha256_hex) {
  const auto wav = read_wav(file);
  if (!wav) return wav.error();
  return from_samples(wav->samples, std::move(sha256_hex));
}

Prompt Prompt::from_samples(std::span<const std::int16_t> samples, std::string sha256_hex) {
  Prompt prompt;
  const std::size_t padded = (samples.size() + kFrameBytes - 1) / kFrameBytes * kFrameBytes;
  for (const Codec codec : {Codec::kPcmu, Codec::kPcma}) {
    auto& bytes = prompt.encoded_[static_cast<std::size_t>(codec)];
    bytes.resize(padded, silence(codec));
    encode(codec, samples, ByteSpan(bytes).first(samples.size()));
  }
  prompt.duration_ = std::chrono::nanoseconds(samples.size() * (1'000'000'000 / kSampleRate));
  prompt.sha256_ = std::move(sha256_hex);
  return prompt;
}

}  // namespace carillon::media
