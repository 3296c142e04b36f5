#pragma once

#include <cstdint>
#include <vector>

#include "engine/base/bytes.h"
#include "engine/base/pool.h"
#include "engine/base/ring.h"
#include "engine/base/time.h"
#include "engine/base/units.h"
#include "engine/record/map.h"

namespace carillon::record {

/// A piece of the mapping that one recording fills.
struct Block {
  ByteSpan bytes;  ///< kBlockBytes
  std::uint32_t index = 0;
  explicit operator bool() const { return !bytes.empty(); }
};

/// Plain integers, written by the shard's thread only.
struct ChannelCounters {
  std::uint64_t opened = 0, refused = 0;  ///< refused: as many recordings as configured are open
  std::uint64_t pool_empty = 0;           ///< acquire() found no free block
};

struct Request {
  enum class Kind : std::uint8_t { kOpen, kWrite, kClose } kind = Kind::kOpen;
  Handle recording;
  std::uint32_t block = 0, bytes = 0;
  LegId leg{};
  WallTime started{};
};

/// One shard's way to the disk thread: used by that shard's thread only. No call allocates, locks, waits or enters
/// the kernel; each answers at once.
///
///   open → acquire → { progress per frame … submit → acquire } … → submit → close
class Channel {
 public:
  /// A new recording, or empty when recordings_per_shard are open.
  Handle open(LegId leg, WallTime started);
  /// The next block of this recording, or empty: the pool is empty (counted; try again at the next frame).
  Block acquire(Handle recording);
  /// So many bytes of the block are valid: one release store, so that a crash loses nothing behind it.
  void progress(const Block& block, std::uint32_t bytes);
  /// Hands the block on to be written behind what was submitted before; only the last one may be partly filled.
  /// Zero bytes: the block goes back unused.
  void submit(Handle recording, const Block& block, std::uint32_t bytes);
  /// No more will come; a block that was acquired must have been submitted. The Handle is dead from here on.
  void close(Handle recording);

  /// How many bytes submitted so far.
  std::uint64_t submitted(Handle recording) const;
  const ChannelCounters& counters() const { return counters_; }

 private:
  friend class DiskThread;
  struct Recording {
    std::uint32_t generation = 0;
    bool open = false;
    bool holds_block = false;
    std::uint64_t submitted = 0;
  };

  Channel(Map& map, std::uint32_t shard, std::uint32_t recordings);
  Recording* find(Handle recording);
  std::uint32_t slot(Handle recording) const;  // in the mapping

  Map& map_;
  std::uint32_t shard_;
  std::vector<Recording> recordings_;
  std::vector<std::uint32_t> free_recordings_, free_blocks_;
  ChannelCounters counters_;
  // Each ring has room for every message that can be under way, so a push never fails.
  Ring<Request> requests_;                    // to the disk thread
  Ring<std::uint32_t> blocks_back_, closed_;  // from it: indices
};

}  // namespace carillon::record
