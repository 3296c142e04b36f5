#include "engine/rtp/dtls.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/time.h>

#include <algorithm>
#include <optional>
#include <string_view>

#include "engine/base/check.h"
#include "engine/rtp/dtls_link.h"

namespace carillon::rtp {
namespace {

std::optional<SrtpProfile> profile_of(const SRTP_PROTECTION_PROFILE* selected) {
  if (!selected) return std::nullopt;
  switch (selected->id) {
    case SRTP_AES128_CM_SHA1_80:
      return SrtpProfile::kAesCm128Sha1_80;
    case SRTP_AES128_CM_SHA1_32:
      return SrtpProfile::kAesCm128Sha1_32;
    case SRTP_AEAD_AES_128_GCM:
      return SrtpProfile::kAesGcm128;
    case SRTP_AEAD_AES_256_GCM:
      return SrtpProfile::kAesGcm256;
    default:
      return std::nullopt;
  }
}

}  // namespace

void DtlsKeys::wipe() {
  OPENSSL_cleanse(&ours, sizeof ours);
  OPENSSL_cleanse(&theirs, sizeof theirs);
}

void Dtls::Free::operator()(ssl_st* ssl) const { SSL_free(ssl); }

Dtls::Dtls(const DtlsIdentity& identity, Role role, const DtlsFingerprint& peer, TimePoint now)
    : role_(role),
      ends_(now + kTimeMax),
      deadline_(ends_),
      peer_(peer),
      link_(std::make_unique<DtlsLink>()),
      ssl_(SSL_new(identity.context())) {
  CHECK(ssl_);
  BIO* bio = link_->make_bio();
  CHECK(BIO_up_ref(bio) == 1);
  SSL_set0_rbio(ssl_.get(), bio);
  SSL_set0_wbio(ssl_.get(), bio);
  SSL_set_app_data(ssl_.get(), this);
  SSL_set_mtu(ssl_.get(), static_cast<long>(kMtu));
  DTLS_set_timer_cb(ssl_.get(), next_timeout);
  if (role == Role::kPassive) {
    SSL_set_accept_state(ssl_.get());
  } else {
    SSL_set_connect_state(ssl_.get());
    run();
    set_deadline(now);
  }
}

Dtls::~Dtls() { keys_.wipe(); }

// OpenSSL's question instead of a chain of trust: is this the certificate that the SDP named (RFC 5763 §5)?
int Dtls::verify(void* store, void*) {
  auto* context = static_cast<X509_STORE_CTX*>(store);
  auto* ssl = static_cast<SSL*>(X509_STORE_CTX_get_ex_data(context, SSL_get_ex_data_X509_STORE_CTX_idx()));
  auto* self = static_cast<Dtls*>(SSL_get_app_data(ssl));
  const X509* certificate = X509_STORE_CTX_get0_cert(context);
  DtlsFingerprint digest{};
  unsigned size = 0;
  const bool is_digest = certificate && X509_digest(certificate, EVP_sha256(),
                                                    reinterpret_cast<unsigned char*>(digest.data()), &size) == 1;
  if (is_digest && CRYPTO_memcmp(digest.data(), self->peer_.data(), digest.size()) == 0) return 1;
  self->mismatched_ = true;
  X509_STORE_CTX_set_error(context, X509_V_ERR_CERT_REJECTED);
  return 0;
}

unsigned Dtls::next_timeout(ssl_st*, unsigned microseconds) {
  constexpr auto kFirst = static_cast<unsigned>(kResendFirst / 1us), kMax = static_cast<unsigned>(kResendMax / 1us);
  return microseconds == 0 ? kFirst : std::min(2 * microseconds, kMax);
}

// Walks the record headers (RFC 6347 §4.1) and holds them against the bounds: every record that comes before its keys
// costs OpenSSL a buffer of 17 KB, and a datagram has room for a hundred.
bool Dtls::admits(ByteView datagram) {
  ByteReader in(datagram);
  if (state_ == State::kHandshake) ++datagrams_;
  while (in.left() != 0) {
    in.skip(3);  // type, version
    const auto epoch = in.u16();
    in.skip(6);  // sequence
    in.skip(in.u16());
    if (in.failed()) return false;
    if (state_ != State::kHandshake) continue;
    ++records_;
    ciphered_ += epoch != 0;
  }
  if (datagrams_ > kDatagramsMax || records_ > kRecordsMax || ciphered_ > kCipheredMax) fail(Failure::kTooMuch);
  return state_ != State::kFailed;
}

Dtls::State Dtls::on_datagram(ByteView datagram, TimePoint now) {
  if (state_ == State::kClosed || state_ == State::kFailed) return state_;
  if (now >= ends_ && state_ == State::kHandshake) return on_deadline(now);
  if (datagram.empty() || datagram.size() > kDatagramMax || !admits(datagram)) return state_;
  link_->incoming = datagram;
  run();
  link_->incoming = {};
  set_deadline(now);
  return state_;
}

Dtls::State Dtls::on_deadline(TimePoint now) {
  if (now < deadline_ || state_ == State::kClosed || state_ == State::kFailed) return state_;
  if (state_ == State::kHandshake && now >= ends_) {
    fail(Failure::kTimeout);
  } else {
    ERR_clear_error();
    if (DTLSv1_handle_timeout(ssl_.get()) < 0) fail(Failure::kTimeout);
  }
  set_deadline(now);
  return state_;
}

void Dtls::run() {
  ERR_clear_error();
  if (state_ == State::kHandshake) handshake();
  if (state_ == State::kOpen) drain();
}

void Dtls::handshake() {
  const int result = SSL_do_handshake(ssl_.get());
  if (result == 1) {
    if (take_keys()) {
      state_ = State::kOpen;
    } else {
      SSL_shutdown(ssl_.get());
      fail(Failure::kNoProfile);
    }
    return;
  }
  const int error = SSL_get_error(ssl_.get(), result);
  if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) return;
  if (mismatched_) return fail(Failure::kFingerprint);
  const int reason = ERR_GET_REASON(ERR_peek_error());
  fail(reason > SSL_AD_REASON_OFFSET ? Failure::kAlert : Failure::kProtocol);
}

