#pragma once
// The other end for the tests of DTLS: OpenSSL by itself, wired up as a stranger would, and a network between that
// loses, repeats and reorders by a seed. OpenSSL's timers go by gettimeofday, which this program's tests replace by
// wall_clock(): so no test waits.

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <array>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "engine/base/check.h"
#include "engine/base/random.h"
#include "engine/rtp/dtls.h"
#include "tests/engine/rtp/srtp_packets.h"

namespace carillon::rtp {

/// What gettimeofday says to this program, in microseconds.
std::int64_t& wall_clock();

struct DtlsPeer {
  bool is_client;
  std::deque<Bytes> incoming, outgoing;
  SSL_CTX* context;
  SSL* ssl;
  EVP_PKEY* key;
  X509* certificate;
  bool is_done = false, is_failed = false, saw_goodbye = false;

  /// `profiles` as OpenSSL names them, empty: no use_srtp. `rsa`: a certificate of the old kind.
  DtlsPeer(bool client, const char* profiles, bool rsa = false)
      : is_client(client), context(SSL_CTX_new(client ? DTLS_client_method() : DTLS_server_method())) {
    key = rsa ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256");
    certificate = X509_new();
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 17);
    X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_set_pubkey(certificate, key);
    CHECK(X509_sign(certificate, key, EVP_sha256()) > 0);
    CHECK(SSL_CTX_use_certificate(context, certificate) == 1);
    CHECK(SSL_CTX_use_PrivateKey(context, key) == 1);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
                       [](int, X509_STORE_CTX*) { return 1; });
    if (*profiles) CHECK(SSL_CTX_set_tlsext_use_srtp(context, profiles) == 0);
    SSL_CTX_set_options(context, SSL_OP_NO_QUERY_MTU);
    ssl = SSL_new(context);
    BIO* bio = BIO_new(method());
    BIO_set_data(bio, this);
    SSL_set_bio(ssl, bio, bio);
    SSL_set_mtu(ssl, 1200);
    client ? SSL_set_connect_state(ssl) : SSL_set_accept_state(ssl);
  }
  DtlsPeer(const DtlsPeer&) = delete;
  DtlsPeer& operator=(const DtlsPeer&) = delete;
  ~DtlsPeer() {
    SSL_free(ssl);
    SSL_CTX_free(context);
    X509_free(certificate);
    EVP_PKEY_free(key);
  }

  void set_mtu(long mtu) { SSL_set_mtu(ssl, mtu); }
  DtlsFingerprint fingerprint() const {
    DtlsFingerprint digest;
    unsigned size = 0;
    CHECK(X509_digest(certificate, EVP_sha256(), reinterpret_cast<unsigned char*>(digest.data()), &size) == 1);
    return digest;
  }
  DtlsFingerprint seen() const {
    X509* other = SSL_get1_peer_certificate(ssl);
    CHECK(other);
    DtlsFingerprint digest;
    unsigned size = 0;
    CHECK(X509_digest(other, EVP_sha256(), reinterpret_cast<unsigned char*>(digest.data()), &size) == 1);
    X509_free(other);
    return digest;
  }

  void step() {
    if (is_failed) return;
    if (!is_done) {
      const int result = SSL_do_handshake(ssl);
      if (result == 1)
        is_done = true;
      else if (const int error = SSL_get_error(ssl, result); error != SSL_ERROR_WANT_READ)
        is_failed = true;
    }
    if (!is_done) return;
    char data[100];
    const int result = SSL_read(ssl, data, sizeof data);
    if (result <= 0 && SSL_get_error(ssl, result) == SSL_ERROR_ZERO_RETURN) saw_goodbye = true;
  }
  void take(const Bytes& datagram) {
    incoming.push_back(datagram);
    step();
  }
  void on_time() { (void)DTLSv1_handle_timeout(ssl); }

  /// Keys by RFC 5764 §4.2, cut apart here once more.
  DtlsKeys keys(SrtpProfile profile) const {
    const auto sizes = sizes_of(profile);
    std::array<unsigned char, 92> material;
    CHECK(SSL_export_keying_material(ssl, material.data(), 2 * (sizes.key + sizes.salt), "EXTRACTOR-dtls_srtp", 19,
                                     nullptr, 0, 0) == 1);
    DtlsKeys keys;
    keys.profile = profile;
    auto& client = is_client ? keys.ours : keys.theirs;
    auto& server = is_client ? keys.theirs : keys.ours;
    std::memcpy(client.key.data(), material.data(), sizes.key);
    std::memcpy(server.key.data(), material.data() + sizes.key, sizes.key);
    std::memcpy(client.salt.data(), material.data() + 2 * sizes.key, sizes.salt);
    std::memcpy(server.salt.data(), material.data() + 2 * sizes.key + sizes.salt, sizes.salt);
    return keys;
  }

 private:
  static const BIO_METHOD* method() {
    static const BIO_METHOD* const kMethod = [] {
      BIO_METHOD* made = BIO_meth_new(BIO_TYPE_SOURCE_SINK | BIO_get_new_index(), "peer");
      BIO_meth_set_create(made, [](BIO* bio) { return BIO_set_init(bio, 1), 1; });
      BIO_meth_set_ctrl(made, [](BIO*, int command, long, void*) -> long { return command == BIO_CTRL_FLUSH; });
      BIO_meth_set_write(made, [](BIO* bio, const char* data, int size) {
        const auto* bytes = reinterpret_cast<const std::byte*>(data);
        static_cast<DtlsPeer*>(BIO_get_data(bio))->outgoing.emplace_back(bytes, bytes + size);
        return size;
      });
      BIO_meth_set_read(made, [](BIO* bio, char* out, int room) {
        auto& queue = static_cast<DtlsPeer*>(BIO_get_data(bio))->incoming;
        BIO_clear_retry_flags(bio);
        if (queue.empty()) return BIO_set_retry_read(bio), -1;
        const Bytes datagram = std::move(queue.front());
        queue.pop_front();
        const auto size = std::min(datagram.size(), static_cast<std::size_t>(room));
        std::memcpy(out, datagram.data(), size);
        return static_cast<int>(size);
      });
      return made;
    }();
    return kMethod;
  }
};

