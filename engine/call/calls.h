#pragma once
// All calls of one shard: the only place where SIP, RTP and media meet. In: commands, what the UserAgent tells, media
// packets, the time. Out: events and commands given back by ring, media packets, requests to the UserAgent. No socket,
// no clock, no thread; a seed replays a bad day exactly.
//
//   calls.cpp          commands                        calls_media.cpp    every 20 ms: hear, speak, record
//   calls_life.cpp     timers, events, the end         calls_plan.cpp     plan steps, playing, verdicts
//   calls_out.cpp      placing: candidates, fail-over  calls_digits.cpp   digits both ways, gathering
//   calls_in.cpp       calls that come in              calls_bridge.cpp   two legs joined
//   calls_session.cpp  offer and answer, hold           calls_across.cpp   … with a leg of another shard

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/pool.h"
#include "engine/base/random.h"
#include "engine/base/timers.h"
#include "engine/call/admission.h"
#include "engine/call/event_queue.h"
#include "engine/call/leg.h"
#include "engine/call/leg_index.h"
#include "engine/call/rings.h"
#include "engine/call/seams.h"
#include "engine/call/trace_log.h"
#include "engine/call/trunk_limits.h"
#include "engine/sip/user_agent.h"
#include "media/detect/batch.h"

namespace carillon::call {

struct CallsConfig {
  std::uint32_t shard = 0, shards = 1;
  std::uint16_t sip_port = 5060;      ///< beside a trunk's advertised address
  std::uint32_t legs_max = 2000;      ///< full: 503 with Retry-After in, "engine full" out
  Duration incoming_wait_max = 10s;   ///< control must have decided on an incoming call
  Duration incoming_ring_max = 3min;  ///< … and have answered it
  Duration response_wait_max = 6s;    ///< a candidate that says nothing, while there is another
  Duration token_wait_max = 5s;       ///< for a trunk whose calls per second are used up
  Duration cancel_wait_max = 10s;     ///< for the final answer to our CANCEL
  Duration ask_wait_max = 5s;         ///< for another shard's answer to a Bridge
  Duration retry_after = 5s;          ///< in our own 503
};

/// What crosses the seams.
struct CallsPorts {
  sip::UserAgent& agent;
  MediaPairs& pairs;
  RecordSink& recordings;
  TrunkBoard& trunks;
  ShardRings& rings;
  CrossingPort& crossings;
  TraceLog& trace;
  Random& random;
  AdmissionGate& gate;  ///< told of the load by the owner, asked here
};

/// Plain integers; the shard puts them into ShardStats.
struct CallsCounters {
  std::uint64_t originated = 0, answered = 0, incoming = 0, late_frames = 0, frames_skipped = 0;
  std::uint64_t refused_full = 0, refused_no_brain = 0, recordings_refused = 0, media_full = 0;
  std::uint64_t partner_missed = 0, partner_dropped = 0;  ///< beats without, and frames left out, of other shards
  std::array<std::uint64_t, rtp::kDrops> rtp_drops{};
};

class Calls {
 public:
  Calls(const CallsConfig& config, const CallsPorts& ports, TimePoint now, WallTime wall);