// What comes once we are open: repeated last flights, which OpenSSL answers; alerts; data channels, which nobody
// agreed on and which go nowhere.
void Dtls::drain() {
  std::array<char, 256> data;
  for (std::size_t i = 0; i < kDatagramMax; ++i) {  // a record gives at least a byte
    const int result = SSL_read(ssl_.get(), data.data(), static_cast<int>(data.size()));
    if (result > 0) continue;
    switch (SSL_get_error(ssl_.get(), result)) {
      case SSL_ERROR_WANT_READ:
      case SSL_ERROR_WANT_WRITE:
        return;
      case SSL_ERROR_ZERO_RETURN:
        state_ = State::kClosed;
        return;
      default:
        return fail(Failure::kAlert);
    }
  }
}

// RFC 5764 §4.2: both keys, then both salts, the client's first.
bool Dtls::take_keys() {
  const auto profile = profile_of(SSL_get_selected_srtp_profile(ssl_.get()));
  if (!profile) return false;
  constexpr std::string_view kLabel = "EXTRACTOR-dtls_srtp";
  std::array<std::byte, 2 * (32 + 14)> material;
  const auto sizes = sizes_of(*profile);
  const bool is_exported =
      SSL_export_keying_material(ssl_.get(), reinterpret_cast<unsigned char*>(material.data()),
                                 2 * (sizes.key + sizes.salt), kLabel.data(), kLabel.size(), nullptr, 0, 0) == 1;
  if (is_exported) {
    const bool is_client = role_ == Role::kActive;
    auto& client = is_client ? keys_.ours : keys_.theirs;
    auto& server = is_client ? keys_.theirs : keys_.ours;
    ByteReader in(material);
    keys_.profile = *profile;
    for (auto* one : {&client, &server}) std::ranges::copy(in.take(sizes.key), one->key.begin());
    for (auto* one : {&client, &server}) std::ranges::copy(in.take(sizes.salt), one->salt.begin());
  }
  OPENSSL_cleanse(material.data(), material.size());
  return is_exported;
}

void Dtls::fail(Failure failure) {
  state_ = State::kFailed;
  failure_ = failure;
  keys_.wipe();
}

void Dtls::set_deadline(TimePoint now) {
  deadline_ = state_ == State::kHandshake ? ends_ : TimePoint::max();
  timeval left{};
  if (state_ == State::kFailed || state_ == State::kClosed || DTLSv1_get_timeout(ssl_.get(), &left) != 1) return;
  const Duration wait = std::chrono::seconds(left.tv_sec) + std::chrono::microseconds(left.tv_usec);
  deadline_ = std::min(deadline_, now + std::clamp<Duration>(wait, 0ns, kResendMax));
}

void Dtls::close() {
  if (state_ == State::kOpen || state_ == State::kHandshake) {
    ERR_clear_error();
    SSL_shutdown(ssl_.get());
  }
  state_ = State::kClosed;
  deadline_ = TimePoint::max();
}

ByteView Dtls::next_datagram() { return link_->next(); }

const DtlsKeys& Dtls::keys() const {
  CHECK(state_ == State::kOpen);
  return keys_;
}

}  // namespace carillon::rtp
