#include "engine/link/wire/stream.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace carillon::link {
namespace {

constexpr const char* kNoPlainTcp =
    "plain TCP is for loopback only; configure mutual TLS (certificate_file, key_file, ca_file) for other addresses";

std::string system_error(const char* what, const Address& address) {
  return fmt::format("{} {}: {}", what, address.text(), std::strerror(errno));
}

socklen_t fill(const Address& address, sockaddr_storage& out) {
  if (!address.is_unix) return address.endpoint.to(out);
  sockaddr_un local{};
  local.sun_family = AF_UNIX;
  std::memcpy(local.sun_path, address.path.data(), std::min(address.path.size(), sizeof local.sun_path - 1));
  std::memcpy(&out, &local, sizeof local);
  return sizeof local;
}

int open_socket(const Address& address) {
  const int family = address.is_unix ? AF_UNIX : address.endpoint.is_v6 ? AF_INET6 : AF_INET;
  return ::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

void tune(int fd) {  // fails on Unix sockets, where it is not needed
  const int on = 1;
  (void)::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  (void)::setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  const unsigned dead_after_ms = 10'000;  // a peer that vanished without a FIN
  (void)::setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &dead_after_ms, sizeof dead_after_ms);
}

// A socket file nobody listens on is left over from a dead engine.
bool remove_stale(const Address& address) {
  struct stat status {};
  if (::lstat(address.path.c_str(), &status) != 0) return true;
  if (!S_ISSOCK(status.st_mode)) return false;
  const int fd = open_socket(address);
  if (fd < 0) return false;
  sockaddr_storage out{};
  const auto length = fill(address, out);
  const bool is_dead = ::connect(fd, reinterpret_cast<sockaddr*>(&out), length) != 0 && errno == ECONNREFUSED;
  ::close(fd);
  return is_dead && ::unlink(address.path.c_str()) == 0;
}

}  // namespace

Result<std::unique_ptr<Stream>, std::string> Stream::connect(const Address& address, const TlsContext* tls) {
  if (!tls && !address.is_local()) return fmt::format("{}: {}", address.text(), kNoPlainTcp);
  const int fd = open_socket(address);
  if (fd < 0) return system_error("socket for", address);
  std::unique_ptr<Stream> stream(new Stream(fd, State::kConnecting));
  tune(fd);
  sockaddr_storage out{};
  const auto length = fill(address, out);
  if (::connect(fd, reinterpret_cast<sockaddr*>(&out), length) != 0 && errno != EINPROGRESS)
    return system_error("connect to", address);
  if (tls && !stream->start_tls(*tls)) return std::string("TLS could not start");
  return stream;
}

Result<std::unique_ptr<Stream>, std::string> Stream::accepted(int fd, const TlsContext* tls) {
  std::unique_ptr<Stream> stream(new Stream(fd, tls ? State::kHandshake : State::kOpen));
  tune(fd);
  if (tls && !stream->start_tls(*tls)) return std::string("TLS could not start");
  return stream;
}

Stream::~Stream() {
  if (ssl_ && state_ == State::kOpen) (void)SSL_shutdown(ssl_);  // best effort: tells the peer that this is the end
  SSL_free(ssl_);
  ERR_clear_error();
  ::close(fd_);
}

short Stream::wants() const {
  if (state_ == State::kConnecting) return POLLOUT;
  const bool writes = tls_wants_write_ || (state_ == State::kOpen && queued() != 0);
  return static_cast<short>(POLLIN | (writes ? POLLOUT : 0));
}

Stream::Io Stream::fail(std::string why) {
  state_ = State::kFailed;
  error_ = std::move(why);
  return Io::kFailed;
}

// Goes on with connecting and the handshake; kOk once the stream is open.
Stream::Io Stream::advance() {
  if (state_ == State::kConnecting) {
    pollfd waiting{fd_, POLLOUT, 0};
    if (::poll(&waiting, 1, 0) == 0) return Io::kAgain;
    int fault = 0;
    socklen_t size = sizeof fault;
    (void)::getsockopt(fd_, SOL_SOCKET, SO_ERROR, &fault, &size);
    if (fault != 0) return fail(fmt::format("connect: {}", std::strerror(fault)));
    state_ = ssl_ ? State::kHandshake : State::kOpen;
  }
  if (state_ == State::kHandshake) {
    ERR_clear_error();
    if (const int result = SSL_do_handshake(ssl_); result != 1) return tls_result(result, "TLS handshake");
    tls_wants_write_ = false;
    state_ = State::kOpen;
  }
  return state_ == State::kOpen ? Io::kOk : Io::kFailed;
}

