#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "engine/base/bytes.h"
#include "engine/base/result.h"
#include "engine/base/time.h"
#include "media/codec/g711.h"
#include "media/prompt/wav.h"

namespace carillon::media {

/// Sound encoded once per codec into 20 ms frames, sent by reference by any number of legs. Immutable, so it may be
/// read from every shard; whoever made it keeps it alive.
class Prompt {
 public:
  static constexpr std::size_t kFrameBytes = 160;

  /// Reads and encodes a WAV file. `sha256_hex` names the bytes; it is kept, not checked.
  static Result<Prompt, WavError> from_wav(ByteView file, std::string sha256_hex);
  /// The same from 8 kHz mono samples. No samples: no frames.
  static Prompt from_samples(std::span<const std::int16_t> samples, std::string sha256_hex);

  /// The encoded bytes of 20 ms, 160 of them; the last frame is padded with silence. `index` < `frames()`.
  ByteView frame(Codec codec, std::size_t index) const {
    return ByteView(encoded_[static_cast<std::size_t>(codec)]).subspan(index * kFrameBytes, kFrameBytes);
  }
  std::size_t frames() const { return encoded_[0].size() / kFrameBytes; }
  /// Before padding.
  Duration duration() const { return duration_; }
  const std::string& sha256() const { return sha256_; }

 private:
  std::array<std::vector<std::byte>, kCodecs> encoded_;
  Duration duration_{0};
  std::string sha256_;
};

}  // namespace carillon::media
