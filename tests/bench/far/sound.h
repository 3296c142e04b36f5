#pragma once
// G.711 µ-law in frames of 20 ms, with the checksum of each frame worked out once.

#include <array>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

namespace carillon::bench {

class Sound {
 public:
  static constexpr std::size_t kFrame = 160;
  using Frame = std::array<std::uint8_t, kFrame>;
  static constexpr std::uint32_t kUnknown = 0xFFFF'FFFF;

  /// A WAV file as the engine itself would encode it. Ends the program when it can't be read.
  static Sound from_wav(const std::string& path);
  /// Eight seconds that move detectors as speech does: voiced syllables, hiss, pauses. The same at every call.
  static Sound made_up();

  std::uint32_t frames() const { return static_cast<std::uint32_t>(frames_.size()); }
  const Frame& frame(std::uint32_t index) const { return frames_[index]; }
  std::uint32_t sum(std::uint32_t index) const { return sums_[index]; }
  std::uint32_t next(std::uint32_t index) const { return index + 1 == frames() ? 0 : index + 1; }
  /// Which frame these bytes are; kUnknown when none, or when several are the same (silence).
  std::uint32_t find(const std::uint8_t* bytes) const;

 private:
  void add(const std::uint8_t* bytes);

  std::vector<Frame> frames_;
  std::vector<std::uint32_t> sums_;
  std::unordered_map<std::uint64_t, std::uint32_t> by_hash_;
};

}  // namespace carillon::bench
