#pragma once

#include <cstdint>

/// Calls of operator new in this program so far.
std::uint64_t allocations_so_far();
