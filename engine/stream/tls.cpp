#include "engine/stream/tls.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <cctype>

#include "engine/base/endpoint.h"

namespace carillon::stream {
namespace {

struct Free {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  void operator()(GENERAL_NAMES* names) const { GENERAL_NAMES_free(names); }
};
using ContextPtr = std::unique_ptr<SSL_CTX, Free>;

ContextPtr new_context(const SSL_METHOD* method) {
  ContextPtr context(SSL_CTX_new(method));
  if (!context) return nullptr;
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  // RELEASE_BUFFERS: an idle connection holds some 34 kB less
  SSL_CTX_set_mode(context.get(),
                   SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF |
                                         SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_NO_COMPRESSION);
  // Connections of SIP last for hours: what a resumed handshake would save is not worth its state and ticket keys.
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context.get(), 0);
  // Many records with one system call, not two for each.
  SSL_CTX_set_read_ahead(context.get(), 1);
  SSL_CTX_set_default_read_buffer_len(context.get(), 32u << 10);
  return context;
}

std::string use(SSL_CTX* context, const TlsIdentity& identity) {
  ERR_clear_error();
  if (SSL_CTX_use_certificate_chain_file(context, identity.certificate_file.c_str()) != 1)
    return fmt::format("{}: {}", identity.certificate_file, openssl_error());
  if (SSL_CTX_use_PrivateKey_file(context, identity.key_file.c_str(), SSL_FILETYPE_PEM) != 1)
    return fmt::format("{}: {}", identity.key_file, openssl_error());
  if (SSL_CTX_check_private_key(context) != 1)
    return fmt::format("{}: does not belong to {}: {}", identity.key_file, identity.certificate_file, openssl_error());
  return {};
}

std::string trust(SSL_CTX* context, const std::string& ca_file) {
  ERR_clear_error();
  if (SSL_CTX_load_verify_locations(context, ca_file.c_str(), nullptr) == 1) return {};
  return fmt::format("{}: {}", ca_file, openssl_error());
}

std::string fault_of(const TlsIdentity& identity) {
  if (identity.certificate_file.empty()) return "certificate_file: empty";
  if (identity.key_file.empty()) return "key_file: empty";
  return {};
}

bool same_domain(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) {
    return std::tolower(static_cast<unsigned char>(x)) == std::tolower(static_cast<unsigned char>(y));
  });
}

std::string_view text_of(const ASN1_STRING* text) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
          static_cast<std::size_t>(ASN1_STRING_length(text))};
}

// "*.example.com" for one label more than "example.com" (RFC 6125 §6.4.3), where it is allowed at all.
bool matches(std::string_view pattern, std::string_view host, bool wildcards) {
  if (same_domain(pattern, host)) return true;
  if (!wildcards || !pattern.starts_with("*.") || pattern.find('.', 2) == std::string_view::npos) return false;
  const auto dot = host.find('.');
  return dot != std::string_view::npos && dot > 0 && same_domain(pattern.substr(1), host.substr(dot));
}

// "example.com" of "sip:example.com"; empty for one with a user or of another scheme (RFC 5922 §7.1).
std::string_view domain_of_uri(std::string_view uri) {
  if (uri.size() < 4 || !same_domain(uri.substr(0, 4), "sip:")) return {};
  uri.remove_prefix(4);
  if (uri.find('@') != std::string_view::npos) return {};
  return uri.substr(0, uri.find_first_of(";?:"));
}

// The domains that the certificate stands for, by RFC 5922 §7.1.
std::vector<std::string> domains(const X509* certificate) {
  std::vector<std::string> uris, names;
  std::unique_ptr<GENERAL_NAMES, Free> all(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  const int count = all ? sk_GENERAL_NAME_num(all.get()) : 0;
  for (int i = 0; i < count; ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(all.get(), i);
    if (name->type == GEN_URI) {
      if (const auto domain = domain_of_uri(text_of(name->d.uniformResourceIdentifier)); !domain.empty())
        uris.emplace_back(domain);
    } else if (name->type == GEN_DNS) {
      names.emplace_back(text_of(name->d.dNSName));
    }
  }
  if (!uris.empty()) return uris;
  if (!names.empty() || count > 0) return names;
  const X509_NAME* subject = X509_get_subject_name(certificate);
  const int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (at >= 0) names.emplace_back(text_of(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at))));
  return names;
}

}  // namespace

std::string openssl_error() {
  char text[256] = "no reason given";
  if (const auto code = ERR_get_error(); code != 0) {
    // a reason alone reads better than "error:0A000086:SSL routines::certificate verify failed"
    if (const char* reason = ERR_reason_error_string(code))
      std::snprintf(text, sizeof text, "%s", reason);
    else
      ERR_error_string_n(code, text, sizeof text);
  }
  ERR_clear_error();
  return text;
}

