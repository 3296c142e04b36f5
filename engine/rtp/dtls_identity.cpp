#include "engine/rtp/dtls_identity.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <string>

#include "engine/base/check.h"
#include "engine/rtp/dtls.h"

namespace carillon::rtp {
namespace {

using KeyPair = std::unique_ptr<EVP_PKEY, decltype([](EVP_PKEY* key) { EVP_PKEY_free(key); })>;
using Certificate = std::unique_ptr<X509, decltype([](X509* certificate) { X509_free(certificate); })>;

Certificate sign_certificate(EVP_PKEY* key, WallTime now) {
  Certificate certificate(X509_new());
  CHECK(certificate);
  X509* x509 = certificate.get();
  std::uint64_t serial = 0;
  CHECK(RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof serial) == 1);
  CHECK(X509_set_version(x509, X509_VERSION_3) == 1);
  CHECK(ASN1_INTEGER_set_uint64(X509_get_serialNumber(x509), serial >> 1 | 1) == 1);
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch());
  const auto at = [](std::chrono::seconds time) { return static_cast<time_t>(time.count()); };
  CHECK(ASN1_TIME_set(X509_getm_notBefore(x509), at(seconds - 24h)));  // the peer's clock may be behind
  CHECK(ASN1_TIME_set(X509_getm_notAfter(x509), at(seconds + DtlsIdentity::kLifetime)));
  X509_NAME* name = X509_get_subject_name(x509);
  const auto* common = reinterpret_cast<const unsigned char*>("WebRTC");  // as others write it: tells nothing
  CHECK(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, common, -1, -1, 0) == 1);
  CHECK(X509_set_issuer_name(x509, name) == 1);
  CHECK(X509_set_pubkey(x509, key) == 1);
  CHECK(X509_sign(x509, key, EVP_sha256()) > 0);
  return certificate;
}

std::string names_of(std::span<const SrtpProfile> profiles) {
  constexpr const char* kNames[] = {"SRTP_AES128_CM_SHA1_80", "SRTP_AES128_CM_SHA1_32", "SRTP_AEAD_AES_128_GCM",
                                    "SRTP_AEAD_AES_256_GCM"};
  std::string names;
  for (const auto profile : profiles) {
    if (!names.empty()) names += ':';
    names += kNames[static_cast<std::size_t>(profile)];
  }
  return names;
}

}  // namespace

DtlsIdentity::DtlsIdentity(WallTime now, std::span<const SrtpProfile> profiles) : context_(SSL_CTX_new(DTLS_method())) {
  CHECK(context_);
  const KeyPair key(EVP_EC_gen("P-256"));
  CHECK(key);
  const Certificate certificate = sign_certificate(key.get(), now);
  unsigned size = 0;
  CHECK(X509_digest(certificate.get(), EVP_sha256(), reinterpret_cast<unsigned char*>(fingerprint_.data()), &size) ==
        1);
  CHECK(size == fingerprint_.size());

  CHECK(SSL_CTX_use_certificate(context_, certificate.get()) == 1);
  CHECK(SSL_CTX_use_PrivateKey(context_, key.get()) == 1);
  CHECK(SSL_CTX_set_min_proto_version(context_, DTLS1_2_VERSION) == 1);
  CHECK(SSL_CTX_set_max_proto_version(context_, DTLS1_2_VERSION) == 1);
  // RFC 8827 §6.5: everybody has the first; the RSA ones are for peers whose certificate is RSA while we are active.
  CHECK(SSL_CTX_set_cipher_list(context_,
                                "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305:"
                                "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-CHACHA20-POLY1305") == 1);
  CHECK(SSL_CTX_set1_groups_list(context_, "X25519:P-256") == 1);
  CHECK(SSL_CTX_set1_sigalgs_list(context_, "ECDSA+SHA256:RSA-PSS+SHA256:RSA+SHA256") == 1);
  SSL_CTX_set_options(context_, SSL_OP_NO_QUERY_MTU | SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION |
                                    SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_session_cache_mode(context_, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_read_ahead(context_, 1);
  SSL_CTX_set_mode(context_, SSL_MODE_NO_AUTO_CHAIN);  // ours is self-signed: else each handshake looks for its issuer
  SSL_CTX_set_max_cert_list(context_, 16 * 1024);
  CHECK(SSL_CTX_set_tlsext_use_srtp(context_, names_of(profiles).c_str()) == 0);  // 0 is success here
  SSL_CTX_set_verify(context_, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  SSL_CTX_set_cert_verify_callback(
      context_, [](X509_STORE_CTX* store, void* unused) { return Dtls::verify(store, unused); }, nullptr);
}

DtlsIdentity::~DtlsIdentity() { SSL_CTX_free(context_); }

}  // namespace carillon::rtp
