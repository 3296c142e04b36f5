#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "engine/link/engine.pb.h"
#include "engine/link/journal.h"

namespace carillon::link {

/// Numbers events and keeps them until control has committed them: those that a CDR depends on in the journal, the
/// others in memory, so that a short break of the connection loses nothing. Also keeps the journal's table of living
/// legs up to date from the LegStates that pass.
///
/// full   in memory: the oldest go and dropped() says up to where; control learns of it as Welcome.gap
class EventBook {
 public:
  explicit EventBook(Journal& journal, std::size_t live_max = 65'536, std::size_t live_bytes_max = 32u << 20);

  /// Ends the legs that the last process left behind: "engine restarted", dated with its last sign of life.
  void end_orphans(WallTime now);
  /// Gives the event its sequence and keeps it.
  void add(wire::FromEngine& event);
  /// A recording. Control may have died before it had committed any state of a leg that still lives, and that state is
  /// in memory only: so the journal gets the leg's state first, and whoever acknowledges the recording has that too.
  void add_recording(wire::FromEngine& event);
  /// The first kept event after `sequence`. The view lives until the next add() or acknowledge().
  std::optional<Journal::Event> after(std::uint64_t sequence) const;
  void acknowledge(std::uint64_t sequence);

  /// The last event that was given up unacknowledged; events of an earlier process count.
  std::uint64_t dropped() const { return dropped_; }
  /// Events that belonged into the journal when it was full to the last byte.
  std::uint64_t unjournaled() const { return unjournaled_; }

 private:
  struct Live {
    std::uint64_t sequence = 0;
    std::string bytes;
  };
  bool journal(const wire::FromEngine& event, const std::string& bytes);
  void keep_live(std::uint64_t sequence, std::string bytes);

  Journal& journal_;
  const std::size_t live_max_, live_bytes_max_;
  std::deque<Live> live_;
  std::size_t live_bytes_ = 0;
  std::uint64_t dropped_ = 0, unjournaled_ = 0;
};

}  // namespace carillon::link
