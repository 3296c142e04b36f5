#include "engine/shard/crossings.h"

#include <algorithm>

#include "engine/base/check.h"

namespace carillon::shard {

bool Crossings::push(std::uint32_t shard, const call::Crossing& message) {
  if (!mesh_.crossings(shard_, shard).push(message)) return false;
  mesh_.wake(shard);
  return true;
}

void Crossings::send(std::uint32_t shard, const call::Crossing& message) {
  CHECK(shard < mesh_.shards() && shard != shard_);
  if (message.kind == call::Crossing::Kind::kFrame) {
    auto& ring = mesh_.crossings(shard_, shard);
    const bool has_room = ring.room() > mesh_.crossings_max() / 8;
    if (!has_room || !ring.push(message)) ++frames_full_;
    return;
  }
  const bool must_wait = std::ranges::find(waiting_, shard, &Waiting::shard) != waiting_.end();
  if (!must_wait && push(shard, message)) return;
  if (waiting_.size() < max_)
    waiting_.push_back({shard, message});
  else
    ++messages_full_;
}

void Crossings::flush() {
  if (waiting_.empty()) return;
  std::uint64_t full = 0;  // shards whose ring is full: their later messages must not overtake
  std::erase_if(waiting_, [&](const Waiting& one) {
    const std::uint64_t bit = std::uint64_t{1} << (one.shard % 64);
    if ((full & bit) != 0) return false;
    if (push(one.shard, one.message)) return true;
    full |= bit;
    return false;
  });
}

}  // namespace carillon::shard
