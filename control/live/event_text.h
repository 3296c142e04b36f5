#pragma once

#include <fmt/format.h>

#include "control/store/store.h"
#include "engine/base/time.h"

namespace carillon::control {

/// An event as followers and webhooks get it: one form everywhere.
inline std::string event_text(const EventRow& event) {
  return fmt::format(R"({{"id":"{}","time":"{}","sequence":{},"project":"{}","type":"{}","data":{}}})", event.id,
                     rfc3339(WallTime(std::chrono::milliseconds(event.time_ms))), event.sequence, event.project,
                     event.type, event.data);
}

}  // namespace carillon::control
