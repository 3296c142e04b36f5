#pragma once

#include <memory>
#include <string>

#include "engine/base/result.h"
#include "engine/io/config.h"
#include "engine/io/port.h"

namespace carillon::io {

struct MadePort {
  std::unique_ptr<Port> port;
  std::string why_not_uring;  ///< set when mmsg stands in for uring: a line for the log
};

/// The kernel back end that the configuration asks for; kAutomatic takes uring, else mmsg and says why.
Result<MadePort, IoError> make_port(const PortConfig& config);

/// "address in use", for logs and answers.
const char* text(IoError error);

}  // namespace carillon::io
