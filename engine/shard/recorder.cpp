#include "engine/shard/recorder.h"

namespace carillon::shard {

Handle Recorder::start(LegId leg, WallTime started) {
  const Handle file = channel_.open(leg, started);
  if (!file) return {};
  const record::Block block = channel_.acquire(file);
  const Handle handle = block ? running_.add() : Handle{};
  if (!handle) {
    if (block) channel_.submit(file, block, 0);
    channel_.close(file);
    return {};
  }
  Running& running = *running_.find(handle);
  running.file = file;
  running.block = block;
  running.former.start(block.bytes);
  return handle;
}

void Recorder::next_block(Running& running) {
  do {
    if (running.block)
      channel_.submit(running.file, running.block, static_cast<std::uint32_t>(running.former.filled()));
    running.block = channel_.acquire(running.file);
  } while (running.block && running.former.next(running.block.bytes));
}

void Recorder::add(Handle recording, std::span<const std::int16_t> left, std::span<const std::int16_t> right) {
  Running* running = running_.find(recording);
  if (!running) return;
  if (!running->block) next_block(*running);
  const bool is_full = running->former.add(left, right);
  if (!running->block) return;  // lost, and counted by the former
  if (is_full)
    next_block(*running);
  else
    channel_.progress(running->block, static_cast<std::uint32_t>(running->former.filled()));
}

void Recorder::stop(Handle recording) {
  Running* running = running_.find(recording);
  if (!running) return;
  if (running->block)
    channel_.submit(running->file, running->block, static_cast<std::uint32_t>(running->former.filled()));
  channel_.close(running->file);
  running_.remove(recording);
}

}  // namespace carillon::shard
