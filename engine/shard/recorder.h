#pragma once

#include "engine/call/seams.h"
#include "engine/record/channel.h"
#include "media/record/former.h"

namespace carillon::shard {

/// Recordings of one shard: media::Former forms them straight into blocks of the disk thread's mapping.
///
/// full  start() answers empty when no recording or block is free; a running one that gets no block loses its frames
///       as silence until there is one (Former counts them)
class Recorder : public call::RecordSink {
 public:
  Recorder(record::Channel& channel, std::uint32_t recordings_max) : channel_(channel), running_(recordings_max) {}

  Handle start(LegId leg, WallTime started) override;
  void add(Handle recording, std::span<const std::int16_t> left, std::span<const std::int16_t> right) override;
  void stop(Handle recording) override;
  void prefetch(Handle recording) const override { running_.prefetch<128>(recording); }

 private:
  struct Running {
    Handle file;
    record::Block block;
    media::Former former;
  };
  void next_block(Running& running);

  record::Channel& channel_;
  Pool<Running> running_;
};

}  // namespace carillon::shard
