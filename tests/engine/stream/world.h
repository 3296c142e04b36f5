#pragma once
// A hub turned by hand, and far sides over real loopback sockets. Time is what the test says; waiting for the kernel
// is bounded by turns.

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <memory>
#include <string>
#include <vector>

#include "engine/base/check.h"
#include "engine/stream/hub.h"
#include "engine/stream/wire.h"

namespace carillon::stream {

/// One far side. Never waits.
class Far {
 public:
  struct Tls {
    std::string ca_file{};   ///< whom it believes; empty: does not look
    TlsIdentity identity{};  ///< what it shows; empty: nothing
    std::string server{};    ///< client: SNI
    int version_max = TLS1_3_VERSION;
    bool asks = false;  ///< server: wants the client's certificate
  };

  /// Connects to `where`, from any address of its family.
  static std::unique_ptr<Far> to(const Endpoint& where) {
    std::string error;
    const int fd = start_connect(where, error);
    CHECK(fd >= 0);
    return std::make_unique<Far>(fd);
  }
  explicit Far(int fd) : fd_(fd) {
    std::signal(SIGPIPE, SIG_IGN);  // TLS writes to what was reset; the product blocks it in its thread
  }
  ~Far() { end(); }

  void start_tls(const Tls& tls, bool is_server) {
    SSL_CTX* context = SSL_CTX_new(is_server ? TLS_server_method() : TLS_client_method());
    SSL_CTX_set_security_level(context, 0);  // so that old versions may be tried
    SSL_CTX_set_max_proto_version(context, tls.version_max);
    SSL_CTX_set_options(context, SSL_OP_IGNORE_UNEXPECTED_EOF);
    if (!tls.identity.certificate_file.empty()) {
      CHECK(SSL_CTX_use_certificate_chain_file(context, tls.identity.certificate_file.c_str()) == 1);
      CHECK(SSL_CTX_use_PrivateKey_file(context, tls.identity.key_file.c_str(), SSL_FILETYPE_PEM) == 1);
    }
    if (!tls.ca_file.empty()) {
      CHECK(SSL_CTX_load_verify_locations(context, tls.ca_file.c_str(), nullptr) == 1);
      SSL_CTX_set_verify(context, is_server && !tls.asks ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, nullptr);
    }
    ssl_ = SSL_new(context);
    SSL_CTX_free(context);
    SSL_set_fd(ssl_, fd_);
    if (!tls.server.empty()) SSL_set_tlsext_host_name(ssl_, tls.server.c_str());
    is_server ? SSL_set_accept_state(ssl_) : SSL_set_connect_state(ssl_);
  }

