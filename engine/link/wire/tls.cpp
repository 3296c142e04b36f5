#include <arpa/inet.h>
#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "engine/link/wire/stream.h"

namespace carillon::link {
namespace {

std::string openssl_error() {
  char text[256] = "no reason given";
  if (const auto code = ERR_get_error(); code != 0) ERR_error_string_n(code, text, sizeof text);
  ERR_clear_error();
  return text;
}

std::string load(SSL_CTX* context, const TlsConfig& config) {
  if (SSL_CTX_use_certificate_chain_file(context, config.certificate_file.c_str()) != 1)
    return fmt::format("{}: {}", config.certificate_file, openssl_error());
  if (SSL_CTX_use_PrivateKey_file(context, config.key_file.c_str(), SSL_FILETYPE_PEM) != 1)
    return fmt::format("{}: {}", config.key_file, openssl_error());
  if (SSL_CTX_check_private_key(context) != 1)
    return fmt::format("{} does not belong to {}", config.key_file, config.certificate_file);
  if (SSL_CTX_load_verify_locations(context, config.ca_file.c_str(), nullptr) != 1)
    return fmt::format("{}: {}", config.ca_file, openssl_error());
  return {};
}

}  // namespace

std::string TlsConfig::fault() const {
  if (!is_set()) return peer_name.empty() ? "" : "peer_name: only together with certificates";
  if (certificate_file.empty()) return "certificate_file: needed for mutual TLS";
  if (key_file.empty()) return "key_file: needed for mutual TLS";
  if (ca_file.empty()) return "ca_file: needed for mutual TLS, it decides whom we believe";
  return {};
}

TlsContext::TlsContext(SSL_CTX* context, Role role, std::string peer_name)
    : context_(context), role_(role), peer_name_(std::move(peer_name)) {}

TlsContext::~TlsContext() { SSL_CTX_free(context_); }

Result<std::unique_ptr<TlsContext>, std::string> TlsContext::make(const TlsConfig& config, Role role) {
  if (auto fault = config.fault(); !fault.empty()) return "tls/" + fault;
  SSL_CTX* context = SSL_CTX_new(role == Role::kServer ? TLS_server_method() : TLS_client_method());
  if (!context) return "OpenSSL: " + openssl_error();
  std::unique_ptr<TlsContext> made(new TlsContext(context, role, config.peer_name));
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context, 0);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  if (auto fault = load(context, config); !fault.empty()) return "tls: " + fault;
  return made;
}

bool Stream::start_tls(const TlsContext& tls) {
  ssl_ = SSL_new(tls.context_);
  if (!ssl_ || SSL_set_fd(ssl_, fd_) != 1) return false;
  if (!tls.peer_name_.empty()) {
    X509_VERIFY_PARAM* verify = SSL_get0_param(ssl_);
    if (X509_VERIFY_PARAM_set1_ip_asc(verify, tls.peer_name_.c_str()) != 1) {
      ERR_clear_error();  // not an address: a name
      if (SSL_set1_host(ssl_, tls.peer_name_.c_str()) != 1) return false;
    }
  }
  tls.role_ == TlsContext::Role::kServer ? SSL_set_accept_state(ssl_) : SSL_set_connect_state(ssl_);
  return true;
}

Stream::Io Stream::tls_result(int result, const char* what) {
  tls_wants_write_ = false;
  switch (SSL_get_error(ssl_, result)) {
    case SSL_ERROR_WANT_READ:
      return Io::kAgain;
    case SSL_ERROR_WANT_WRITE:
      tls_wants_write_ = true;
      return Io::kAgain;
    case SSL_ERROR_ZERO_RETURN:
      return Io::kClosed;
    case SSL_ERROR_SYSCALL:
      return ERR_peek_error() == 0 ? Io::kClosed : fail(fmt::format("{}: {}", what, openssl_error()));
    default:
      break;
  }
  const long verdict = SSL_get_verify_result(ssl_);
  if (verdict != X509_V_OK)
    return fail(fmt::format("{}: the other side's certificate: {}", what, X509_verify_cert_error_string(verdict)));
  return fail(fmt::format("{}: {}", what, openssl_error()));
}

}  // namespace carillon::link