std::string TlsServerConfig::fault() const {
  if (identities.empty()) return "identities: at least one";
  for (const auto& identity : identities)
    if (auto fault = fault_of(identity); !fault.empty()) return "identities/" + fault;
  if (client != Client::kIgnored && client_ca_file.empty())
    return "client_ca_file: needed, it decides which clients we believe";
  return {};
}

std::string TlsClientConfig::fault() const {
  const bool has_any = !identity.certificate_file.empty() || !identity.key_file.empty();
  if (!has_any) return {};
  const auto fault = fault_of(identity);
  return fault.empty() ? "" : "identity/" + fault;
}

TlsContext::~TlsContext() {
  for (SSL_CTX* context : contexts_) SSL_CTX_free(context);
}

Result<std::shared_ptr<const TlsContext>, std::string> TlsContext::server(const TlsServerConfig& config) {
  using Client = TlsServerConfig::Client;
  if (auto fault = config.fault(); !fault.empty()) return "tls/" + fault;
  std::shared_ptr<TlsContext> made(new TlsContext);
  made->is_server_ = true;
  for (const auto& identity : config.identities) {
    ContextPtr context = new_context(TLS_server_method());
    if (!context) return "OpenSSL: " + openssl_error();
    if (auto fault = use(context.get(), identity); !fault.empty()) return fault;
    if (config.client != Client::kIgnored) {
      if (auto fault = trust(context.get(), config.client_ca_file); !fault.empty()) return fault;
      SSL_CTX_set_client_CA_list(context.get(), SSL_load_client_CA_file(config.client_ca_file.c_str()));
      const int must = config.client == Client::kRequired ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0;
      SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER | must, nullptr);
    }
    SSL_CTX_set_tlsext_servername_callback(context.get(), &TlsContext::choose);
    SSL_CTX_set_tlsext_servername_arg(context.get(), made.get());
    made->contexts_.push_back(context.release());
  }
  return std::shared_ptr<const TlsContext>(std::move(made));
}

Result<std::shared_ptr<const TlsContext>, std::string> TlsContext::client(const TlsClientConfig& config) {
  if (auto fault = config.fault(); !fault.empty()) return "tls/" + fault;
  std::shared_ptr<TlsContext> made(new TlsContext);
  made->wildcards_ = config.wildcards;
  ContextPtr context = new_context(TLS_client_method());
  if (!context) return "OpenSSL: " + openssl_error();
  if (!config.identity.certificate_file.empty())
    if (auto fault = use(context.get(), config.identity); !fault.empty()) return fault;
  if (config.ca_file.empty()) {
    if (SSL_CTX_set_default_verify_paths(context.get()) != 1) return "the system's CAs: " + openssl_error();
  } else if (auto fault = trust(context.get(), config.ca_file); !fault.empty()) {
    return fault;
  }
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  made->contexts_.push_back(context.release());
  return std::shared_ptr<const TlsContext>(std::move(made));
}

// The identity whose certificate names the host that the client asks for (RFC 6066 §3).
int TlsContext::choose(SSL* ssl, int*, void* self) {
  const char* host = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  if (!host) return SSL_TLSEXT_ERR_NOACK;
  for (SSL_CTX* context : static_cast<const TlsContext*>(self)->contexts_) {
    if (!is_for(SSL_CTX_get0_certificate(context), host, true)) continue;
    SSL_set_SSL_CTX(ssl, context);
    return SSL_TLSEXT_ERR_OK;
  }
  return SSL_TLSEXT_ERR_NOACK;
}

SSL* TlsContext::session(int fd, std::string_view server) const {
  SSL* ssl = SSL_new(contexts_.front());
  if (!ssl || SSL_set_fd(ssl, fd) != 1) {
    SSL_free(ssl);
    return nullptr;
  }
  if (is_server_) {
    SSL_set_accept_state(ssl);
  } else {
    SSL_set_connect_state(ssl);
    if (!server.empty() && !Endpoint::parse(server, 0)) SSL_set_tlsext_host_name(ssl, std::string(server).c_str());
  }
  return ssl;
}

bool is_for(const X509* certificate, std::string_view host, bool wildcards) {
  if (!certificate || host.empty()) return false;
  if (Endpoint::parse(host, 0)) {
    const bool is_it = X509_check_ip_asc(const_cast<X509*>(certificate), std::string(host).c_str(), 0) == 1;
    ERR_clear_error();
    return is_it;
  }
  if (host.ends_with('.')) host.remove_suffix(1);
  return std::ranges::any_of(domains(certificate), [&](const auto& name) { return matches(name, host, wildcards); });
}

std::string domain_of(const X509* certificate) {
  const auto all = certificate ? domains(certificate) : std::vector<std::string>{};
  return all.empty() ? std::string{} : all.front();
}

}  // namespace carillon::stream