Stream::Io Stream::receive(std::string& into, std::size_t most) {
  if (const Io ready = advance(); ready != Io::kOk) return ready;
  char piece[16'384];
  bool is_any = false;
  while (most > 0) {
    const std::size_t room = std::min(most, sizeof piece);
    ssize_t got = 0;
    if (ssl_) {
      ERR_clear_error();
      got = SSL_read(ssl_, piece, static_cast<int>(room));
      if (got <= 0) {
        const Io result = tls_result(static_cast<int>(got), "TLS read");
        return is_any ? Io::kOk : result;
      }
    } else {
      got = ::recv(fd_, piece, room, 0);
      if (got == 0) return is_any ? Io::kOk : Io::kClosed;
      if (got < 0 && errno == EINTR) continue;
      if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return is_any ? Io::kOk : Io::kAgain;
      if (got < 0) return is_any ? Io::kOk : fail(fmt::format("read: {}", std::strerror(errno)));
    }
    into.append(piece, static_cast<std::size_t>(got));
    most -= static_cast<std::size_t>(got);
    is_any = true;
  }
  return Io::kOk;
}

void Stream::queue(std::string_view bytes) {
  if (sent_ == out_.size()) {
    out_.clear();
    sent_ = 0;
  } else if (sent_ > out_.size() / 2 && sent_ > 65'536) {
    out_.erase(0, sent_);
    sent_ = 0;
  }
  out_.append(bytes);
}

Stream::Io Stream::flush() {
  if (const Io ready = advance(); ready != Io::kOk) return ready;
  while (sent_ < out_.size()) {
    const std::size_t left = std::min<std::size_t>(out_.size() - sent_, 1u << 20);
    ssize_t put = 0;
    if (ssl_) {
      ERR_clear_error();
      put = SSL_write(ssl_, out_.data() + sent_, static_cast<int>(left));
      if (put <= 0) return tls_result(static_cast<int>(put), "TLS write");
    } else {
      put = ::send(fd_, out_.data() + sent_, left, MSG_NOSIGNAL);
      if (put < 0 && errno == EINTR) continue;
      if (put < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return Io::kAgain;
      if (put < 0 && (errno == EPIPE || errno == ECONNRESET)) return Io::kClosed;
      if (put < 0) return fail(fmt::format("write: {}", std::strerror(errno)));
    }
    sent_ += static_cast<std::size_t>(put);
  }
  return Io::kOk;
}

bool Stream::has_more() const { return ssl_ && state_ == State::kOpen && SSL_pending(ssl_) > 0; }

void block_broken_pipe_signal() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

Result<std::unique_ptr<Listener>, std::string> Listener::listen(const Address& address, bool has_tls) {
  if (!has_tls && !address.is_local()) return fmt::format("{}: {}", address.text(), kNoPlainTcp);
  if (address.is_unix && !remove_stale(address))
    return fmt::format("{}: another process listens there, or it is no socket", address.text());
  const int fd = open_socket(address);
  if (fd < 0) return system_error("socket for", address);
  const int on = 1;
  if (!address.is_unix) (void)::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_storage out{};
  auto length = fill(address, out);
  // Nobody can connect before listen(), so the mode is right before the first byte.
  const bool is_up = ::bind(fd, reinterpret_cast<sockaddr*>(&out), length) == 0 &&
                     (!address.is_unix || ::chmod(address.path.c_str(), 0660) == 0) && ::listen(fd, 16) == 0;
  if (!is_up) {
    auto error = system_error("listen on", address);
    ::close(fd);
    return error;
  }
  Address bound = address;
  length = sizeof out;
  if (!address.is_unix && ::getsockname(fd, reinterpret_cast<sockaddr*>(&out), &length) == 0)
    bound.endpoint = Endpoint::from(out);
  return std::unique_ptr<Listener>(new Listener(fd, std::move(bound)));
}

Listener::~Listener() {
  ::close(fd_);
  if (address_.is_unix) ::unlink(address_.path.c_str());
}

int Listener::accept() { return ::accept4(fd_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC); }

}  // namespace carillon::link
