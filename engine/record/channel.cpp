#include "engine/record/channel.h"

#include <xmmintrin.h>

#include <limits>

#include "engine/base/check.h"

namespace carillon::record {

Channel::Channel(Map& map, std::uint32_t shard, std::uint32_t recordings)
    : map_(map),
      shard_(shard),
      recordings_(recordings),
      requests_(2 * recordings + map.shape().blocks_per_shard + 1),
      blocks_back_(map.shape().blocks_per_shard + 1),
      closed_(recordings + 1) {
  free_recordings_.reserve(recordings);
  for (std::uint32_t i = recordings; i > 0; --i) free_recordings_.push_back(i - 1);
  const std::uint32_t blocks = map.shape().blocks_per_shard;
  free_blocks_.reserve(blocks);
  for (std::uint32_t i = blocks; i > 0; --i) free_blocks_.push_back(shard * blocks + i - 1);
}

Channel::Recording* Channel::find(Handle handle) {
  if (handle.index >= recordings_.size()) return nullptr;
  Recording& recording = recordings_[handle.index];
  return recording.open && recording.generation == handle.generation ? &recording : nullptr;
}

std::uint32_t Channel::slot(Handle handle) const {
  return shard_ * static_cast<std::uint32_t>(recordings_.size()) + handle.index;
}

Handle Channel::open(LegId leg, WallTime started) {
  for (std::uint32_t index; closed_.pop(index);) free_recordings_.push_back(index);
  if (free_recordings_.empty()) {
    ++counters_.refused;
    return {};
  }
  const std::uint32_t index = free_recordings_.back();
  free_recordings_.pop_back();
  Recording& recording = recordings_[index];
  recording.open = true;
  recording.submitted = 0;
  if (++recording.generation == 0) recording.generation = 1;
  const Handle handle{index, recording.generation};
  auto& entry = map_.entry(slot(handle));
  entry.generation = handle.generation;
  entry.leg = leg.value;
  entry.started_ms.store(started.time_since_epoch().count(), std::memory_order_relaxed);
  entry.submitted.store(0, std::memory_order_relaxed);
  entry.limit.store(std::numeric_limits<std::uint64_t>::max(), std::memory_order_relaxed);
  entry.used.store(1, std::memory_order_release);
  CHECK(requests_.push({.kind = Request::Kind::kOpen, .recording = handle, .leg = leg, .started = started}));
  ++counters_.opened;
  return handle;
}

Block Channel::acquire(Handle handle) {
  Recording* recording = find(handle);
  if (!recording) return {};
  CHECK(!recording->holds_block);
  CHECK(recording->submitted % kBlockBytes == 0);  // a partly filled block was the last
  for (std::uint32_t index; blocks_back_.pop(index);) free_blocks_.push_back(index);
  if (free_blocks_.empty()) {
    ++counters_.pool_empty;
    return {};
  }
  const std::uint32_t index = free_blocks_.back();
  free_blocks_.pop_back();
  recording->holds_block = true;
  auto& header = map_.header(index);
  header.recording = slot(handle);
  header.generation = handle.generation;
  header.offset = recording->submitted;
  header.valid.store(0, std::memory_order_relaxed);
  header.used.store(1, std::memory_order_release);
  return {map_.block(index), index};
}

void Channel::progress(const Block& block, std::uint32_t bytes) {
  CHECK(bytes <= kBlockBytes);
  map_.header(block.index).valid.store(bytes, std::memory_order_release);
}

void Channel::submit(Handle handle, const Block& block, std::uint32_t bytes) {
  Recording* recording = find(handle);
  CHECK(recording && recording->holds_block);
  auto& header = map_.header(block.index);
  CHECK(header.recording == slot(handle) && header.generation == handle.generation);
  recording->holds_block = false;
  if (bytes == 0) {
    header.used.store(0, std::memory_order_release);
    free_blocks_.push_back(block.index);
    return;
  }
  _mm_sfence();  // the bytes may have been written past the cache
  progress(block, bytes);
  recording->submitted += bytes;
  map_.entry(slot(handle)).submitted.store(recording->submitted, std::memory_order_release);
  CHECK(requests_.push({.kind = Request::Kind::kWrite, .recording = handle, .block = block.index, .bytes = bytes}));
}

void Channel::close(Handle handle) {
  Recording* recording = find(handle);
  if (!recording) return;
  CHECK(!recording->holds_block);
  recording->open = false;
  CHECK(requests_.push({.kind = Request::Kind::kClose, .recording = handle}));
}

std::uint64_t Channel::submitted(Handle handle) const {
  const Recording* recording = const_cast<Channel*>(this)->find(handle);
  return recording ? recording->submitted : 0;
}

}  // namespace carillon::record
