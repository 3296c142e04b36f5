#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "engine/base/bytes.h"
#include "media/frame.h"

namespace carillon::media {

/// Forms a call's recording: stereo 16-bit PCM WAV at 8 kHz, the peer left, the other side right. Samples go straight
/// into blocks that the caller hands in (16–32 KiB, any size ≥ kHeaderBytes works); when one is full the caller hands
/// it to the disk and gives the next. The header takes the file's first 4,096 bytes (a JUNK chunk pads it), so the
/// sound and every block begin at offsets that O_DIRECT takes. Sizes say "streamed" until `header` is written over it
/// at close. No allocation, no clock. Blocks are written past the cache: before another thread reads one, the writer's
/// thread passes a store fence (record::Channel::submit does).
class Former {
 public:
  static constexpr std::size_t kHeaderBytes = 4096;
  static constexpr std::size_t kTickBytes = 4 * kFrameSamples;                ///< 20 ms: 640 bytes
  static constexpr std::uint64_t kDataBytesMax = 0xFFFF'0000 - kHeaderBytes;  ///< RIFF sizes are 32 bits: 37 hours
  using Header = std::array<std::byte, kHeaderBytes>;

  /// Begins a file: the header goes into `block`. A Former may be used again for the next file.
  void start(ByteSpan block);

  /// Adds 20 ms. Each side is 160 samples, or empty for silence.
  ///
  /// returns  true: the block is full. Hand it on and call `next`. What did not fit is kept.
  ///          Called while full (no free block yet): the tick is counted in `missed()` and becomes silence once there
  ///          is a block again, so the recording keeps its time.
  bool add(std::span<const std::int16_t> left, std::span<const std::int16_t> right);
  /// The next block. Returns true when what was kept has filled it at once.
  bool next(ByteSpan block);

  /// Bytes of the current block that are filled, header included: what to write at close.
  std::size_t filled() const { return at_; }
  /// Bytes of sound formed so far, the kept rest apart: the argument of `header` at close.
  std::uint64_t data_bytes() const { return data_bytes_; }
  /// Ticks whose samples were lost since the start for want of a block.
  std::uint64_t missed() const { return missed_; }

  /// The final header of a file with so many bytes of sound.
  static Header header(std::uint64_t data_bytes);

  /// The header that makes a file readable that was never closed, or was cut anywhere.
  ///
  /// head       the file's first bytes, as many as there are, at most kHeaderBytes
  /// file_size  in bytes; what lies behind the last whole sample is left out
  /// returns    the header to write at offset 0 (a file shorter than that becomes an empty recording);
  ///            nothing when the file does not begin as one of ours
  static std::optional<Header> repair(ByteView head, std::uint64_t file_size);

 private:
  bool pour();

  ByteSpan block_;
  std::size_t at_ = 0;
  std::uint64_t data_bytes_ = 0, missed_ = 0, silent_bytes_ = 0;  // silent_bytes_: owed for missed ticks
  std::size_t rest_at_ = kTickBytes;
  std::array<std::byte, kTickBytes> rest_;  // a tick that did not fit, from rest_at_ on
};

}  // namespace carillon::media
