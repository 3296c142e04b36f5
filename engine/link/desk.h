#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "engine/call/command.h"
#include "engine/call/event.h"
#include "engine/link/command_log.h"
#include "engine/link/engine.pb.h"
#include "engine/link/event_book.h"
#include "engine/link/phone_book.h"
#include "engine/link/ports.h"
#include "engine/link/prompts.h"
#include "engine/link/recordings.h"

namespace carillon::link {

/// Performs what control says and gathers what shards say. Commands go out by ring, one object per shard; they come
/// back by ring and are destroyed here. No socket: the Server reads frames, and sends take_answers() and the book.
///
/// Answers   one Done per command id, also when the id is repeated after a break; Snapshot, Trace, FetchRecording and
///           PutChunk's last piece are answered by their data instead, a refusal of them by Done.
/// Originate is noted in the journal before a shard hears of it: whatever happens then, its CDR comes. A leg that lives
///           or whose end still waits for acknowledgement is refused, so a lead is never dialled twice for one leg.
/// Full      a shard has as many commands out as its rings hold: Done "busy". The journal is nearly full: shards are
///           drained (no new calls in or out) until control has acknowledged.
class Desk {
 public:
  Desk(std::vector<ShardPort> shards, Journal& journal, EventBook& book, PromptStore& prompts, PhoneBook& phones,
       Recordings recordings, std::uint32_t legs_max);

  void perform(const wire::ToEngine& message, WallTime now);
  /// One look at every ring: events, answers, commands that return; and pushes what waits. Bounded per shard. True
  /// when there were events.
  bool collect();
  void add_recorded(const Recorded& recorded, WallTime now);
  /// Tells every shard whether control is there.
  void set_brain(bool is_present);
  /// Shards' counters summed, and each shard's own beside them; see the schema's Stats.
  wire::FromEngine stats(WallTime now) const;
  std::vector<wire::FromEngine> take_answers() { return std::exchange(answers_, {}); }
  /// Nothing lives and nothing is under way: the rings need no hurry.
  bool is_idle() const;

 private:
  struct Shard {
    ShardPort port;
    std::unordered_map<call::Command*, std::unique_ptr<call::Command>> out;  // with the shard, or waiting for its ring
    std::deque<call::Command*> waiting;
    call::ShardStats stats;
    WallTime counted{};  // epoch: it has not reported yet
  };
  struct Pending {
    enum class Kind : std::uint8_t { kDone, kSnapshot, kTrace } kind = Kind::kDone;
    std::uint32_t waiting = 0;  // shards that have not answered
    bool ok = true;
    std::string error;
    LegId originates;
    wire::SnapshotState snapshot;
    wire::TraceText trace;
  };

  void perform_once(const wire::ToEngine& message, WallTime now);
  std::string dispatch(const wire::ToEngine& message, Pending pending, WallTime now);
  std::string begin_originate(const wire::Originate& message, WallTime now);
  void begin_snapshot(std::uint64_t id);
  void put_chunk(std::uint64_t id, const wire::PutChunk& chunk);
  void have_prompts(std::uint64_t id, const wire::HavePrompts& asked);
  void fetch(std::uint64_t id, const wire::FetchRecording& wanted);
  void broadcast(std::uint64_t id, const call::CommandBody& body);
  bool has_room(std::size_t shard) const;
  void give(std::size_t shard, std::unique_ptr<call::Command> command);
  void push_waiting(Shard& shard);
  void drain_when_full();

  void on_event(Shard& shard, const call::Event& event);
  void on_returned(Shard& shard, call::Command* command);
  void on_answer(std::uint64_t id, bool ok, std::string_view error);
  void finish(std::uint64_t id, Pending& pending);
  void answer_snapshot(std::uint64_t id, wire::SnapshotState& whole);
  void done(std::uint64_t id, bool ok, std::string_view error);
  wire::FromEngine& answer(std::uint64_t id);
  std::size_t shard_of(LegId leg) const;
  void place_beside(LegId leg, LegId other);
  void bind_again(call::PutEndpoint& phone, WallTime now);

  std::vector<Shard> shards_;
  Journal& journal_;
  EventBook& book_;
  PromptStore& prompts_;
  PhoneBook& phones_;
  Recordings recordings_;
  std::uint32_t legs_max_;
  CommandLog log_;
  std::unordered_map<std::uint64_t, Pending> pending_;
  std::vector<wire::FromEngine> answers_;
  // legs that live on another shard than their id says, since they were placed to be bridged; the oldest are forgotten
  std::unordered_map<std::uint64_t, std::uint32_t> moved_;
  std::deque<std::uint64_t> moved_order_;
  std::map<std::string, wire::EndpointState> endpoints_;  // last news, for snapshots
  std::map<std::string, wire::TrunkState> trunks_;
  bool is_draining_ = false, is_journal_full_ = false;
};

}  // namespace carillon::link
