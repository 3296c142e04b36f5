#pragma once
// An engine as the live registry needs it. The product adapts control/link's EngineLink to it, tests a fake one.

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "control/link/engine_link.h"
#include "engine/base/result.h"
#include "engine/link/engine.pb.h"

namespace carillon::control {

class Engine {
 public:
  virtual ~Engine() = default;
  virtual bool connected() const = 0;
  /// Queues a command and returns its id; 0: not taken. Any thread, waits for nothing.
  virtual std::uint64_t send(wire::ToEngine command) = 0;
  /// Sends and waits for the answer. Any thread but the one that delivers events.
  virtual Result<wire::FromEngine, LinkFault> call(wire::ToEngine command, Duration timeout) = 0;
  virtual Result<wire::PromptState, LinkFault> upload_prompt(std::string_view sha256, std::string_view bytes) = 0;
  virtual Result<std::uint64_t, LinkFault> fetch_recording(std::string_view path, std::string_view sha256,
                                                           const std::filesystem::path& file) = 0;
  virtual LinkHealth health() const = 0;
};

}  // namespace carillon::control