/// What a network does to datagrams; shares of 0..1.
struct Faults {
  double lost = 0, repeated = 0, reordered = 0;
};

/// One Dtls and one DtlsPeer, and the time that passes between them.
struct DtlsPair {
  DtlsIdentity identity;
  DtlsPeer peer;
  TimePoint now{1000s};
  Dtls dtls;
  Faults faults;
  Random random{1};
  struct Flying {
    bool to_peer;
    TimePoint due;
    Bytes bytes;
  };
  std::vector<Flying> air;
  std::size_t longest = 0, sent = 0;  ///< datagrams of ours

  DtlsPair(Dtls::Role role, const char* profiles, std::span<const SrtpProfile> ours = DtlsIdentity::kProfiles,
           bool rsa = false)
      : identity(WallTime{}, ours),
        peer(role == Dtls::Role::kPassive, profiles, rsa),
        dtls(identity, role, peer.fingerprint(), now) {}

  void send(bool to_peer, Bytes bytes) {
    if (random.unit() < faults.lost) return;
    for (int copies = random.unit() < faults.repeated ? 2 : 1; copies > 0; --copies)
      air.push_back({to_peer, now + (random.unit() < faults.reordered ? 30ms : 10ms), bytes});
  }
  void collect() {
    for (auto datagram = dtls.next_datagram(); !datagram.empty(); datagram = dtls.next_datagram()) {
      longest = std::max(longest, datagram.size());
      ++sent;
      send(true, Bytes(datagram.begin(), datagram.end()));
    }
    for (; !peer.outgoing.empty(); peer.outgoing.pop_front()) send(false, peer.outgoing.front());
  }
  void pass(Duration time) {
    now += time;
    wall_clock() += time / 1us;
  }
  /// One step of 10 ms; false: nothing flies and nothing waits.
  void step() {
    pass(10ms);
    std::vector<Flying> due;
    std::erase_if(air, [&](const Flying& one) { return one.due <= now && (due.push_back(one), true); });
    for (const auto& one : due) one.to_peer ? peer.take(one.bytes) : void(dtls.on_datagram(one.bytes, now));
    if (dtls.deadline() <= now) dtls.on_deadline(now);
    peer.on_time();
    collect();
  }
  /// Until both are through, or one failed, or `limit` passed.
  void run(Duration limit = 60s) {
    peer.step();
    collect();
    for (const auto end = now + limit; now < end; step()) {
      if (dtls.state() == Dtls::State::kOpen && peer.is_done) return;
      if (dtls.state() == Dtls::State::kFailed && air.empty()) return;
    }
  }
};

}  // namespace carillon::rtp
