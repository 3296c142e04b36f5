#pragma once
// Who we are to DTLS peers: a key and a self-signed certificate whose fingerprint stands in our SDP (RFC 5763 §5,
// RFC 8827 §6.5). Made at start and anew by rotation, never written to disk.

#include <array>
#include <memory>
#include <span>

#include "engine/base/bytes.h"
#include "engine/base/time.h"
#include "engine/rtp/srtp.h"

struct ssl_ctx_st;  // OpenSSL's SSL_CTX; its header stays in our sources

namespace carillon::rtp {

/// SHA-256 of a certificate (DER), as a=fingerprint carries it.
using DtlsFingerprint = std::array<std::byte, 32>;

/// ECDSA P-256 key, certificate and the settings of every handshake: DTLS 1.2, ECDHE (X25519, P-256) with AES-128-GCM
/// or ChaCha20, no tickets, no sessions to resume, no renegotiation; a peer's certificate may be ECDSA or RSA.
///
/// Immutable: threads may share it. Handshakes keep what they need of it, so it may go while they run. Key and
/// certificate come from OpenSSL's random numbers (the operating system's), unlike all else in this room.
class DtlsIdentity {
 public:
  /// In order of preference; what a browser takes. The 32-bit tag is for tests and old devices.
  static constexpr SrtpProfile kProfiles[] = {SrtpProfile::kAesGcm128, SrtpProfile::kAesCm128Sha1_80};
  static constexpr std::chrono::days kLifetime{30};  ///< in the certificate; peers look at the fingerprint only

  /// About half a millisecond; allocates. CHECKs that OpenSSL works.
  explicit DtlsIdentity(WallTime now, std::span<const SrtpProfile> profiles = kProfiles);
  ~DtlsIdentity();
  DtlsIdentity(const DtlsIdentity&) = delete;
  DtlsIdentity& operator=(const DtlsIdentity&) = delete;

  const DtlsFingerprint& fingerprint() const { return fingerprint_; }
  ssl_ctx_st* context() const { return context_; }

 private:
  ssl_ctx_st* context_;
  DtlsFingerprint fingerprint_{};
};

}  // namespace carillon::rtp
