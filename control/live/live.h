#pragma once
// The live calls: a registry in memory, the one place that turns engine events into rows, and the one that tells
// engines what to do. In: events from each engine's link thread, requests from API threads. Out: rows in the store
// (committed before an event is acknowledged), commands to engines, a knock on the event hub.
//
// Events are taken once per engine epoch and sequence. A batch that could not be committed is forgotten and comes
// again. Everything a call still needs after a restart stands in its row (Call::engine, leg, connect).

#include <map>
#include <mutex>
#include <set>

#include "control/live/engine.h"
#include "control/live/errands.h"
#include "control/live/event_hub.h"
#include "control/model/call.h"
#include "control/store/ids.h"
#include "control/store/store.h"

namespace carillon::control {

/// What happened to a call, told after its commit. `type` is the event's ("call.answered", "call.detected",
/// "call.marked", "call.bridged", "call.unbridged", "call.ended", …) or "bridge.refused".
struct CallNews {
  std::string type;
  Call call;
};

enum class LiveFault { kNoEngine, kConflict, kUnknownCall, kNotAnswered, kEnded };

/// All that a new call needs; checked by the API.
struct Placement {
  Call call;
  std::vector<std::string> trunks;
  std::map<std::string, std::string> headers;
  std::string from_name;
  std::uint32_t ring_time_s = 60;
  dialer::CallPlan plan;
  std::optional<IdempotencyRow> idempotency;  ///< kept with the intent, its response filled in here
  std::optional<AttemptRow> attempt = {};     ///< place_all: committed with the intent
  std::uint64_t bridge_to = 0;                ///< leg to bridge with at answer
};

class Live {
 public:
  Live(Store& store, IdMaker& ids, EventHub& hub, std::string data_folder, std::function<WallTime()> clock);
  ~Live();

  /// Hears what happens to calls, on whichever thread committed it and with the registry locked: it may only take note.
  /// With null, nothing is told any more when this returns.
  void listen(std::function<void(std::vector<CallNews>)> hear) {
    const std::lock_guard lock(mutex_);
    hear_ = std::move(hear);
  }
  /// Before events flow.
  void add(const std::string& name, std::shared_ptr<Engine> engine);
  Resume resume(const std::string& engine);

  // the engine's link thread
  bool on_event(const std::string& engine, const wire::FromEngine& event);
  bool on_commit(const std::string& engine);
  void on_connected(const std::string& engine, const wire::Welcome& welcome);
  void on_lost(const std::string& engine);

  // API threads
  /// Commits the intent, then sends Originate. errors: kNoEngine, kConflict (idempotency key taken)
  Result<Call, LiveFault> place(Placement placement);
  /// Places calls on one engine with one commit: all intents on disk, then all Originates. Those without an engine set
  /// get the same one. errors: kNoEngine. throws DatabaseError, then nothing was placed
  Result<std::monostate, LiveFault> place_all(std::vector<Placement>& placements);
  /// May calls be placed now?
  bool ready();
  /// Has what that call's engine had to tell been heard, and can it be told what to do? True for one that has ended.
  bool ready_for(const std::string& call);
  /// Joins two answered calls; a refusal comes as news "bridge.refused" of the first. false: not sent
  bool bridge(const std::string& call, const std::string& other);
  bool hang_up(const std::string& call, const std::string& why);
  /// Whom a caller of a queue is offered to; empty: nobody any more. Written with the call's next change.
  void set_agent(const std::string& call, const std::string& agent);
  /// Answered calls that came in by a queue, in the order in which they came.
  std::vector<Call> queue_calls();
  /// One that has not ended.
  std::optional<Call> live_call(const std::string& id);
  /// The phone that rings for, or talks with, that call and was called for it.
  std::optional<Call> phone_called_for(const std::string& call);
  /// Sends a command for a leg of that call; `command` has everything but the leg.
  Result<std::monostate, LiveFault> act(const Call& call, wire::ToEngine command, bool needs_answer);
  /// The SIP ladder, from the store or the engine; empty when neither has it.
  std::string trace(const Call& call);
  void put_trunk(const Trunk& trunk);
  void remove_trunk(const std::string& id);
  void put_endpoint(const PhoneEndpoint& endpoint);
  void remove_endpoint(const std::string& id);
  /// Uploads to every connected engine. Returns its PromptState, or nothing when none is connected.
  std::optional<wire::PromptState> put_prompt(const std::string& sha256, const std::string& bytes);
  std::optional<TrunkLive> trunk_state(const std::string& id);
  std::optional<wire::EndpointState> endpoint_state(const std::string& id);

