#pragma once

#include "control/api/service.h"
#include "control/import/importer.h"
#include "control/live/campaigns.h"
#include "control/live/live.h"

namespace carillon::control {

class Webhooks;

/// What the operations of the API work with.
struct Plane {
  Store& store;
  IdMaker& ids;
  EventHub& hub;
  Live& live;
  Service& service;
  std::function<WallTime()> clock;
  Importer& importer;
  Campaigns* campaigns = nullptr;  ///< none: no campaigns, no agents
  Webhooks* webhooks = nullptr;    ///< none: no webhooks
};

/// Gives the service every operation there is.
void add_operations(Plane& plane);

// one file per resource in control/api/resources
std::vector<Operation> project_operations(Plane& plane);
std::vector<Operation> token_operations(Plane& plane);
std::vector<Operation> trunk_operations(Plane& plane);
std::vector<Operation> endpoint_operations(Plane& plane);
std::vector<Operation> prompt_operations(Plane& plane);
std::vector<Operation> number_operations(Plane& plane);
std::vector<Operation> call_operations(Plane& plane);
std::vector<Operation> call_action_operations(Plane& plane);
std::vector<Operation> cdr_operations(Plane& plane);
std::vector<Operation> recording_operations(Plane& plane);
std::vector<Operation> event_operations(Plane& plane);
std::vector<Operation> system_operations(Plane& plane);
std::vector<Operation> engine_operations(Plane& plane);
std::vector<Operation> list_operations(Plane& plane);
std::vector<Operation> lead_operations(Plane& plane);
std::vector<Operation> import_operations(Plane& plane);
std::vector<Operation> do_not_call_operations(Plane& plane);
std::vector<Operation> console_operations(Plane& plane);
std::vector<Operation> campaign_operations(Plane& plane);
std::vector<Operation> agent_operations(Plane& plane);
std::vector<Operation> attempt_operations(Plane& plane);
std::vector<Operation> queue_operations(Plane& plane);
std::vector<Operation> webhook_operations(Plane& plane);

/// Is a number, written with or without "+", on the project's do-not-call list? Looked up before every call that the
/// API places.
bool is_blocked(Plane& plane, const std::string& project, const std::string& number);

/// Project "default" and an admin token, written to `<folder>/admin.token` (mode 0600), where none is yet.
/// Returns the path when it was written now, else nothing. throws std::runtime_error when it cannot be written
std::optional<std::string> first_start(Store& store, IdMaker& ids, const std::string& folder, WallTime now);

}  // namespace carillon::control