  // ---- in
  /// A command from the link; its kDone event follows at once, the command itself comes back when nothing needs it.
  void apply(Command& command, TimePoint now);
  /// A command that the owner found wanting: answered with this error, and given back.
  void refuse(Command& command, const char* error, TimePoint now);
  void on_sip(const sip::Event& event, TimePoint now);
  /// One datagram of a pair that this leg took. A leg that is gone: dropped.
  void on_media(Handle leg, bool is_rtcp, ByteView data, const Endpoint& from, TimePoint now);
  /// A packet for this leg is near: what on_media() needs first is fetched into the cache.
  void prefetch(Handle leg) const {
    legs_.prefetch<kHotBytes>(leg);
    legs_.prefetch<kHotStreamBytes>(leg, kHotStreamAt);
  }
  /// Nearer still, when that has come: where the audio of a leg that is listened to goes.
  void prefetch_audio(Handle leg) const {
    if (const Leg* found = legs_.find(leg); found && found->listens) found->stream.prefetch_buffer();
  }
  /// What a leg of another shard says to one of ours. Anything may come late: it then finds nothing.
  void on_crossing(const Crossing& crossing, TimePoint now);
  /// Begins a step: media time passes while nobody is there, so that a leg that joins now starts now.
  void begin_step(TimePoint now) {
    beat_late_ = Duration{0};
    wheel_.skip_idle(now);
  }
  /// Timers that are due, at most `most`.
  void fire(TimePoint now, int most);
  /// The beats that are due: frames in, frames out. `flush` is called when media_out() should be sent.
  template <class Flush>
  void run_media(TimePoint now, Flush&& flush) {
    counters_.frames_skipped += wheel_.run_due(now, [&](std::span<const Handle> legs, TimePoint due) {
      run_slot(legs, due, now);
      flush();
    });
  }
  /// When fire() or run_media() must be called next.
  TimePoint deadline() const { return std::min(timers_.next(), wheel_.next()); }
  /// The wall clock as of `now`; call it about once a second.
  void set_wall(TimePoint now, WallTime wall) {
    wall_at_ = now;
    wall_ = wall;
  }
  /// Takes no more calls and ends at most `most` of those that stand, with this reason: BYE, CANCEL or 503.
  void end_some(std::string_view why, int most, TimePoint now);

  // ---- out
  std::span<const MediaOut> media_out() const { return media_out_; }
  void clear_media() { media_out_.clear(); }
  /// Moves events into the ring as far as there is room, and lets go of legs that ended and commands that nobody needs
  /// any more. Once per step, when media_out() has been sent: its views may lie in those commands' prompts.
  void flush_events();
  void push_event(const Event& event) { events_.push(event); }

  // ---- books
  std::size_t legs() const { return legs_.size(); }
  /// Those whose media flows.
  std::size_t speaking() const { return wheel_.size(); }
  /// Those across shards count where they were asked for.
  std::uint32_t bridges() const { return bridges_; }
  std::uint32_t recordings() const { return recordings_; }
  const CallsCounters& counters() const { return counters_; }
  std::uint64_t events_dropped() const { return events_.dropped(); }
  std::size_t events_waiting() const { return events_.size(); }
  std::size_t events_room() const { return events_.capacity(); }
  /// How late the latest beat of this step ran.
  Duration beat_late() const { return beat_late_; }
  /// … and the latest since last asked.
  Duration take_beat_latest() { return std::exchange(beat_latest_, Duration{0}); }
  WallTime wall(TimePoint now) const {
    return wall_ + std::chrono::duration_cast<std::chrono::milliseconds>(now - wall_at_);
  }

 private:
  struct TrunkEntry {
    Trunk trunk;
    TrunkLimits* limits = nullptr;
    Endpoint local;  ///< its local address; unspecified: the engine's
  };
  struct PhoneEntry {
    std::string id;
    bool behind_nat = false;
  };
  struct OutPacket {
    std::array<std::byte, rtp::kRtcpMax> head;
    std::array<std::byte, kFrameSamples> body;
  };
  struct Detecting {
    Handle leg;
    bool was_lost = false;
  };
  enum class Try : std::uint8_t { kSent, kNextGateway, kNextTrunk };
  /// Of a leg in its slot: itself up to its bridge's state, and of its stream what packets and beats touch.
  static constexpr std::size_t kHotBytes = 256;
  static constexpr std::size_t kHotStreamAt = offsetof(Leg, stream);
  static constexpr std::size_t kHotStreamBytes = 448;
  /// In place of an error: another shard must be heard before the command is answered. Told apart by its address.
  static constexpr char kLater[] = "later";