  void send(std::string_view bytes) { out_ += bytes; }
  /// Moves what can be moved.
  void turn() {
    if (is_closed_ || !reads_) return (void)write();
    if (ssl_ && !SSL_is_init_finished(ssl_)) {
      ERR_clear_error();
      const int result = SSL_do_handshake(ssl_);
      if (result != 1) return after(result);
    }
    write();
    char bytes[16'384];
    for (;;) {
      if (ssl_) {
        ERR_clear_error();
        const int count = SSL_read(ssl_, bytes, sizeof bytes);
        if (count <= 0) return after(count);
        received_.append(bytes, static_cast<std::size_t>(count));
        continue;
      }
      const ssize_t count = ::recv(fd_, bytes, sizeof bytes, 0);
      if (count < 0 && errno == EAGAIN) return;
      if (count <= 0) {
        is_closed_ = count == 0 || (errno != EINPROGRESS && errno != ENOTCONN);
        return;
      }
      received_.append(bytes, static_cast<std::size_t>(count));
    }
  }
  void stop_reading() { reads_ = false; }
  void finish() { ::shutdown(fd_, SHUT_WR); }
  /// Gone without a word: the kernel sends a reset.
  void kill() {
    const linger at_once{1, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    end();
  }
  void end() {
    SSL_free(ssl_);
    ssl_ = nullptr;
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
    is_closed_ = true;
  }

  const std::string& received() const { return received_; }
  bool is_closed() const { return is_closed_; }
  bool is_secure() const { return ssl_ && SSL_is_init_finished(ssl_); }
  /// Waits for room in the kernel, not for the other side's part of a handshake.
  bool wants_write() const { return !out_.empty() && (!ssl_ || is_secure()); }
  /// The first domain of the certificate that the other side showed.
  std::string shown() const { return ssl_ ? domain_of(SSL_get0_peer_certificate(ssl_)) : ""; }
  int fd() const { return fd_; }

 private:
  void after(int result) {
    const int error = SSL_get_error(ssl_, result);
    if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) is_closed_ = true;
  }
  void write() {
    while (!out_.empty() && fd_ >= 0 && !is_closed_) {
      if (ssl_ && !SSL_is_init_finished(ssl_)) return;
      ERR_clear_error();
      const ssize_t count =
          ssl_ ? SSL_write(ssl_, out_.data(), static_cast<int>(std::min<std::size_t>(out_.size(), 16'384)))
               : ::send(fd_, out_.data(), out_.size(), MSG_NOSIGNAL);
      if (count <= 0) return;
      out_.erase(0, static_cast<std::size_t>(count));
    }
  }

  int fd_;
  SSL* ssl_ = nullptr;
  std::string out_, received_;
  bool is_closed_ = false, reads_ = true;
};

/// What a shard was told, kept.
struct Told {
  Incoming what;
  std::string bytes;
};

class World {
 public:
  explicit World(StreamsConfig config, std::uint32_t shards = 1) : shards_(shards) {
    auto made = Hub::make(std::move(config), shards,
                          {.steer = [this](ByteView message, Flow) { return steer(text_of(message)); },
                           .wake = [this](std::uint32_t) { ++wakes; },
                           .note = [this](const std::string& text) { notes.push_back(text); }});
    if (!made) std::fprintf(stderr, "%s\n", made.error().c_str());
    CHECK(made);
    hub_ = std::move(*made);
    told.resize(shards);
  }

  Hub& hub() { return *hub_; }
  Far& connect(std::size_t listener = 0) {
    fars_.push_back(Far::to(hub_->local(listener)));
    return *fars_.back();
  }
  Far& connect_tls(const Far::Tls& tls, std::size_t listener = 0) {
    Far& far = connect(listener);
    far.start_tls(tls, false);
    return far;
  }
  Far& keep(std::unique_ptr<Far> far) {
    fars_.push_back(std::move(far));
    return *fars_.back();
  }
  /// One turn of all; shards take what they are told unless `shards_take` is off.
  void turn() {
    hub_->wait(1ms);
    hub_->work(now);
    for (auto& far : fars_) far->turn();
    for (std::uint32_t shard = 0; shards_take && shard < shards_; ++shard)
      while (const Incoming* next = hub_->channel(shard).receive())
        told[shard].push_back({*next, std::string(text_of(next->bytes))});
  }
  /// Turns until it is so. A bound, not a sleep: a turn waits for the kernel at most 1 ms.
  template <class Condition>
  [[nodiscard]] bool until(Condition&& condition) {
    for (int i = 0; i < 5000; ++i) {
      if (condition()) return true;
      turn();
    }
    return condition();
  }
  void pass(Duration time) {
    now += time;
    turn();
  }
  std::vector<std::string> messages(std::uint32_t shard = 0) const {
    std::vector<std::string> all;
    for (const auto& one : told[shard])
      if (one.what.kind == Incoming::Kind::kMessage) all.push_back(one.bytes);
    return all;
  }
  /// The first that was told of this kind, or null.
  const Told* first(Incoming::Kind kind, std::uint32_t shard = 0) const {
    for (const auto& one : told[shard])
      if (one.what.kind == kind) return &one;
    return nullptr;
  }
  std::uint64_t count(Count of) const { return hub_->counters().of(of); }
  std::uint64_t count(CloseReason of) const { return hub_->counters().of(of); }

  TimePoint now{1000s};
  std::vector<std::vector<Told>> told;
  std::vector<std::string> notes;
  int wakes = 0;
  bool shards_take = true;

 private:
  // "X-Shard: 3" or 0
  static std::uint32_t steer(std::string_view message) {
    const auto at = message.find("X-Shard: ");
    return at == std::string_view::npos ? 0 : static_cast<std::uint32_t>(message[at + 9] - '0');
  }

  std::uint32_t shards_;
  std::unique_ptr<Hub> hub_;
  std::vector<std::unique_ptr<Far>> fars_;
};

inline StreamsConfig plain_config() {
  StreamsConfig config;
  config.listeners = {{.transport = Transport::kTcp, .local = Endpoint::v4(127, 0, 0, 1, 0)}};
  config.connections_max = 2000;
  return config;
}

inline std::string sip_message(const std::string& headers = "", const std::string& body = "") {
  return "MESSAGE sip:b@example.com SIP/2.0\r\n" + headers + "Content-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + body;
}

}  // namespace carillon::stream
