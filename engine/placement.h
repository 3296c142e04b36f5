#pragma once
// Which core a shard runs on, and whether the machine lets it.

#include <optional>
#include <string>

#include "engine/config.h"

namespace carillon {

/// Shard `index`'s core: the one that engine.cores names, else by engine.pin core `index`, counted round. Nothing:
/// where the kernel likes.
std::optional<std::uint32_t> core_of(const EngineConfig& config, std::uint32_t index);

/// Moves the calling thread to that core and no other. Empty, or why not: "CPU 9 is not online (0-3 are)".
std::string pin_here(std::uint32_t core);

/// Tries each of engine.cores. The first fault as "engine.cores: reason", or empty. engine.pin alone promises nothing,
/// so a refusal there is none: the shard runs where the kernel likes.
std::string placement_fault(const EngineConfig& config);

}  // namespace carillon