  // calls.cpp, calls_life.cpp
  const char* run(Command& command, TimePoint now);
  const char* run_on_leg(Leg& leg, Command& command, TimePoint now);
  void done(Command& command, const char* error, TimePoint now);
  void give_back(Command*& command);
  void put_trunk(const Trunk& trunk, const char*& error, TimePoint now);
  void snapshot(Snapshot& snapshot, TimePoint now);
  void brain(bool present, TimePoint now);
  Leg* find(LegId id);
  Leg* make_leg(LegId id, TimePoint now);
  TrunkEntry* find_trunk(std::string_view id);
  Event news(EventKind kind, const Leg& leg, TimePoint now) const;
  void report(Leg& leg, LegPhase phase, TimePoint now);
  void on_timer(Leg& leg, TimePoint now);
  void arm(Leg& leg);
  void hang_up(Leg& leg, const Ending& ending, TimePoint now);
  void end(Leg& leg, const Ending& ending, TimePoint now);
  void check_media_time(Leg& leg, TimePoint now);
  void on_leg_event(Leg& leg, const sip::Event& event, TimePoint now);
  void reap();

  // calls_out.cpp
  const char* originate(Command& command, TimePoint now);
  void try_candidates(Leg& leg, TimePoint now);
  Try try_trunk(Leg& leg, TrunkEntry& entry, TimePoint now);
  Try try_phone(Leg& leg, TimePoint now);
  bool invite(Leg& leg, sip::Invite& invite, TimePoint now);
  void drop_channel(Leg& leg);
  void on_provisional(Leg& leg, const sip::Event& event, TimePoint now);
  void on_answered(Leg& leg, const sip::Event& event, TimePoint now);
  void on_failed(Leg& leg, const sip::Event& event, TimePoint now);
  bool redirect(Leg& leg, const sip::Event& event, TimePoint now);
  void no_response(Leg& leg, TimePoint now);
  void stop_early(Leg& leg, TimePoint now);

  // calls_in.cpp
  void on_incoming(const sip::Event& event, TimePoint now);
  void refuse(const sip::Event& event, int status, std::string_view reason, Duration retry_after, TimePoint now);
  const char* answer(Leg& leg, Command& command, TimePoint now);
  const char* progress(Leg& leg, const Progress& progress, TimePoint now);
  const char* reject(Leg& leg, const Reject& reject, TimePoint now);
  void on_acked(Leg& leg, const sip::Event& event, TimePoint now);
  void begin_call(Leg& leg, TimePoint now);

  // calls_session.cpp
  bool take_pair(Leg& leg, const Endpoint& local);
  bool move_pair(Leg& leg, const Endpoint& local);
  void advertise(Leg& leg, const Trunk& trunk);
  static void choose_codecs(Leg& leg, std::span<const std::string> names);
  bool accept_answer(Leg& leg, std::string_view body, TimePoint now);
  bool read_offer(Leg& leg, std::string_view body, TimePoint now);
  void start_media(Leg& leg, TimePoint now);
  void stop_media(Leg& leg, TimePoint now);
  void join_wheel(Leg& leg, int slot);
  void leave_wheel(Leg& leg);
  void on_reinvite(Leg& leg, const sip::Event& event, TimePoint now);
  void on_reinvite_done(Leg& leg, const sip::Event& event, TimePoint now);
  const char* hold(Leg& leg, bool on, TimePoint now);
  void send_hold(Leg& leg, TimePoint now);

  // calls_media.cpp
  void run_slot(std::span<const Handle> legs, TimePoint due, TimePoint now);
  void prefetch_frame(Handle leg) const;
  void prefetch_speech(Handle leg) const;
  void hear(Leg& leg, TimePoint now);
  void expect_source(Leg& leg, TimePoint now);
  void expect_anybody(Leg& leg);
  void detect_all(TimePoint now);
  void hear_digits(Leg& leg, bool was_lost, TimePoint now);
  void take_verdicts(Leg& leg, TimePoint now);
  void speak(Leg& leg, TimePoint now);
  ByteView source(Leg& leg, ByteSpan room, TimePoint now);
  bool send_audio(Leg& leg, ByteView frame, TimePoint now);
  void send_rtcp(Leg& leg, bool bye, TimePoint now);
  OutPacket* next_packet();

