#pragma once
// The rings between one shard and the link thread. main.cpp makes one ShardRings per shard and hands it to both;
// neither side knows the other's type.

#include <cstddef>

#include "engine/base/ring.h"
#include "engine/call/command.h"
#include "engine/call/event.h"

namespace carillon::call {

/// One writer and one reader per ring: `commands` link → shard, the other two shard → link.
///
/// full   commands: the link keeps the command and tries again. returned: cannot happen; the link never has more
///        commands out than it holds. events: the shard keeps what a CDR needs (kLegState ended, kDone) until there is
///        room and may drop the rest; it counts what it drops.
/// wake   the link wakes a shard after a push (ShardPort::wake); a shard never wakes the link, which looks at `events`
///        every few milliseconds, so that a step makes no system call.
struct ShardRings {
  /// `commands_max`: how many commands may be out at once. Each living leg may keep the one that carries its plan,
  /// so it has to exceed the shard's legs.
  explicit ShardRings(std::size_t commands_max = 65'536, std::size_t events_max = 8'192)
      : capacity(commands_max), commands(commands_max), returned(commands_max), events(events_max) {}

  const std::size_t capacity;
  Ring<Command*> commands;
  Ring<Command*> returned;
  Ring<Event> events;
};

}  // namespace carillon::call
