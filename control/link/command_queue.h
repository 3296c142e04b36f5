#pragma once

#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "engine/base/time.h"
#include "engine/link/engine.pb.h"

namespace carillon::control {

/// Commands from the moment they are sent until the engine has answered. Thread-safe; no I/O.
///
/// After a break what was sent and not answered is sent again under the same id: the engine knows it by that. But an
/// engine that has restarted has forgotten its ids: then such commands are answered here, because a call that may have
/// been placed must not be placed again.
class CommandQueue {
 public:
  /// `first_id` seeds the ids given here; they must not repeat those of an earlier control within the engine's memory.
  CommandQueue(std::uint64_t first_id, std::size_t most) : next_id_(first_id), most_(most) {}

  /// The id, 0 when full. `is_call`: its answer is kept for wait() instead of being handed to the owner.
  std::uint64_t add(wire::ToEngine command, TimePoint now, bool is_call);
  /// The next command for the present connection; it counts as sent under `boot`.
  std::optional<wire::ToEngine> next_to_send(const std::string& boot);
  /// A new connection: everything unanswered is to be sent (again). Answers for what must not be, in words, for the
  /// owner.
  std::vector<wire::FromEngine> connected(const std::string& boot, WallTime wall);
  /// Commands that no connection took in time, answered.
  std::vector<wire::FromEngine> expire(TimePoint now, Duration unsent_max, WallTime wall);
  /// An answer has come. What the owner is to see, if anything: answers to commands nobody waits for any more, and
  /// parts, are swallowed.
  std::optional<wire::FromEngine> answered(wire::FromEngine answer);

  /// Waits for a call's answer; empty: it did not come in time or the queue was closed. Forgets the call.
  std::optional<wire::FromEngine> wait(std::uint64_t id, Duration timeout);
  /// Wakes all who wait; nothing is taken any more.
  void close();
  std::size_t size() const;

 private:
  struct Command {
    std::uint64_t order = 0;
    wire::ToEngine message;
    TimePoint queued;
    std::string boot;  // of the engine it was sent to; empty: not yet
    bool is_call = false;
    std::optional<wire::FromEngine> answer;  // of a call, or the parts that have come
    bool is_answered = false;
  };
  using Commands = std::unordered_map<std::uint64_t, Command>;
  std::optional<wire::FromEngine> finish(Commands::iterator at, wire::FromEngine answer);
  std::vector<wire::FromEngine> refuse(const std::vector<std::uint64_t>& ids, const char* why, WallTime wall);

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::uint64_t next_id_;
  const std::size_t most_;
  std::uint64_t next_order_ = 1;
  bool is_closed_ = false;
  Commands commands_;
  std::map<std::uint64_t, std::uint64_t> unsent_;  // order → id
};

}  // namespace carillon::control
