#pragma once

#include <string>
#include <vector>

#include "control/api/http_server.h"
#include "control/api/rate_limit.h"
#include "control/link/engine_link.h"

namespace carillon::control {

struct EngineConfig {
  std::string name;
  std::string link;  ///< "unix:PATH" or "tcp:IP:PORT"
  link::TlsConfig tls;
};

/// carillon-control's configuration file (TOML).
struct ControlConfig {
  std::string data_dir;  ///< data bases, prompts, recordings, admin.token
  std::string log_level = "info";
  HttpConfig http;
  RateLimit rate_limit{.requests = 5000, .window = 10s};  ///< requests 0: none
  bool webhooks_allow_private = false;                    ///< webhooks may go to addresses inside
  std::string webhooks_ca;                                ///< PEM file: authorities beside those of the system
  std::vector<EngineConfig> engines;

  /// The first fault as "field: reason", or empty.
  std::string fault() const;
};

/// Reads TOML text. The error names the line or the field; a field that we do not know is an error.
Result<ControlConfig, std::string> parse_config(std::string_view text);

}  // namespace carillon::control
