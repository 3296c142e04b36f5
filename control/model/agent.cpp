#include "control/model/agent.h"

namespace carillon::control {

Rules Agent::rules() {
  static const Rule rules[] = {
      {.field = "id", .about = "Opaque, prefixed, ordered by time.", .read_only = true},
      {.field = "name", .about = "Unique within the project.", .required = true, .min = 1, .max = 64},
      {.field = "endpoint", .about = "Id of the agent's phone.", .required = true},
      {.field = "campaigns", .about = "Ids of the campaigns whose people this agent takes.", .max = 100},
      {.field = "queues", .about = "Ids of the queues likewise.", .max = 100},
      {.field = "leg", .about = "kept_up: called once at log-in; on_demand: called for every customer."},
      {.field = "status", .about = "Changed by actions and calls.", .read_only = true},
      {.field = "status_reason", .about = "Why the agent is offline, if not by a log-out.", .read_only = true},
      {.field = "since", .about = "In this status.", .read_only = true},
      {.field = "current", .about = "The person in hand; in wrap_up the last one.", .read_only = true},
      {.field = "created_at", .about = "", .read_only = true},
      {.field = "updated_at", .about = "", .read_only = true}};
  return rules;
}

}  // namespace carillon::control
