#pragma once
// A call as the API shows it, what is asked for when one is placed, and what is left of it: CDR and recording.

#include <boost/describe.hpp>
#include <boost/json/value.hpp>

#include "control/model/plan.h"
#include "control/model/resources.h"

namespace carillon::control {

enum class Direction { kOutbound, kInbound };
BOOST_DESCRIBE_ENUM(Direction, kOutbound, kInbound)
enum class CallStatus { kDialing, kRinging, kAnswered, kEnded };
BOOST_DESCRIBE_ENUM(CallStatus, kDialing, kRinging, kAnswered, kEnded)
enum class EndedBy { kNobody, kPeer, kControl, kPlan, kEngine };
BOOST_DESCRIBE_ENUM(EndedBy, kNobody, kPeer, kControl, kPlan, kEngine)

struct Mark {
  std::string mark;
  WallTime at{};
};
BOOST_DESCRIBE_STRUCT(Mark, (), (mark, at))

struct RtpSummary {
  static constexpr const char* kSchema = "Rtp";
  std::uint64_t packets_in = 0, packets_out = 0, lost = 0, discarded = 0, foreign = 0;
  std::uint32_t jitter_us = 0, remote_lost = 0, remote_jitter_us = 0, round_trip_us = 0;
};
BOOST_DESCRIBE_STRUCT(RtpSummary, (),
                      (packets_in, packets_out, lost, discarded, foreign, jitter_us, remote_lost, remote_jitter_us,
                       round_trip_us))

struct Call {
  static constexpr const char* kSchema = "Call";
  std::string id, project;
  Direction direction = Direction::kOutbound;
  CallStatus state = CallStatus::kDialing;
  std::string from, to;
  std::optional<std::string> trunk, endpoint;
  std::uint32_t sip_status = 0;
  std::string reason;
  std::uint32_t cause = 0;
  EndedBy ended_by = EndedBy::kNobody;
  WallTime created_at{};
  std::optional<WallTime> ringing_at, answered_at, ended_at;
  std::uint64_t talk_ms = 0;
  std::optional<std::string> verdict;
  std::optional<double> verdict_confidence;
  std::optional<std::uint32_t> verdict_latency_ms;
  std::optional<std::string> verdict_why;
  std::vector<Mark> marks;
  std::string digits;
  std::optional<std::string> recording;
  std::optional<RtpSummary> rtp;
  std::string sip_call_id, codec;
  std::optional<std::string> bridged_with;
  std::vector<std::string> trunks_tried;
  std::optional<std::string> error;
  // of a call that came in by a queue
  std::optional<std::string> queue, queue_outcome, agent;
  std::optional<std::uint64_t> waited_ms;
  // ours alone: what control still has to do for this call after a restart
  std::string engine;
  std::uint64_t leg = 0;
  std::optional<EndpointRoute> connect;  ///< phone to ring (inbound: now; outbound: at answer)
  bool record = false;
  bool has_harbour = false;                   ///< its plan speaks by itself when no agent comes
  std::vector<std::string> queue_chain = {};  ///< the queues that its plan knows, in order
  static Rules rules();
};
BOOST_DESCRIBE_STRUCT(Call, (),
                      (id, project, direction, state, from, to, trunk, endpoint, sip_status, reason, cause, ended_by,
                       created_at, ringing_at, answered_at, ended_at, talk_ms, verdict, verdict_confidence,
                       verdict_latency_ms, verdict_why, marks, digits, recording, rtp, sip_call_id, codec, bridged_with,
                       trunks_tried, error, queue, queue_outcome, agent, waited_ms, engine, leg, connect, record,
                       has_harbour, queue_chain))

/// Did it end because its engine ended, and not by anybody's will?
bool is_lost_with_engine(const Call& call);

struct CallRequest {
  static constexpr const char* kSchema = "CallRequest";
  std::optional<std::string> trunk;
  std::vector<std::string> trunks;
  std::optional<std::string> endpoint;
  std::string to, from, from_name;
  std::uint32_t ring_time_s = 60;
  std::map<std::string, std::string> headers;
  bool record = false;
  bool detect = false;
  PlanBody plan;
  static Rules rules();
};
BOOST_DESCRIBE_STRUCT(CallRequest, (),
                      (trunk, trunks, endpoint, to, from, from_name, ring_time_s, headers, record, detect, plan))

/// A call detail record: written once, when the call has ended.
struct Cdr {
  static constexpr const char* kSchema = "Cdr";
  std::string id, call, project;
  Direction direction = Direction::kOutbound;
  std::string from, to, trunk, endpoint;
  WallTime started_at{};
  std::optional<WallTime> ringing_at, answered_at;
  WallTime ended_at{};
  std::uint64_t ring_ms = 0, talk_ms = 0;
  std::uint32_t sip_status = 0;
  std::uint32_t cause = 0;
  std::string reason;
  EndedBy ended_by = EndedBy::kNobody;
  std::string verdict, last_mark, digits, codec, sip_call_id, bridged_with, engine, error;
  std::string queue, queue_outcome, agent;
  std::uint64_t waited_ms = 0;  ///< for an agent of the queue
  static Cdr of(const Call& call, std::string id);
};
BOOST_DESCRIBE_STRUCT(Cdr, (),
                      (id, call, project, direction, from, to, trunk, endpoint, started_at, ringing_at, answered_at,
                       ended_at, ring_ms, talk_ms, sip_status, cause, reason, ended_by, verdict, last_mark, digits,
                       codec, sip_call_id, bridged_with, engine, error, queue, queue_outcome, agent, waited_ms))

enum class RecordingStatus { kFetching, kReady, kFailed };
BOOST_DESCRIBE_ENUM(RecordingStatus, kFetching, kReady, kFailed)

struct Recording {
  static constexpr const char* kSchema = "Recording";
  std::string id, project, call;
  RecordingStatus state = RecordingStatus::kFetching;
  std::uint64_t duration_ms = 0, size = 0;
  std::string sha256;
  bool repaired = false;
  WallTime started_at{};
  std::optional<std::string> error;
  std::string engine, path;
  static Rules rules();
};
BOOST_DESCRIBE_STRUCT(Recording, (),
                      (id, project, call, state, duration_ms, size, sha256, repaired, started_at, error, engine, path))

}  // namespace carillon::control
