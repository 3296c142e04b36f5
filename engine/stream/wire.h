#pragma once
// One non-blocking socket, with or without TLS over it.

#include <openssl/types.h>

#include <memory>
#include <string>

#include "engine/base/bytes.h"
#include "engine/base/endpoint.h"
#include "engine/base/result.h"
#include "engine/stream/tls.h"

namespace carillon::stream {

class Wire {
 public:
  enum class Io : std::uint8_t { kOk, kAgain, kClosed, kFailed };

  /// Takes over `fd`. `tls` null: plain. `server`: whom we call, for SNI.
  Wire(int fd, std::shared_ptr<const TlsContext> tls, std::string_view server = {});
  ~Wire();
  Wire(Wire&&) = delete;

  int fd() const { return fd_; }
  /// kOk: ready for read() and write(). Over plain TCP that is at once.
  Io handshake();
  /// `got` > 0 with kOk only.
  Io read(ByteSpan into, std::size_t& got);
  /// Writes some of it; `sent` may be less than all with kAgain.
  Io write(ByteView bytes, std::size_t& sent);
  /// Besides EPOLLIN, TLS waits for room to write.
  bool wants_write() const { return wants_write_; }
  /// Bytes lie inside TLS that epoll does not know of.
  bool has_more() const;
  /// Says good-bye (close_notify) if there is room for it at once.
  void finish();

  /// The other side's verified certificate, or null; lives as long as the Wire.
  const X509* peer_certificate() const;
  /// Of our calls: the certificate is for `name`.
  bool is_for(std::string_view name) const;
  /// Why kFailed, in words.
  const std::string& error() const { return error_; }

 private:
  Io after_tls(int result);
  Io after_system(const char* what);

  int fd_;
  std::shared_ptr<const TlsContext> tls_;
  SSL* ssl_ = nullptr;
  bool wants_write_ = false, is_broken_ = false;
  std::string error_;
};

/// Non-blocking, close-on-exec. The error says what the operator has to look at: "bind 192.0.2.1:5061: address in use".
Result<int, std::string> listen_on(const Endpoint& local, int backlog);
/// Connects or starts to; -1 when the system has no way or no descriptor.
int start_connect(const Endpoint& peer, std::string& error);
/// 0 when a started connect has succeeded, else errno.
int connect_result(int fd);
/// The next waiting connection, or -1 with errno.
int accept_on(int listener, Endpoint& peer);
Endpoint local_of(int fd);

}  // namespace carillon::stream
