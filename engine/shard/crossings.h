#pragma once

#include <cstdint>
#include <vector>

#include "engine/shard/mesh.h"

namespace carillon::shard {

/// One shard's way to the legs of the others.
///
/// full  a frame that would leave less than an eighth of the ring is dropped and counted: the partner repeats the one
///       before. The rest is for messages; one that finds no room waits here, in order, and is dropped and counted only
///       when `waiting_max` do. call::Crossing says how a bridge heals then.
/// wake  a message wakes the other shard; a frame does not, since the partner's own beat does
class Crossings : public call::CrossingPort {
 public:
  Crossings(Mesh& mesh, std::uint32_t shard, std::size_t waiting_max) : mesh_(mesh), shard_(shard), max_(waiting_max) {
    if (mesh.shards() > 1) waiting_.reserve(waiting_max);
  }

  void send(std::uint32_t shard, const call::Crossing& message) override;
  /// What waits, as far as there is room now. Once per step.
  void flush();

  std::size_t waiting() const { return waiting_.size(); }
  std::uint64_t frames_full() const { return frames_full_; }
  std::uint64_t messages_full() const { return messages_full_; }

 private:
  struct Waiting {
    std::uint32_t shard = 0;
    call::Crossing message;
  };
  bool push(std::uint32_t shard, const call::Crossing& message);

  Mesh& mesh_;
  const std::uint32_t shard_;
  const std::size_t max_;
  std::vector<Waiting> waiting_;
  std::uint64_t frames_full_ = 0, messages_full_ = 0;
};

}  // namespace carillon::shard
