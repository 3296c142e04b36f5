#pragma once

#include "control/store/store.h"

namespace carillon::control {

/// Writes one attempt inside a transaction of the group commit.
void put_attempt(Database& database, const AttemptRow& attempt);

}  // namespace carillon::control
