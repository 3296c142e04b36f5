#pragma once
// One core of the engine: owns its sockets, its SIP agent, its calls and their timers, and steps them. What enters:
// datagrams, commands by ring, the time. What leaves: datagrams, events by ring. Its owner loops
//
//   shard.step(MonoClock::now(), wall_now());
//   port.wait(shard.deadline());

#include <memory>
#include <string>
#include <vector>

#include "engine/call/calls.h"
#include "engine/io/port.h"
#include "engine/shard/crossings.h"
#include "engine/shard/mesh.h"
#include "engine/shard/pair_pool.h"

namespace carillon::shard {

struct ShardConfig {
  std::uint32_t index = 0, count = 1;
  Endpoint sip;                          ///< where it listens; port 0: any
  Endpoint sip_advertised;               ///< unspecified: `sip`
  Endpoint rtp, rtp_advertised;          ///< addresses; advertised unspecified: `rtp`
  std::vector<Endpoint> rtp_more{};      ///< further ones with the same ports
  std::uint16_t rtp_port_first = 20000;  ///< even
  std::uint32_t rtp_pairs = 2000;
  std::uint32_t legs_max = 2000;
  std::string realm = "carillon";
  bool offers_sha256 = false;
  std::array<std::uint8_t, 32> nonce_key{};  ///< the same for all shards
  std::size_t trace_messages = 16'384;
  sip::Timing sip_timing;
  call::AdmissionConfig admission;
};

struct ShardParts {
  io::Port& port;
  call::ShardRings& rings;
  call::RecordSink& recordings;
  call::TrunkBoard& trunks;
  Mesh& mesh;
};

/// Plain integers, beside those of agent, calls and port.
struct ShardCounters {
  std::uint64_t passed_on = 0, passed_full = 0, passed_long = 0, nobody = 0;
};

class Shard {
 public:
  Shard(const ShardConfig& config, const ShardParts& parts, std::uint64_t seed, TimePoint now, WallTime wall);
  ~Shard();
  Shard(const Shard&) = delete;

  /// Binds the SIP socket. Empty, or why not. Once, before the first step.
  std::string open();
  /// One turn: take in, work, send out. Every part has a bound. False: there was nothing to do.
  bool step(TimePoint now, WallTime wall);
  /// A bound of the last step was reached: it should be called again at once.
  bool has_more() const { return has_more_; }
  /// When step() must be called next if nothing comes in; `now` or earlier: at once.
  TimePoint deadline() const;
  /// From now on no calls are taken and those that stand are ended with this reason, some per step.
  void stop(std::string_view why) { stopping_.assign(why); }
  /// After stop(): all calls are ended and their BYEs answered.
  bool is_silent() const;

  /// How long the last step took: the shard reads no clock. Once after each step: new calls are taken by it. Steps that
  /// found nothing are not work: a shard that polls makes millions of them.
  void note_step(Duration time, bool worked, TimePoint now) {
    ++load_.steps;
    if (!worked) {
      ++load_.steps_idle;
      time = Duration{0};
    }
    load_.busy += time;
    load_.step_longest = std::max(load_.step_longest, time);
    gate_.note({.busy = time,
                .beat_late = calls_->beat_late(),
                .legs = static_cast<std::uint32_t>(calls_->legs()),
                .legs_speaking = static_cast<std::uint32_t>(calls_->speaking()),
                .pool_used = load_.buffers.used,
                .pool_room = load_.buffers.room},
               now);
  }

  Endpoint sip_address() const;
  const call::Calls& calls() const { return *calls_; }
  std::uint32_t pairs_lent() const { return pairs_->lent(); }
  const ShardCounters& counters() const { return counters_; }
  /// Frames for legs of other shards that found no room.
  std::uint64_t frames_full() const { return crossings_.frames_full(); }

 private:
  /// A SIP socket on another address of ours, for the trunks that ask for it.
  struct SipSocket {
    Endpoint local;
    io::SocketId socket;
  };
  struct SipRoute {
    std::string trunk;
    Endpoint gateway;
    io::SocketId socket;
  };
  static constexpr std::size_t kTrunkSocketsMax = 16;
  static constexpr int kCommandsPerStep = 64, kBurst = 256, kTimersPerStep = 512, kPassedPerStep = 32,
                       kCrossingsPerStep = 4096, kRemindersPerSecond = 32;
  static constexpr std::size_t kOutboxMax = 2048;  // datagrams of SIP
  static constexpr std::size_t kOwnersAhead = 16, kLegsAhead = 10, kBuffersAhead = 4, kPairsAhead = 8;

  void take_commands(TimePoint now);
  const char* bind_trunk(const call::Trunk& trunk);
  bool is_sip(io::SocketId socket) const;
  io::SocketId sip_socket(const Endpoint& to) const;
  void take_passed(TimePoint now);
  void take_crossings(TimePoint now);
  void take_packets(TimePoint now);
  void take_sip(ByteView data, const Endpoint& from, TimePoint now);
  void pass_on(std::uint32_t to, ByteView data, const Endpoint& from);
  void pump_sip(TimePoint now);
  void pass_binding(const sip::BindingNews& news);
  void remind(TimePoint now);
  void send_sip(TimePoint now);
  void send_media();
  void report(TimePoint now);
  void report_load(call::ShardStats& stats, TimePoint now);

  const ShardConfig config_;
  const ShardParts parts_;
  Random random_;
  io::SocketId sip_socket_;
  std::vector<SipSocket> trunk_sockets_;
  std::vector<SipRoute> routes_;  // only of trunks that are bound elsewhere
  std::unique_ptr<PairPool> pairs_;
  std::unique_ptr<sip::UserAgent> agent_;
  call::TraceLog trace_;
  call::AdmissionGate gate_;
  Crossings crossings_;
  std::unique_ptr<call::Calls> calls_;
  std::vector<io::Outgoing> batch_;
  std::unique_ptr<Passed> passed_;  // scratch: too long for the stack
  call::Crossing crossing_;         // likewise
  ShardCounters counters_;
  FixedText<96> stopping_;
  TimePoint start_, report_at_;
  std::uint32_t reminded_ = 0;  // how far this round of reminders has come
  WallTime start_wall_;
  struct Load {
    std::uint64_t steps = 0, steps_idle = 0;
    Duration busy{0}, busy_reported{0};
    Duration step_longest{0};  // since the last report
    TimePoint reported_at{};
    io::BufferLevel buffers;  // as of the last report
  } load_;
  bool has_more_ = false;
  bool has_worked_ = false;  // this step
};

}  // namespace carillon::shard
