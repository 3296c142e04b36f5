#pragma once
// What a shard tells the link thread: one trivially copyable message for a ring.

#include <array>
#include <cstdint>
#include <type_traits>

#include "engine/base/endpoint.h"
#include "engine/base/fixed_text.h"
#include "engine/base/time.h"
#include "engine/base/units.h"

namespace carillon::call {

enum class LegPhase : std::uint8_t { kTrying, kRinging, kEarly, kAnswered, kEnded, kIncoming };
enum class EndedBy : std::uint8_t { kNobody, kPeer, kControl, kPlan, kEngine };

struct RtpStats {
  std::uint64_t packets_in = 0, packets_out = 0, lost = 0, discarded = 0, foreign = 0;
  std::uint32_t jitter_us = 0, remote_lost = 0, remote_jitter_us = 0, round_trip_us = 0;
};

/// Everything a CDR needs; the same fields at every phase.
struct LegState {
  LegPhase phase = LegPhase::kTrying;
  FixedText<96> call_id;
  FixedText<64> from, to;
  FixedText<48> trunk, endpoint;  ///< ids
  std::uint16_t sip_status = 0;
  FixedText<96> reason;
  std::uint8_t cause = 0;  ///< Q.850
  EndedBy ended_by = EndedBy::kNobody;
  WallTime started{}, ringing{}, answered{}, ended{};  ///< epoch: never
  bool inbound = false;
  RtpStats rtp;
  std::array<FixedText<48>, 4> trunks_tried;
  std::uint8_t trunks_tried_count = 0;
  FixedText<16> verdict;
  FixedText<32> last_mark;
  FixedText<8> codec;
};
struct DetectionNews {
  FixedText<16> verdict;  ///< human machine beep fax busy congestion sit ringback silence not_sure
  double confidence = 0;
  Duration since_answer{0}, since_speech_end{0};
  bool is_final = false;
  FixedText<128> why;
};
struct DtmfNews {
  char digit = 0;
  Duration duration{0};
  FixedText<8> source;  ///< rfc4733 inband info
};
struct PlayDone {
  bool complete = false;
  FixedText<64> prompt;
};
struct Gathered {
  FixedText<32> digits;
  bool timed_out = false;
};
struct PlanMark {
  FixedText<32> mark, state;
};
struct BridgeState {
  LegId other;
  bool bridged = false;
};
struct EndpointState {
  FixedText<48> id;
  bool registered = false;
  FixedText<128> contact;
  std::uint32_t expires_s = 0;
  FixedText<64> user_agent;
  Endpoint source;
};
struct TrunkState {
  FixedText<48> id;
  bool reachable = false, registered = false;
  std::uint16_t sip_status = 0;
  FixedText<96> reason;
  std::uint32_t channels = 0;
};
/// Counters since start, summed by the link thread over the shards, about once a second.
struct ShardStats {
  std::uint32_t shard = 0, legs = 0, bridges = 0, recordings = 0;
  std::uint64_t packets_in = 0, packets_out = 0, late_frames = 0;
  std::uint64_t originated = 0, answered = 0, incoming = 0;
  std::uint64_t busy_ns = 0;                ///< in steps that found something to do
  std::uint64_t steps = 0, steps_idle = 0;  ///< all of them; those that found nothing
  std::uint32_t step_longest_us = 0;        ///< of the last second
  std::uint32_t beat_latest_us = 0;         ///< of the last second: how late the latest beat ran
  float headroom_rate = 1;                  ///< share of the core that is left, 0..1, of the last second
  bool refuses = false;                     ///< overloaded: new calls get 503, Originate is refused
  struct Depth {                            ///< of a queue or pool, now
    FixedText<24> name;
    std::uint32_t used = 0, room = 0;
  };
  std::array<Depth, 8> depths;
  std::uint8_t depths_count = 0;
  struct Drop {
    FixedText<24> reason;
    std::uint64_t count = 0;
  };
  std::array<Drop, 24> drops;
  std::uint8_t drops_count = 0;
};

enum class EventKind : std::uint8_t {
  kDone,  ///< answers a command: `command`, `ok`, `error`
  kLegState,
  kDetection,
  kDtmf,
  kPlayDone,
  kGathered,
  kPlanMark,
  kBridgeState,
  kEndpointState,
  kTrunkState,
  kStats
};

struct Done {
  bool ok = true;
  FixedText<96> error;
};

struct Event {
  EventKind kind = EventKind::kDone;
  LegId leg;
  std::uint64_t command = 0;  ///< kDone: the id of the command that this answers
  WallTime at{};
  union Body {
    Body() : done{} {}
    Done done;
    LegState leg;
    DetectionNews detection;
    DtmfNews dtmf;
    PlayDone play_done;
    Gathered gathered;
    PlanMark mark;
    BridgeState bridge;
    EndpointState endpoint;
    TrunkState trunk;
    ShardStats stats;
  } body;
};
static_assert(std::is_trivially_copyable_v<Event>);

}  // namespace carillon::call
