#pragma once
// TLS for SIP: contexts from files (server with several certificates by SNI, client), and whom a certificate is for
// (RFC 5922). TLS 1.2 or later. Errors name the file and OpenSSL's reason.

#include <openssl/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/result.h"

namespace carillon::stream {

/// PEM. A chain: the leaf first, then its issuers without the root.
struct TlsIdentity {
  std::string certificate_file, key_file;
};

struct TlsServerConfig {
  enum class Client : std::uint8_t {
    kIgnored,   ///< not asked for a certificate
    kOptional,  ///< asked; one that is shown must verify
    kRequired,  ///< mutual TLS
  };
  std::vector<TlsIdentity> identities{};  ///< the first also serves who names none of them, or nobody (RFC 6066 §3)
  Client client = Client::kIgnored;
  std::string client_ca_file{};  ///< who may sign a client's certificate; needed unless ignored

  /// The first fault as "field: reason", or empty. Does not open the files.
  std::string fault() const;
};

struct TlsClientConfig {
  TlsIdentity identity;    ///< shown to servers that ask; both files or none
  std::string ca_file;     ///< empty: the system's
  bool wildcards = false;  ///< RFC 5922 §7.2 forbids them; some carriers' certificates have nothing else
  std::string fault() const;
};

/// What a listener's handshakes, or our own calls, are made with. Never changes: to reload, make another and use it
/// from then on. Whoever has a session from it keeps the context as long, since a handshake looks up names in it.
class TlsContext {
 public:
  static Result<std::shared_ptr<const TlsContext>, std::string> server(const TlsServerConfig& config);
  static Result<std::shared_ptr<const TlsContext>, std::string> client(const TlsClientConfig& config);
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  /// A session over `fd`, for the caller to free; null when OpenSSL has no memory. `server` (client side only) is sent
  /// as SNI when it is a name. The chain is verified by the handshake; whom the leaf is for, the caller asks of
  /// is_for().
  SSL* session(int fd, std::string_view server = {}) const;
  bool wildcards() const { return wildcards_; }

 private:
  TlsContext() = default;
  static int choose(SSL* ssl, int* alert, void* self);

  std::vector<SSL_CTX*> contexts_;  // one per identity
  bool is_server_ = false, wildcards_ = false;
};

/// Is the certificate one of `host`, a domain or an address (RFC 5922 §7.1, §7.2)? Where it names SIP URIs only these
/// count, else DNS names, and its common name only when it has neither. No part of a label is matched by a wildcard.
bool is_for(const X509* certificate, std::string_view host, bool wildcards = false);
/// The first domain by the same order, or empty.
std::string domain_of(const X509* certificate);

/// What went wrong last on this thread, in OpenSSL's words; clears it.
std::string openssl_error();

}  // namespace carillon::stream