  struct EngineView {
    std::string name;
    LinkHealth health;
    wire::Stats stats;
  };
  std::vector<EngineView> engines();
  std::map<std::string, std::size_t> calls_by_state();
  std::string recording_file(const std::string& id) const;
  std::string prompt_file(const std::string& sha256) const;
  /// Waits until all errands so far are done.
  void settle() { errands_.drain(); }

 private:
  struct Connection {
    std::shared_ptr<Engine> engine;
    std::string epoch = {}, boot = {};
    std::uint64_t sequence = 0;   ///< last event taken
    std::uint64_t connected = 0;  ///< how often
    bool ready = false;           ///< it has trunks, phones and prompts, we have its snapshot: calls may be placed
    wire::Stats stats = {};
  };
  using Leg = std::pair<std::string, std::uint64_t>;
  struct Outgoing {
    std::string engine;
    wire::ToEngine command;
    std::string for_call;  ///< Originate: this call ends when the command is refused
  };

  // events (live_events.cpp); the mutex is held
  void apply(const std::string& engine, const wire::FromEngine& event);
  void on_leg(const std::string& engine, const wire::LegState& state, WallTime at);
  void on_incoming(Call& call);
  wire::ToEngine answer_of_queue(Call& call, const QueueRoute& route);
  void on_answered(Call& call);
  void on_ended(Call& call);
  void on_talk(const std::string& engine, const wire::FromEngine& event, WallTime at);
  void on_endpoint(const std::string& engine, const wire::EndpointState& state, WallTime at);
  void on_trunk(const wire::TrunkState& state, WallTime at);
  void on_recording(const std::string& engine, const wire::RecordDone& done);
  void on_done(const std::string& engine, std::uint64_t command, const wire::Done& done, WallTime at);
  Call* adopt(const std::string& engine, const wire::LegState& state);
  bool is_over(const std::string& engine, const wire::LegState& state);
  void close_lost(const std::string& engine, const std::set<std::uint64_t>& known,
                  const std::set<std::uint64_t>& before);

  // calls and their rows
  Call* find(const std::string& engine, std::uint64_t leg);
  Call* find_call(const std::string& id);
  Call& enter(Call call);
  void touch(const Call& call);
  void announce(const Call& call, const std::string& type, WallTime at);
  void announce(const std::string& project, const std::string& type, std::string data, WallTime at);
  void end_call(Leg leg, WallTime at);
  void ring_agent(Call& customer, const EndpointRoute& route);
  void attach_recording(const std::string& call, const std::string& recording);
  bool commit();
  CallRow row_of(const Call& call) const;
  void forget();
  void flush_outgoing();
  void tell_news();
  void send_later(const std::string& engine, wire::ToEngine command, std::string for_call = {});

  // errands: run on their own thread, without the mutex
  void bring_up_to_date(const std::string& engine, std::uint64_t connection, std::set<std::uint64_t> before);
  bool take_snapshot(const std::string& name, std::uint64_t connection, const std::set<std::uint64_t>& before);
  void fetch(RecordingRow row);
  void fetch_trace(std::string engine, std::uint64_t leg, std::string call);
  std::shared_ptr<Engine> engine_of(const std::string& name);
  std::string ready_engine();
  void broadcast(const wire::ToEngine& command);

  Store& store_;
  IdMaker& ids_;
  EventHub& hub_;
  std::string folder_;
  std::function<WallTime()> clock_;

  std::mutex mutex_;
  std::map<std::string, Connection> engines_;
  std::map<Leg, Call> calls_;                         ///< those that have not ended
  std::map<std::string, Leg> legs_;                   ///< by call id
  std::map<std::uint64_t, std::string> originating_;  ///< command → call
  std::map<std::uint64_t, std::string> bridging_;     ///< command → call
  std::function<void(std::vector<CallNews>)> hear_;
  std::map<std::string, TrunkLive> trunk_states_;
  struct PhoneState {
    std::string engine;
    wire::EndpointState state;
  };
  std::map<std::string, PhoneState> endpoint_states_;
  // the batch between two commits
  Changes changes_;
  std::set<std::string> touched_;
  std::vector<Outgoing> outgoing_;
  std::vector<std::function<void()>> after_commit_;
  std::vector<Call> ended_;
  std::vector<CallNews> news_;
  std::set<Leg> placing_;                    ///< intents on their way to the disk
  std::map<Leg, wire::RecordDone> orphans_;  ///< recordings of calls not heard of yet
  Errands errands_;
};

/// Schema's forms of our resources.
wire::ToEngine originate_of(const Placement& placement);
wire::PutTrunk trunk_to_wire(const Trunk& trunk);
wire::PutEndpoint endpoint_to_wire(const PhoneEndpoint& endpoint);

}  // namespace carillon::control
