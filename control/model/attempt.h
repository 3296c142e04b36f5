#pragma once
// One dial of one lead, from the intent to its outcome, and what an agent said of it. Also one caller's time in one
// inbound queue: then `queue` is set, campaign and lead are empty.

#include <boost/describe.hpp>
#include <optional>
#include <string>
#include <vector>

#include "control/model/call.h"
#include "dialer/campaign/outcome.h"

namespace carillon::control {

/// dialing: the call is on its way or lives. ended: outcome known. settled: its lead is back in its list, too.
enum class AttemptStatus { kDialing, kEnded, kSettled };
BOOST_DESCRIBE_ENUM(AttemptStatus, kDialing, kEnded, kSettled)

/// The lead as it was counted for this attempt: what a restart gives back to the dialer.
struct AttemptLead {
  std::uint64_t number = 0;
  std::string phone, time_zone;
  std::int32_t priority = 0;
  std::uint32_t attempts = 0, attempts_today = 0;
  std::int64_t attempts_day = 0;
  std::vector<std::uint32_t> by_outcome;
  std::uint64_t sticky = 0;
  static AttemptLead of(const dialer::Lead& lead);
  dialer::Lead to_lead() const;
};
BOOST_DESCRIBE_STRUCT(AttemptLead, (),
                      (number, phone, time_zone, priority, attempts, attempts_today, attempts_day, by_outcome, sticky))

struct Attempt {
  static constexpr const char* kSchema = "Attempt";
  std::string id, project, campaign, lead, call, number;
  AttemptStatus state = AttemptStatus::kDialing;
  std::optional<std::string> outcome;
  WallTime placed_at{};
  std::optional<WallTime> answered_at, connected_at, ended_at;
  std::optional<std::string> agent, verdict, disposition, note;
  std::optional<WallTime> callback_at;
  bool was_machine = false;
  std::optional<std::string> recording;
  std::optional<std::string> queue;
  std::optional<WallTime> waiting_at;  ///< in a queue: since when the caller waited
  std::uint64_t waited_ms = 0;
  // ours alone
  std::uint64_t serial = 0;
  AttemptLead dialed;
  std::optional<WallTime> again;  ///< when its lead is to be tried again; none: it is done
  static Rules rules();
};
BOOST_DESCRIBE_STRUCT(Attempt, (),
                      (id, project, campaign, lead, call, number, state, outcome, placed_at, answered_at, connected_at,
                       ended_at, agent, verdict, disposition, note, callback_at, was_machine, recording, queue,
                       waiting_at, waited_ms, serial, dialed, again))

/// What the call's record says of how the attempt ended.
dialer::EndFacts facts_of(const Call& call);

/// Has the plan reported this mark?
bool has_mark(const Call& call, std::string_view mark);

}  // namespace carillon::control
