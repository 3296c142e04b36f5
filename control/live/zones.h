#pragma once

#include "dialer/compliance/zone.h"

namespace carillon::control {

/// The system's time zones (IANA, through date/tz) from 2020 to 2045, links included. Reads files; once at start.
dialer::Zones load_zones();

}  // namespace carillon::control
