#pragma once

#include <string_view>

#include "engine/base/fixed_text.h"
#include "engine/call/command.h"

namespace carillon::call {

/// Writes a number as a trunk wants it: takes `strip` digits off the front, puts the prefix there, then sees to the
/// plus sign (kKeep: as it came). Only numbers ("+" and digits) are rewritten; a user part such as "alice" stays.
///
///   +14155550100  strip 1, prefix 9, kRemove  →  94155550100
FixedText<64> rewrite(std::string_view number, const NumberRule& rule);

}  // namespace carillon::call
