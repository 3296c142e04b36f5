#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>

#include "engine/base/time.h"
#include "engine/link/engine.pb.h"

namespace carillon::control {

/// Events on their way to the owner: in order, once per sequence, and acknowledged only when committed. One thread; no
/// clock, no I/O.
class Inbox {
 public:
  using Deliver = std::function<bool(const wire::FromEngine&)>;
  using Commit = std::function<bool()>;

  /// `committed`: the owner's last sequence from an earlier life.
  explicit Inbox(std::uint64_t committed) : seen_(committed), committed_(committed) {}

  /// An event has come; one that was seen before is dropped.
  void add(wire::FromEngine event);
  /// Delivers what waits. False: an event that matters could not be committed; try again after a pause.
  bool deliver(const Deliver& deliver, const Commit& commit);
  /// The engine has begun a new journal: its sequences start over. What waits is still delivered.
  void new_epoch();
  /// Everything up to here is committed.
  std::uint64_t committed() const { return committed_; }
  std::size_t waiting() const { return waiting_.size(); }

 private:
  struct Waiting {
    wire::FromEngine event;
    bool is_of_epoch = true;  // else its sequence means nothing to the engine any more
  };
  std::deque<Waiting> waiting_;
  std::uint64_t seen_, committed_;
};

}  // namespace carillon::control
