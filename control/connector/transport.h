#pragma once
// One request out, one answer back: what webhooks need of HTTP, without a socket in sight.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "control/api/request.h"
#include "control/connector/address.h"
#include "engine/base/time.h"

namespace carillon::control {

struct HookRequest {
  HookUrl url;
  HeaderList headers;
  std::string body;
};

/// status 0: there was no answer, and `error` says why.
struct HookAnswer {
  int status = 0;
  HeaderList headers = {};
  std::string body = {};  ///< its beginning
  std::string error = {};
  std::chrono::milliseconds took{0};
};

class HookTransport {
 public:
  virtual ~HookTransport() = default;
  /// Any thread; does not wait. `done` is called once from some thread, unless the transport is destroyed first.
  virtual void send(HookRequest request, std::function<void(HookAnswer)> done) = 0;
};

struct HttpClientConfig {
  bool allow_private = false;               ///< addresses that are not of the public internet, too
  std::string ca_file = {};                 ///< PEM, beside those of the system
  std::chrono::milliseconds timeout = 10s;  ///< for the whole exchange
  std::size_t answer_max = 16 * 1024;       ///< of the answer's body, the rest is not read
};

/// POST by HTTP/1.1 over TCP or TLS (1.2 or newer, certificate and name checked). Follows no redirect. One thread moves
/// the bytes of all exchanges. Boost.Beast lives in its .cpp alone.
std::unique_ptr<HookTransport> make_http_client(const HttpClientConfig& config);

}  // namespace carillon::control
