#include "engine/link/desk.h"

#include <fmt/format.h>

#include <unistd.h>
#include <algorithm>
#include <fstream>

#include "engine/base/check.h"
#include "engine/link/translate.h"
#include "engine/link/utf8.h"

namespace carillon::link {
namespace {

constexpr int kEventsPerTurn = 4096;
constexpr std::size_t kStatesMax = 10'000;    // trunks or endpoints remembered for snapshots
constexpr int kLegsPerSnapshotFrame = 4'000;  // well below the longest frame
constexpr std::size_t kTraceMax = 256u << 10;

std::uint64_t resident_bytes() {
  std::uint64_t size = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> size >> resident;
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace

Desk::Desk(std::vector<ShardPort> shards, Journal& journal, EventBook& book, PromptStore& prompts, PhoneBook& phones,
           Recordings recordings, std::uint32_t legs_max)
    : shards_(shards.size()),
      journal_(journal),
      book_(book),
      prompts_(prompts),
      phones_(phones),
      recordings_(std::move(recordings)),
      legs_max_(legs_max) {
  CHECK(!shards.empty());
  for (std::size_t i = 0; i < shards.size(); ++i) shards_[i].port = std::move(shards[i]);
}

bool Desk::is_idle() const {
  return journal_.living() == 0 && pending_.empty() &&
         std::all_of(shards_.begin(), shards_.end(), [](const Shard& shard) { return shard.waiting.empty(); });
}

wire::FromEngine& Desk::answer(std::uint64_t id) {
  wire::FromEngine& made = answers_.emplace_back();
  made.set_answers(id);
  made.set_wall_ms(wall_now().time_since_epoch().count());
  return made;
}

void Desk::done(std::uint64_t id, bool ok, std::string_view error) {
  wire::Done& made = *answer(id).mutable_done();
  made.set_ok(ok);
  made.set_error(to_utf8(error));
}

void Desk::perform(const wire::ToEngine& message, WallTime now) {
  using Case = wire::ToEngine::BodyCase;
  const std::uint64_t id = message.id();
  if (id == 0) return done(id, false, "id: a command needs one");
  switch (message.body_case()) {
    case Case::kSnapshot:
      return begin_snapshot(id);
    case Case::kTrace: {
      if (pending_.contains(id)) return;
      Pending pending;
      pending.kind = Pending::Kind::kTrace;
      const auto error = dispatch(message, std::move(pending), now);
      return error.empty() ? void() : done(id, false, error);
    }
    case Case::kPutChunk:
      return put_chunk(id, message.put_chunk());
    case Case::kHavePrompts:
      return have_prompts(id, message.have_prompts());
    case Case::kFetchRecording:
      return fetch(id, message.fetch_recording());
    case Case::kDeleteRecording: {
      const auto error = recordings_.remove(message.delete_recording().path());
      return done(id, error.empty(), error);
    }
    default:
      return perform_once(message, now);
  }
}

void Desk::perform_once(const wire::ToEngine& message, WallTime now) {
  const std::uint64_t id = message.id();
  switch (log_.begin(id)) {
    case CommandLog::State::kPending:
      return;
    case CommandLog::State::kAnswered: {
      const auto& known = log_.answer_of(id);
      return done(id, known.ok, known.error);
    }
    case CommandLog::State::kNew:
      break;
  }
  if (const auto error = dispatch(message, {}, now); !error.empty()) {
    log_.answer(id, false, error);
    done(id, false, error);
  }
}

// Checks the command and gives it to the shard of its leg, or to all. The error is for control.
std::string Desk::dispatch(const wire::ToEngine& message, Pending pending, WallTime now) {
  const auto find = [this](std::string_view sha256) { return prompts_.find(sha256); };
  auto command = to_command(message, find);
  if (!command) return command.error();
  const std::uint64_t id = message.id();
  const LegId leg = leg_of((*command)->body);
  if (!leg) {
    for (std::size_t i = 0; i < shards_.size(); ++i)
      if (!has_room(i)) return "busy: too many commands are under way";
    pending.waiting = static_cast<std::uint32_t>(shards_.size());
    pending_.emplace(id, std::move(pending));
    if (message.has_drain()) is_draining_ = message.drain().on();
    if (auto* drain = std::get_if<call::Drain>(&(*command)->body)) drain->on = is_draining_ || is_journal_full_;
    if (message.has_remove_trunk()) trunks_.erase(message.remove_trunk().id());
    if (message.has_remove_endpoint()) {
      endpoints_.erase(message.remove_endpoint().id());
      phones_.remove(message.remove_endpoint().id());
    }
    if (auto* phone = std::get_if<call::PutEndpoint>(&(*command)->body)) bind_again(*phone, now);
    broadcast(id, (*command)->body);
    return {};
  }
  if (auto* dial = std::get_if<call::Originate>(&(*command)->body); dial && dial->bridge_to) {
    place_beside(leg, dial->bridge_to);
    dial->bridge_shard = static_cast<std::uint32_t>(shard_of(dial->bridge_to));
  }
  if (auto* bridge = std::get_if<call::Bridge>(&(*command)->body))
    bridge->other_shard = static_cast<std::uint32_t>(shard_of(bridge->other));
  const std::size_t shard = shard_of(leg);
  if (!has_room(shard)) return "busy: too many commands are under way";
  if (message.has_originate()) {
    if (auto error = begin_originate(message.originate(), now); !error.empty()) return error;
    pending.originates = leg;
  }
  if (auto* trace = std::get_if<call::Trace>(&(*command)->body)) trace->text.reserve(kTraceMax);
  pending.waiting = 1;
  pending_.emplace(id, std::move(pending));
  give(shard, std::move(*command));
  return {};
}

// An engine that restarted knows its phones before they register anew.
void Desk::bind_again(call::PutEndpoint& phone, WallTime now) {
  phone.bound = phones_.put(phone.id, phone.username, now);
  const bool is_known = endpoints_.contains(phone.id);  // this process has heard of it
  if (is_known) phone.bound.reset();
  if (!phone.bound) return;
  wire::FromEngine event;
  event.set_wall_ms(now.time_since_epoch().count());
  auto& state = *event.mutable_endpoint();
  state.set_id(phone.id);
  state.set_registered(true);
  state.set_contact(phone.bound->contact);
  state.set_expires_s(static_cast<std::uint32_t>(phone.bound->expires / 1s));
  endpoints_[phone.id] = event.endpoint();
  book_.add(event);
}

std::size_t Desk::shard_of(LegId leg) const {
  const auto moved = moved_.find(leg.value);
  return moved != moved_.end() ? moved->second : call::shard_of(leg, static_cast<std::uint32_t>(shards_.size()));
}

// A leg that is placed for a bridge lives with its partner, so that speech need not cross; unless that shard is full.
void Desk::place_beside(LegId leg, LegId other) {
  constexpr std::size_t kMovedMax = 100'000;
  const std::size_t shard = shard_of(other);
  const bool is_nearly_full = shards_[shard].stats.legs >= legs_max_ - legs_max_ / 8;
  if (shard == shard_of(leg) || is_nearly_full) return;
  if (moved_.emplace(leg.value, static_cast<std::uint32_t>(shard)).second) moved_order_.push_back(leg.value);
  if (moved_order_.size() <= kMovedMax) return;
  moved_.erase(moved_order_.front());
  moved_order_.pop_front();
}

std::string Desk::begin_originate(const wire::Originate& message, WallTime now) {
  const LegId leg{message.leg()};
  if (journal_.is_living(leg)) return "leg: lives already";
  if (journal_.has_ended(leg)) return "leg: has lived and ended";
  if (!journal_.accepts_calls()) return "the journal is full: control must acknowledge what it has";
  wire::LegState state;
  state.set_leg(leg.value);
  state.set_from(message.from());
  state.set_to(message.to());
  state.set_endpoint(message.endpoint());
  if (!message.trunks().empty()) state.set_trunk(message.trunks(0));
  state.set_started_ms(now.time_since_epoch().count());
  return journal_.put_leg(leg, state.SerializeAsString()) ? "" : "the journal cannot grow: the disk is full";
}

void Desk::begin_snapshot(std::uint64_t id) {
  if (pending_.contains(id)) return;
  for (std::size_t i = 0; i < shards_.size(); ++i)
    if (!has_room(i)) return done(id, false, "busy: too many commands are under way");
  Pending pending;
  pending.kind = Pending::Kind::kSnapshot;
  pending.waiting = static_cast<std::uint32_t>(shards_.size());
  pending_.emplace(id, std::move(pending));
  for (std::size_t i = 0; i < shards_.size(); ++i) {
    auto command = std::make_unique<call::Command>();
    command->id = id;
    command->body.emplace<call::Snapshot>().legs.reserve(legs_max_);
    give(i, std::move(command));
  }
}

void Desk::put_chunk(std::uint64_t id, const wire::PutChunk& chunk) {
  const auto put = prompts_.put(chunk.sha256(), chunk.offset(), chunk.size(), bytes_of(chunk.data()));
  if (!put) return done(id, false, put.error());
  if (*put == PromptStore::Put::kMore) return done(id, true, "");
  const auto prompt = prompts_.find(chunk.sha256());
  if (!prompt) return done(id, false, "the prompt's file has gone bad; send it anew");
  wire::PromptState& state = *answer(id).mutable_prompt();
  state.set_sha256(chunk.sha256());
  state.set_present(true);
  state.set_duration_ms(
      static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(prompt->duration()).count()));
}

void Desk::have_prompts(std::uint64_t id, const wire::HavePrompts& asked) {
  for (const auto& sha256 : asked.sha256()) {
    if (prompts_.has(sha256)) continue;
    wire::PromptState& state = *answer(id).mutable_prompt();
    state.set_sha256(sha256);
    state.set_present(false);
  }
  done(id, true, "");
}

void Desk::fetch(std::uint64_t id, const wire::FetchRecording& wanted) {
  auto chunk = recordings_.read(wanted.path(), wanted.offset(), wanted.size());
  if (!chunk) return done(id, false, chunk.error());
  wire::RecordingChunk& made = *answer(id).mutable_recording_chunk();
  made.set_path(wanted.path());
  made.set_offset(wanted.offset());
  made.set_data(std::move(chunk->data));
  made.set_last(chunk->is_last);
}

void Desk::set_brain(bool is_present) { broadcast(0, call::BrainState{is_present}); }

void Desk::broadcast(std::uint64_t id, const call::CommandBody& body) {
  for (std::size_t i = 0; i < shards_.size(); ++i) {
    auto command = std::make_unique<call::Command>();
    command->id = id;
    command->body = body;
    if (auto* phone = std::get_if<call::PutEndpoint>(&command->body); phone && phone->bound)
      phone->bound->tells = i == 0;
    give(i, std::move(command));
  }
}

// A few places stay free for what the link itself has to tell (BrainState, Drain).
bool Desk::has_room(std::size_t shard) const {
  return shards_[shard].out.size() + 16 < shards_[shard].port.rings->capacity;
}

void Desk::give(std::size_t shard, std::unique_ptr<call::Command> command) {
  Shard& to = shards_[shard];
  to.waiting.push_back(command.get());
  to.out.emplace(command.get(), std::move(command));
  push_waiting(to);
}

void Desk::push_waiting(Shard& shard) {
  bool is_any = false;
  while (!shard.waiting.empty() && shard.port.rings->commands.push(shard.waiting.front())) {
    shard.waiting.pop_front();
    is_any = true;
  }
  if (is_any && shard.port.wake) shard.port.wake();
}

void Desk::drain_when_full() {
  const bool is_full = !journal_.accepts_calls();
  if (is_full == is_journal_full_) return;
  is_journal_full_ = is_full;
  broadcast(0, call::Drain{is_draining_ || is_full});
}

bool Desk::collect() {
  bool is_any = false;
  for (Shard& shard : shards_) {
    push_waiting(shard);
    call::Event event;
    for (int i = 0; i < kEventsPerTurn && shard.port.rings->events.pop(event); ++i) {
      on_event(shard, event);
      is_any = true;
    }
    call::Command* command = nullptr;
    while (shard.port.rings->returned.pop(command)) on_returned(shard, command);
  }
  drain_when_full();
  return is_any;
}

void Desk::on_event(Shard& shard, const call::Event& event) {
  if (event.kind == call::EventKind::kDone) return on_answer(event.command, event.body.done.ok, event.body.done.error);
  if (event.kind == call::EventKind::kStats) {
    shard.stats = event.body.stats;
    shard.counted = event.at;
    return;
  }
  wire::FromEngine message = to_wire(event);
  if (message.has_endpoint() && (endpoints_.size() < kStatesMax || endpoints_.contains(message.endpoint().id())))
    endpoints_[message.endpoint().id()] = message.endpoint();
  if (message.has_endpoint()) phones_.note(event.body.endpoint, event.at);
  if (message.has_trunk() && (trunks_.size() < kStatesMax || trunks_.contains(message.trunk().id())))
    trunks_[message.trunk().id()] = message.trunk();
  book_.add(message);
}

void Desk::on_returned(Shard& shard, call::Command* command) {
  const auto at = shard.out.find(command);
  CHECK(at != shard.out.end());
  const std::unique_ptr<call::Command> back = std::move(at->second);
  shard.out.erase(at);
  const auto pending = pending_.find(back->id);
  if (pending == pending_.end()) return;  // answered long ago: its leg is over
  if (auto* snapshot = std::get_if<call::Snapshot>(&back->body)) {
    for (const call::Event& leg : snapshot->legs)
      if (leg.kind == call::EventKind::kLegState) *pending->second.snapshot.add_legs() = to_wire(leg).leg();
  } else if (auto* trace = std::get_if<call::Trace>(&back->body)) {
    pending->second.trace.set_leg(trace->leg.value);
    pending->second.trace.set_text(to_utf8(trace->text));
    pending->second.trace.set_found(trace->found);
  } else if (back->answered) {
    return;  // the event that answers it is in the other ring
  }
  pending->second.ok &= back->ok;
  if (!back->ok) pending->second.error = back->error.view();
  if (--pending->second.waiting == 0) finish(back->id, pending->second);
}

void Desk::on_answer(std::uint64_t id, bool ok, std::string_view error) {
  const auto at = pending_.find(id);
  // Snapshots and traces are answered by what returns inside the command.
  if (at == pending_.end() || at->second.kind != Pending::Kind::kDone) return;
  if (!ok && at->second.ok) at->second.error = error;
  at->second.ok &= ok;
  if (--at->second.waiting == 0) finish(id, at->second);
}

void Desk::finish(std::uint64_t id, Pending& pending) {
  if (!pending.ok && pending.originates) journal_.remove_leg(pending.originates);
  if (pending.kind == Pending::Kind::kDone) log_.answer(id, pending.ok, pending.error);
  if (pending.kind == Pending::Kind::kDone || !pending.ok) {
    done(id, pending.ok, pending.error);
  } else if (pending.kind == Pending::Kind::kTrace) {
    *answer(id).mutable_trace() = std::move(pending.trace);
  } else {
    answer_snapshot(id, pending.snapshot);
  }
  pending_.erase(id);
}

void Desk::answer_snapshot(std::uint64_t id, wire::SnapshotState& whole) {
  for (int from = 0; whole.legs_size() - from > kLegsPerSnapshotFrame; from += kLegsPerSnapshotFrame) {
    wire::SnapshotState& part = *answer(id).mutable_snapshot();
    for (int i = 0; i < kLegsPerSnapshotFrame; ++i) part.add_legs()->Swap(whole.mutable_legs(from + i));
    part.set_more(true);
  }
  const int sent = whole.legs_size() == 0 ? 0 : (whole.legs_size() - 1) / kLegsPerSnapshotFrame * kLegsPerSnapshotFrame;
  wire::SnapshotState& last = *answer(id).mutable_snapshot();
  for (int i = sent; i < whole.legs_size(); ++i) last.add_legs()->Swap(whole.mutable_legs(i));
  for (const auto& [name, state] : endpoints_) *last.add_endpoints() = state;
  for (const auto& [name, state] : trunks_) *last.add_trunks() = state;
}

void Desk::add_recorded(const Recorded& recorded, WallTime now) {
  wire::FromEngine event;
  event.set_wall_ms(now.time_since_epoch().count());
  wire::RecordDone& made = *event.mutable_record_done();
  made.set_leg(recorded.leg.value);
  made.set_path(to_utf8(recorded.path));
  made.set_duration_ms(static_cast<std::uint64_t>(recorded.duration.count()));
  made.set_size(recorded.size);
  made.set_sha256(to_utf8(recorded.sha256));
  made.set_repaired(recorded.repaired);
  made.set_started_ms(recorded.started.time_since_epoch().count());
  book_.add_recording(event);
}

wire::FromEngine Desk::stats(WallTime now) const {
  wire::FromEngine message;
  message.set_wall_ms(now.time_since_epoch().count());
  wire::Stats& sum = *message.mutable_stats();
  for (const Shard& shard : shards_) {
    const call::ShardStats& one = shard.stats;
    sum.set_legs(sum.legs() + one.legs);
    sum.set_bridges(sum.bridges() + one.bridges);
    sum.set_recordings(sum.recordings() + one.recordings);
    sum.set_packets_in(sum.packets_in() + one.packets_in);
    sum.set_packets_out(sum.packets_out() + one.packets_out);
    sum.set_late_frames(sum.late_frames() + one.late_frames);
    sum.set_originated(sum.originated() + one.originated);
    sum.set_answered(sum.answered() + one.answered);
    sum.set_incoming(sum.incoming() + one.incoming);
    sum.set_busy_ns(sum.busy_ns() + one.busy_ns);
    for (std::size_t i = 0; i < one.drops_count && i < one.drops.size(); ++i)
      (*sum.mutable_drops())[to_utf8(one.drops[i].reason)] += one.drops[i].count;
    if (shard.counted != WallTime{}) *sum.add_shards() = to_wire(one, shard.counted);
  }
  if (book_.unjournaled() != 0) (*sum.mutable_drops())["journal_full"] = book_.unjournaled();
  sum.set_memory_bytes(resident_bytes());
  return message;
}

}  // namespace carillon::link
