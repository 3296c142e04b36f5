#include "control/api/attempt_view.h"

#include "control/live/stored.h"
#include "control/model/call.h"

namespace carillon::control {

std::optional<Attempt> attempt_view(Plane& plane, const AttemptRow& row) {
  auto attempt = read_stored<Attempt>(row.body);
  if (!attempt || attempt->recording || !attempt->answered_at || attempt->call.empty()) return attempt;
  if (const auto call = plane.store.call(attempt->project, attempt->call))
    if (const auto body = read_stored<Call>(call->body)) attempt->recording = body->recording;
  return attempt;
}

}  // namespace carillon::control
