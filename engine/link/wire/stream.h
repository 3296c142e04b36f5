#pragma once
// A non-blocking byte stream over a Unix socket or TCP, with mutual TLS where it is configured. Whoever owns one polls
// fd() for wants() and then calls receive() and flush().

#include <openssl/types.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "engine/base/result.h"
#include "engine/link/wire/address.h"

namespace carillon::link {

/// Mutual TLS 1.2+: each side shows a certificate and accepts the other's only when `ca_file` signed it. All three or
/// none. `peer_name` (optional) must be in the other side's certificate: one engine cannot stand in for another.
struct TlsConfig {
  std::string certificate_file, key_file, ca_file;  ///< PEM
  std::string peer_name;

  bool is_set() const { return !certificate_file.empty() || !key_file.empty() || !ca_file.empty(); }
  /// The first fault as "field: reason", or empty. Does not open the files.
  std::string fault() const;
};

class TlsContext {
 public:
  enum class Role : std::uint8_t { kServer, kClient };
  /// Reads the files. The error names the file.
  static Result<std::unique_ptr<TlsContext>, std::string> make(const TlsConfig& config, Role role);
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

 private:
  friend class Stream;
  TlsContext(SSL_CTX* context, Role role, std::string peer_name);
  SSL_CTX* context_;
  Role role_;
  std::string peer_name_;
};

/// One connection. Not thread-safe. `tls` must outlive it.
class Stream {
 public:
  enum class Io : std::uint8_t { kOk, kAgain, kClosed, kFailed };

  /// Starts to connect; errors that come later show in receive() and flush(). Plain TCP to a far host is refused.
  static Result<std::unique_ptr<Stream>, std::string> connect(const Address& address, const TlsContext* tls);
  /// Takes over an accepted, non-blocking socket.
  static Result<std::unique_ptr<Stream>, std::string> accepted(int fd, const TlsContext* tls);
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  int fd() const { return fd_; }
  /// Events for poll(2).
  short wants() const;
  /// Appends what has come in, at most `most` bytes. kAgain: nothing now.
  Io receive(std::string& into, std::size_t most);
  /// Keeps bytes to send; flush() sends them.
  void queue(std::string_view bytes);
  /// Sends what it can. kOk: all gone; kAgain: poll for POLLOUT.
  Io flush();
  std::size_t queued() const { return out_.size() - sent_; }
  /// Bytes that came in lie in the TLS layer: receive() again, poll(2) does not know of them.
  bool has_more() const;
  /// Connected, and over TLS the other side is who it should be.
  bool is_established() const { return state_ == State::kOpen; }
  /// Why kFailed, in words.
  const std::string& error() const { return error_; }

 private:
  enum class State : std::uint8_t { kConnecting, kHandshake, kOpen, kFailed };

  Stream(int fd, State state) : fd_(fd), state_(state) {}
  bool start_tls(const TlsContext& tls);
  Io advance();
  Io fail(std::string why);
  Io tls_result(int result, const char* what);

  int fd_;
  State state_;
  SSL* ssl_ = nullptr;
  bool tls_wants_write_ = false;
  std::string out_;
  std::size_t sent_ = 0;
  std::string error_;
};

/// Blocks SIGPIPE in the calling thread, which TLS over a broken connection would raise. Each thread that owns a Stream
/// calls it once.
void block_broken_pipe_signal();

/// A listening socket. A Unix socket's file is made with mode 0660 and removed at the end.
class Listener {
 public:
  /// Plain TCP on anything but loopback is refused: `has_tls` says whether accepted streams will speak TLS. A Unix
  /// socket left by a dead engine is replaced; one that a living process serves is an error.
  static Result<std::unique_ptr<Listener>, std::string> listen(const Address& address, bool has_tls);
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  int fd() const { return fd_; }
  /// Where it really listens (the kernel's choice for port 0).
  const Address& address() const { return address_; }
  /// A non-blocking socket, or -1 when none waits.
  int accept();

 private:
  Listener(int fd, Address address) : fd_(fd), address_(std::move(address)) {}
  int fd_;
  Address address_;
};

}  // namespace carillon::link
