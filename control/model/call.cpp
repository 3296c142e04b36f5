#include "control/model/call.h"

namespace carillon::control {

Rules Call::rules() {
  static const Rule rules[] = {
      {.field = "id", .about = "Opaque, prefixed, ordered by time."},
      {.field = "endpoint", .about = "The phone, for a call to one of ours."},
      {.field = "sip_status", .about = "Final SIP status; 0: none."},
      {.field = "cause", .about = "Q.850."},
      {.field = "talk_ms", .about = "From answer to end."},
      {.field = "verdict", .about = "human, machine, fax, busy, congestion, sit, ringback, silence or not_sure."},
      {.field = "verdict_latency_ms", .about = "From answer to the verdict."},
      {.field = "marks", .about = "What the plan reported, in order."},
      {.field = "bridged_with", .about = "Id of the call at the other side."},
      {.field = "error", .about = "Why it failed before it could be placed, or what was lost."},
      {.field = "queue", .about = "Id of the inbound queue that it came to, the last one where overflow led on."},
      {.field = "queue_outcome", .about = "answered, abandoned, overflowed or failed; null while it lives."},
      {.field = "agent", .about = "Id of the agent who was offered it."},
      {.field = "waited_ms", .about = "In queues, for an agent."},
      {.field = "engine", .about = "", .read_only = true, .write_only = true},
      {.field = "leg", .about = "", .read_only = true, .write_only = true},
      {.field = "connect", .about = "", .read_only = true, .write_only = true},
      {.field = "record", .about = "", .read_only = true, .write_only = true},
      {.field = "has_harbour", .about = "", .read_only = true, .write_only = true},
      {.field = "queue_chain", .about = "", .read_only = true, .write_only = true},
  };
  return rules;
}

Rules CallRequest::rules() {
  static const Rule rules[] = {
      {.field = "trunk", .about = "Id of the trunk; or trunks, or endpoint."},
      {.field = "trunks", .about = "Ids of trunks, tried in order until one answers.", .max = 4},
      {.field = "endpoint", .about = "Id of one of our phones, instead of a trunk."},
      {.field = "to", .about = "Number to call; with endpoint it may be left out.", .max = 21},
      {.field = "from", .about = "Caller's number.", .max = 41},
      {.field = "from_name", .about = "Caller's name.", .max = 64, .check = check_header_value},
      {.field = "ring_time_s", .about = "Give up after so many seconds.", .min = 1, .max = 600},
      {.field = "headers", .about = "Added to the INVITE; names must begin with X-.", .max = 16},
      {.field = "record", .about = "Record both sides from answer."},
      {.field = "detect", .about = "Hear whether a person or a machine answered."},
      {.field = "plan", .about = "What happens once it is answered."},
  };
  return rules;
}

Rules Recording::rules() {
  static const Rule rules[] = {
      {.field = "state", .about = "fetching: still on the engine; ready; failed."},
      {.field = "repaired", .about = "Closed after a crash of the engine."},
      {.field = "sha256", .about = "Of the WAV file, hex."},
      {.field = "engine", .about = "", .read_only = true, .write_only = true},
      {.field = "path", .about = "", .read_only = true, .write_only = true},
  };
  return rules;
}

bool is_lost_with_engine(const Call& call) {
  return call.ended_by == EndedBy::kEngine && (call.reason == "engine restarted" || call.reason == "lost");
}

Cdr Cdr::of(const Call& call, std::string id) {
  Cdr cdr;
  cdr.id = std::move(id);
  cdr.call = call.id;
  cdr.project = call.project;
  cdr.direction = call.direction;
  cdr.from = call.from;
  cdr.to = call.to;
  cdr.trunk = call.trunk.value_or("");
  cdr.endpoint = call.endpoint.value_or("");
  cdr.started_at = call.created_at;
  cdr.ringing_at = call.ringing_at;
  cdr.answered_at = call.answered_at;
  cdr.ended_at = call.ended_at.value_or(call.created_at);
  const auto between = [](WallTime from, WallTime to) {
    return to > from ? static_cast<std::uint64_t>((to - from).count()) : 0u;
  };
  if (call.ringing_at) cdr.ring_ms = between(*call.ringing_at, call.answered_at.value_or(cdr.ended_at));
  cdr.talk_ms = call.talk_ms;
  cdr.sip_status = call.sip_status;
  cdr.cause = call.cause;
  cdr.reason = call.reason;
  cdr.ended_by = call.ended_by;
  cdr.verdict = call.verdict.value_or("");
  cdr.last_mark = call.marks.empty() ? "" : call.marks.back().mark;
  cdr.digits = call.digits;
  cdr.codec = call.codec;
  cdr.sip_call_id = call.sip_call_id;
  cdr.bridged_with = call.bridged_with.value_or("");
  cdr.engine = call.engine;
  cdr.error = call.error.value_or("");
  cdr.queue = call.queue.value_or("");
  cdr.queue_outcome = call.queue_outcome.value_or("");
  cdr.agent = call.agent.value_or("");
  cdr.waited_ms = call.waited_ms.value_or(0);
  return cdr;
}

}  // namespace carillon::control
