#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "engine/base/bytes.h"

namespace carillon::record {

inline constexpr std::size_t kBlockBytes = 32 << 10;  ///< one second of stereo 16-bit sound

struct MapShape {
  std::uint32_t shards = 1, blocks_per_shard = 0, recordings_per_shard = 0;
  std::uint32_t blocks() const { return shards * blocks_per_shard; }
  std::uint32_t recordings() const { return shards * recordings_per_shard; }
  friend bool operator==(const MapShape&, const MapShape&) = default;
};

/// The blocks and who owns them, in a file mapping that outlives the process: what was not yet written when the engine
/// was killed is found here by repair.
///
///   page 0: magic, version, shape · BlockHeader per block · RecordingEntry per slot · blocks, page aligned
///
/// Blocks and slots of one shard lie together; indices are global.
class Map {
 public:
  struct alignas(64) BlockHeader {
    std::atomic<std::uint32_t> used;   ///< set by the shard, cleared by the disk thread when written
    std::uint32_t recording;           ///< slot
    std::uint32_t generation;          ///< of the slot
    std::atomic<std::uint32_t> valid;  ///< bytes filled so far
    std::uint64_t offset;              ///< in the file
  };
  struct alignas(64) RecordingEntry {
    std::atomic<std::uint32_t> used;  ///< set by the shard at open, cleared by the disk thread when the file is closed
    std::uint32_t generation;
    std::uint64_t leg;
    std::atomic<std::int64_t> started_ms;
    std::atomic<std::uint64_t> submitted;  ///< bytes handed on so far: the file's true length, what is in blocks apart
    std::atomic<std::uint64_t> limit;  ///< lowered by the disk thread when a write failed: nothing good from here on
  };

  /// A new file at `path`, zeroed, its room reserved (no SIGBUS later); replaces an older one. Empty: `why` says it.
  static std::unique_ptr<Map> make(const std::string& path, const MapShape& shape, std::string& why);
  /// What a killed engine left. Empty: no such file, or not one of ours.
  static std::unique_ptr<Map> open(const std::string& path);
  ~Map();
  /// Takes the file away: nothing in it is needed any more. The memory stays until the destructor.
  void remove();
  Map(const Map&) = delete;

  const MapShape& shape() const { return shape_; }
  BlockHeader& header(std::uint32_t block) { return headers_[block]; }
  RecordingEntry& entry(std::uint32_t recording) { return entries_[recording]; }
  ByteSpan block(std::uint32_t index) { return {blocks_ + index * kBlockBytes, kBlockBytes}; }

 private:
  Map(void* memory, std::size_t size, const MapShape& shape);

  std::string path_;  // of make()
  void* memory_;
  std::size_t size_;
  MapShape shape_;
  BlockHeader* headers_;
  RecordingEntry* entries_;
  std::byte* blocks_;
};

}  // namespace carillon::record
