#pragma once
// HTTP/1.1 over TCP or TLS, in front of a Handler. Boost.Beast lives in its .cpp alone.
//
// One thread moves bytes, a pool runs the handler (which may wait for the store). Slow clients time out, and every
// resource has a bound: connections (further ones are closed at once), head, body, time per request, large bodies.

#include <cstdint>
#include <memory>
#include <string>

#include "control/api/request.h"
#include "engine/base/result.h"
#include "engine/base/time.h"

namespace carillon::control {

struct HttpConfig {
  std::string address = "127.0.0.1";
  std::uint16_t port = 8080;     ///< 0: any
  std::string certificate, key;  ///< PEM files; both or none
  bool insecure = false;         ///< plain HTTP beyond loopback
  std::uint32_t connections_max = 512;
  std::uint32_t large_bodies_max = 4;  ///< bodies above 1 MiB at once; one more gets 429
  std::uint32_t workers = 8;
  std::size_t header_max = 16 * 1024;
  Duration head_timeout = 10s;  ///< for the head of a request, and between requests four times as long
  Duration body_timeout = 60s;  ///< for a body; and for each write

  /// The first fault as "field: reason", or empty.
  std::string fault() const;
};

class HttpServer {
 public:
  HttpServer(HttpConfig config, Handler& handler);
  /// Stops: open requests are cut off.
  ~HttpServer();

  /// Binds and serves. Returns the port, or what went wrong in words.
  Result<std::uint16_t, std::string> start();
  void stop();

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace carillon::control