  // calls_plan.cpp
  void perform(Leg& leg, const PlanStep& step, TimePoint now);
  void enter(Leg& leg, const PlanState& state, TimePoint now);
  void plan_hangup(Leg& leg, const PlanState& state, TimePoint now);
  void plan_event(Leg& leg, PlanEvent event, TimePoint now);
  void start_play(Leg& leg, std::span<const media::Prompt* const> prompts, std::uint32_t loops, PlayOwner owner,
                  TimePoint now);
  void play_tone(Leg& leg, PlanState::Tone tone, PlayOwner owner, TimePoint now);
  void play_over(Leg& leg, bool is_complete, TimePoint now);
  const char* play(Leg& leg, Command& command, TimePoint now);
  const char* record(Leg& leg, bool on, TimePoint now);
  void start_detector(Leg& leg, const DetectConfig& config, bool early);
  void on_verdict(Leg& leg, const media::Verdict& verdict, TimePoint now);

  // calls_digits.cpp
  void on_digit(Leg& leg, char digit, Duration duration, std::string_view source, TimePoint now);
  void report_digit(Leg& leg, char digit, Duration duration, std::string_view source, TimePoint now);
  void key_down(Leg& leg, char digit, TimePoint now);
  void on_info(Leg& leg, const sip::Event& event, TimePoint now);
  void on_digit_news(Leg& leg, const rtp::DigitNews& news, TimePoint now);
  const char* send_digits(Leg& leg, std::string_view digits, Duration each);
  ByteView inband_digit(Leg& leg, ByteSpan scratch);
  const char* gather(Leg& leg, const Gather& gather, TimePoint now);
  void gathered(Leg& leg, std::string_view digits, bool timed_out, TimePoint now);

  // calls_bridge.cpp
  const char* bridge(Leg& leg, LegId other, std::uint32_t shard, Command* command, TimePoint now);
  const char* unbridge(Leg& leg, TimePoint now);
  void join(Leg& a, Leg& b, TimePoint now);
  void part(Leg& leg, TimePoint now);
  void bridge_lost(Leg& leg, TimePoint now);
  void tell_bridge(const Leg& leg, LegId other, bool is_bridged, TimePoint now);

  // calls_across.cpp
  const char* ask_across(Leg& leg, LegId other, std::uint32_t shard, Command* command, TimePoint now);
  void on_asked(const Crossing& crossing, TimePoint now);
  void on_refused(Leg& leg, const char* why, TimePoint now);
  void join_across(Leg& leg, TimePoint now);
  void part_across(Leg& leg, Crossing::Kind kind, TimePoint now);
  void move_beat(Leg& leg, TimePoint theirs);
  void answer_bridge(Leg& leg, const char* error, TimePoint now);
  Crossing crossing(const Leg& leg, Crossing::Kind kind) const;
  void send_across(const Leg& leg, Crossing::Kind kind);
  void send_frame_across(const Leg& leg, TimePoint now);
  void pass_digit(const Leg& leg, char digit, Duration duration);
  std::uint32_t home_of(LegId leg, std::uint32_t said) const;

  const CallsConfig config_;
  const CallsPorts ports_;
  Pool<Leg> legs_;
  LegIndex by_id_;
  std::vector<TrunkEntry> trunks_;
  std::vector<PhoneEntry> phones_;
  Timers<Handle> timers_;
  MediaWheel wheel_;
  EventQueue events_;
  CallsCounters counters_;
  std::vector<MediaOut> media_out_;
  std::vector<OutPacket> packets_;    // one behind each MediaOut
  std::vector<Handle> slot_;          // the legs of the beat that runs
  std::vector<Detecting> detecting_;  // those of them that are under detection
  std::vector<media::DetectInput> detect_inputs_;
  std::vector<Command*> returned_;  // likewise
  std::vector<Handle> ended_;       // removed by flush_events(), so that no reference dies within a step
  std::array<media::Prompt, 3> tones_;
  std::array<const media::Prompt*, 3> tone_list_;
  std::uint64_t incoming_counter_, bridge_counter_ = 0;
  std::uint32_t bridges_ = 0, recordings_ = 0;
  Duration beat_late_{0}, beat_latest_{0};
  static constexpr int kEndScan = 1024;
  std::uint32_t end_at_ = 0;  // where end_some() goes on
  bool is_draining_ = false;
  bool has_brain_ = true;  // until the link says otherwise
  TimePoint wall_at_;
  WallTime wall_;
};

}  // namespace carillon::call
