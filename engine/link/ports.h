#pragma once
// What the link thread is connected to inside the engine: shards by ring, recordings by a pull function. main.cpp
// makes these; nothing here knows engine/shard or engine/record.

#include <cstdint>
#include <functional>

#include "engine/base/fixed_text.h"
#include "engine/base/time.h"
#include "engine/base/units.h"
#include "engine/call/rings.h"

namespace carillon::link {

/// One shard as the link sees it. `rings` outlives the Server.
struct ShardPort {
  call::ShardRings* rings = nullptr;
  std::function<void()> wake;  ///< after a push to `rings->commands`; Port::wake, any thread. Empty: the shard polls
};

/// A recording that is closed on disk, whole or repaired.
struct Recorded {
  LegId leg;
  FixedText<200> path;  ///< relative to the recordings folder
  std::chrono::milliseconds duration{0};
  std::uint64_t size = 0;
  FixedText<64> sha256;  ///< lower-case hex
  bool repaired = false;
  WallTime started{};
};

/// Called on the link's thread only.
struct RecordedSource {
  /// The next finished recording, or false. Empty function: none ever.
  std::function<bool(Recorded&)> next;
  /// It stands in the journal now: the disk thread may forget it. May be empty.
  std::function<void(const Recorded&)> journaled;
};

}  // namespace carillon::link
