#pragma once
// Agents as the API shows them, and their seats as they survive a restart.

#include <boost/describe.hpp>
#include <boost/json/value.hpp>
#include <optional>
#include <string>
#include <vector>

#include "control/model/resources.h"

namespace carillon::control {

/// kept_up: the phone is called once at log-in and stays on the line. on_demand: it rings for every customer.
enum class AgentLeg { kKeptUp, kOnDemand };
BOOST_DESCRIBE_ENUM(AgentLeg, kKeptUp, kOnDemand)
enum class AgentState { kOffline, kReady, kReserved, kTalking, kWrapUp, kBreak };
BOOST_DESCRIBE_ENUM(AgentState, kOffline, kReady, kReserved, kTalking, kWrapUp, kBreak)

/// What is in an agent's hands, or was last (wrap-up).
struct AgentCurrent {
  static constexpr const char* kSchema = "AgentCurrent";
  std::string attempt, call, campaign;
  std::optional<std::string> queue;  ///< instead of a campaign: the person called us
  std::string number;
  boost::json::value lead;
};
BOOST_DESCRIBE_STRUCT(AgentCurrent, (), (attempt, call, campaign, queue, number, lead))

struct Agent {
  static constexpr const char* kSchema = "Agent";
  std::string id, name, endpoint;
  std::vector<std::string> campaigns, queues;
  AgentLeg leg = AgentLeg::kKeptUp;
  AgentState status = AgentState::kOffline;
  std::string status_reason;  ///< why offline: phone hung up, phone did not answer, …
  std::optional<WallTime> since;
  std::optional<AgentCurrent> current;
  WallTime created_at{}, updated_at{};
  static Rules rules();
};
BOOST_DESCRIBE_STRUCT(Agent, (),
                      (id, name, endpoint, campaigns, queues, leg, status, status_reason, since, current, created_at, updated_at))

/// A seat: an agent who has logged in, as it is kept across restarts.
struct Seat {
  std::string agent, project, call;  ///< call: the leg that is kept up
  bool on_break = false;
};
BOOST_DESCRIBE_STRUCT(Seat, (), (agent, project, call, on_break))

}  // namespace carillon::control
