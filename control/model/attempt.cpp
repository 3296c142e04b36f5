#include "control/model/attempt.h"

#include <algorithm>

namespace carillon::control {

AttemptLead AttemptLead::of(const dialer::Lead& lead) {
  return {.number = lead.id.value,
          .phone = lead.number,
          .time_zone = lead.time_zone,
          .priority = lead.priority,
          .attempts = lead.attempts,
          .attempts_today = lead.attempts_today,
          .attempts_day = lead.attempts_day,
          .by_outcome = {lead.by_outcome.begin(), lead.by_outcome.end()},
          .sticky = lead.sticky.value};
}

dialer::Lead AttemptLead::to_lead() const {
  dialer::Lead lead{.id = {number},
                    .number = phone,
                    .time_zone = time_zone,
                    .priority = priority,
                    .attempts = attempts,
                    .attempts_today = attempts_today,
                    .attempts_day = attempts_day,
                    .sticky = {sticky}};
  for (std::size_t i = 0; i < std::min(by_outcome.size(), lead.by_outcome.size()); ++i)
    lead.by_outcome[i] = static_cast<std::uint8_t>(std::min<std::uint32_t>(by_outcome[i], 0xFF));
  return lead;
}

Rules Attempt::rules() {
  static const Rule rules[] = {
      {.field = "lead", .about = "Id of the lead."},
      {.field = "call", .about = "Id of the call."},
      {.field = "outcome",
       .about = "connected, message_heard, message_cut, message_left, machine, abandoned, opted_out, no_answer, busy, "
                "congestion, invalid_number, rejected, fax, silence, failed or person_hung_up; in a queue answered, "
                "abandoned, overflowed or failed; none while it lives."},
      {.field = "queue", .about = "Id of the inbound queue, where the person called us."},
      {.field = "waiting_at", .about = "In a queue: the end of the greeting, from which the wait counts."},
      {.field = "waited_ms", .about = "In this queue, for an agent."},
      {.field = "connected_at", .about = "When the person was bridged to the agent."},
      {.field = "agent", .about = "Id of the agent who got it."},
      {.field = "was_machine", .about = "The agent's word against the detector's."},
      {.field = "serial", .about = "", .read_only = true, .write_only = true},
      {.field = "dialed", .about = "", .read_only = true, .write_only = true},
      {.field = "again", .about = "", .read_only = true, .write_only = true}};
  return rules;
}

bool has_mark(const Call& call, std::string_view mark) {
  return std::ranges::any_of(call.marks, [&](const Mark& reported) { return reported.mark == mark; });
}

dialer::EndFacts facts_of(const Call& call) {
  const std::string verdict = call.verdict.value_or("");
  dialer::EndFacts facts;
  facts.sip_status = static_cast<int>(call.sip_status);
  facts.answered = call.answered_at.has_value();
  facts.connected = has_mark(call, "connected");
  constexpr std::uint32_t kNoAnswer = 19;  // Q.850: the engine's own end of ringing, or the network's
  facts.rang_out = !facts.answered && call.cause == kNoAnswer;
  const bool hung_up_early = call.ended_by == EndedBy::kControl && !facts.answered;
  const bool never_left = call.ended_by == EndedBy::kEngine && call.sip_status < 300 && !facts.rang_out;
  facts.engine_fault = call.error.has_value() || hung_up_early || never_left;
  facts.person = verdict == "human" || has_mark(call, "person") || has_mark(call, "wants_agent");
  facts.machine = verdict == "machine";
  facts.fax = verdict == "fax";
  facts.tone = verdict == "sit" || verdict == "busy" || verdict == "congestion";
  facts.silence = verdict == "silence";
  facts.message_started = has_mark(call, "message_started");
  facts.message_done = has_mark(call, "message_done");
  facts.opted_out = has_mark(call, "opt_out");
  facts.abandoned = (has_mark(call, "safe_harbour") || has_mark(call, "abandoned")) && !facts.connected;
  return facts;
}

}  // namespace carillon::control
