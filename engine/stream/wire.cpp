#include "engine/stream/wire.h"

#include <fmt/format.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstring>

namespace carillon::stream {
namespace {

void set(int fd, int level, int option, int value) { (void)::setsockopt(fd, level, option, &value, sizeof value); }

// Whole messages leave in one write: to wait for more of them would only add delay.
void prepare(int fd) { set(fd, IPPROTO_TCP, TCP_NODELAY, 1); }

std::string reason(const char* what, const Endpoint& where) {
  return fmt::format("{} {}: {}", what, where.text(), std::strerror(errno));
}

}  // namespace

Wire::Wire(int fd, std::shared_ptr<const TlsContext> tls, std::string_view server) : fd_(fd), tls_(std::move(tls)) {
  if (!tls_) return;
  ssl_ = tls_->session(fd, server);
  is_broken_ = ssl_ == nullptr;
}

Wire::~Wire() {
  SSL_free(ssl_);
  ::close(fd_);
}

Wire::Io Wire::handshake() {
  if (!tls_) return Io::kOk;
  if (is_broken_) return error_ = "no memory for TLS", Io::kFailed;
  ERR_clear_error();
  const int result = SSL_do_handshake(ssl_);
  if (result == 1) return wants_write_ = false, Io::kOk;
  return after_tls(result);
}

Wire::Io Wire::read(ByteSpan into, std::size_t& got) {
  got = 0;
  if (!ssl_) {
    const ssize_t count = ::recv(fd_, into.data(), into.size(), 0);
    if (count > 0) return got = static_cast<std::size_t>(count), Io::kOk;
    return count == 0 ? Io::kClosed : after_system("recv");
  }
  if (is_broken_) return Io::kFailed;
  ERR_clear_error();
  const int result = SSL_read_ex(ssl_, into.data(), into.size(), &got);
  if (result == 1) return wants_write_ = false, Io::kOk;
  return after_tls(result);
}

Wire::Io Wire::write(ByteView bytes, std::size_t& sent) {
  sent = 0;
  while (sent < bytes.size()) {
    const ByteView rest = bytes.subspan(sent);
    if (!ssl_) {
      const ssize_t count = ::send(fd_, rest.data(), rest.size(), MSG_NOSIGNAL);
      if (count < 0) return after_system("send");
      sent += static_cast<std::size_t>(count);
      continue;
    }
    if (is_broken_) return Io::kFailed;
    std::size_t count = 0;
    ERR_clear_error();
    const int result = SSL_write_ex(ssl_, rest.data(), rest.size(), &count);
    if (result != 1) return after_tls(result);
    sent += count;
  }
  return wants_write_ = false, Io::kOk;
}

bool Wire::has_more() const { return ssl_ && !is_broken_ && SSL_pending(ssl_) > 0; }

void Wire::finish() {
  if (ssl_ && !is_broken_ && SSL_is_init_finished(ssl_)) {
    ERR_clear_error();
    (void)SSL_shutdown(ssl_);
    ERR_clear_error();
  }
  (void)::shutdown(fd_, SHUT_WR);
}

const X509* Wire::peer_certificate() const {
  if (!ssl_ || SSL_get_verify_result(ssl_) != X509_V_OK) return nullptr;
  // without SSL_VERIFY_PEER whatever is shown is not looked at
  return (SSL_get_verify_mode(ssl_) & SSL_VERIFY_PEER) != 0 ? SSL_get0_peer_certificate(ssl_) : nullptr;
}

bool Wire::is_for(std::string_view name) const {
  return !ssl_ || stream::is_for(peer_certificate(), name, tls_->wildcards());
}

Wire::Io Wire::after_system(const char* what) {
  if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) return Io::kAgain;
  error_ = fmt::format("{}: {}", what, std::strerror(errno));
  return Io::kFailed;
}

Wire::Io Wire::after_tls(int result) {
  wants_write_ = false;
  const int system_error = errno;
  switch (SSL_get_error(ssl_, result)) {
    case SSL_ERROR_WANT_READ:
      return Io::kAgain;
    case SSL_ERROR_WANT_WRITE:
      wants_write_ = true;
      return Io::kAgain;
    case SSL_ERROR_ZERO_RETURN:
      return Io::kClosed;
    case SSL_ERROR_SYSCALL:
      is_broken_ = true;
      error_ = system_error != 0 ? fmt::format("TLS: {}", std::strerror(system_error)) : "TLS: closed";
      return Io::kFailed;
    default:
      break;
  }
  is_broken_ = true;  // after this no call on the session but SSL_free
  const long verdict = SSL_get_verify_result(ssl_);
  const std::string said = openssl_error();
  error_ = verdict == X509_V_OK
               ? fmt::format("TLS: {}", said)
               : fmt::format("TLS: the other side's certificate: {}", X509_verify_cert_error_string(verdict));
  return Io::kFailed;
}

Result<int, std::string> listen_on(const Endpoint& local, int backlog) {
  sockaddr_storage address{};
  const socklen_t size = local.to(address);
  const int fd = ::socket(local.is_v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return reason("socket", local);
  set(fd, SOL_SOCKET, SO_REUSEADDR, 1);  // a restart must not wait for the old connections' TIME_WAIT
  if (local.is_v6) set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
  const char* what = "bind";
  bool is_good = ::bind(fd, reinterpret_cast<const sockaddr*>(&address), size) == 0;
  if (is_good) what = "listen", is_good = ::listen(fd, backlog) == 0;
  if (is_good) return fd;
  std::string why = reason(what, local);
  ::close(fd);
  return why;
}

int start_connect(const Endpoint& peer, std::string& error) {
  sockaddr_storage address{};
  const socklen_t size = peer.to(address);
  const int fd = ::socket(peer.is_v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return error = reason("socket", peer), -1;
  prepare(fd);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), size) == 0 || errno == EINPROGRESS) return fd;
  error = reason("connect", peer);
  ::close(fd);
  return -1;
}

int connect_result(int fd) {
  int error = 0;
  socklen_t size = sizeof error;
  return ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : errno;
}

int accept_on(int listener, Endpoint& peer) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  const int fd = ::accept4(listener, reinterpret_cast<sockaddr*>(&address), &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd < 0) return -1;
  peer = Endpoint::from(address);
  prepare(fd);
  return fd;
}

Endpoint local_of(int fd) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) return {};
  return Endpoint::from(address);
}

}  // namespace carillon::stream
