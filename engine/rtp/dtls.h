#pragma once
// DTLS-SRTP (RFC 5763, RFC 5764) for one leg: a handshake, checked against the fingerprint of the peer's SDP, that
// leaves the keys of both directions. In: datagrams that demux.h calls DTLS, the time. Out: datagrams to send, keys.
//
// Where it runs. A handshake takes half a millisecond of processor time and the heap, so it has no place in a shard's
// step: a handshake thread owns this object, gets DTLS datagrams from the shards by ring, gives back what to send and,
// once, the DtlsKeys (trivially copyable for that; whoever passed them on wipes his copy). The object knows no thread:
// any may call it, one at a time.
//
// Whom it answers. A hello of 60 bytes makes us send a kilobyte, and there is no cookie (DTLSv1_listen would drop
// fragmented hellos, which is what browsers send): so only datagrams from sources that IceLite::is_valid knows may come
// here, and replies go to IceLite::selected or, before that, back whence the datagram came. A source that proved to
// know the password of our SDP is no victim of amplification. Without ICE (a DTLS phone) the same holds of the SDP's
// address.
//
// Time. OpenSSL keeps the retransmission's timer itself, by the wall clock: deadline() is what it says, seen from the
// time that is handed in. Should the wall clock be set back, retransmissions pause and kTimeMax ends the handshake.

#include <memory>

#include "engine/rtp/dtls_identity.h"

struct ssl_st;  // OpenSSL's SSL

namespace carillon::rtp {

/// Master keys of both directions (RFC 5764 §4.2), in the form that derive() takes. Trivially copyable; not wiped by
/// itself.
struct DtlsKeys {
  struct One {
    std::array<std::byte, 32> key{};
    std::array<std::byte, 14> salt{};
  };
  SrtpProfile profile = SrtpProfile::kAesCm128Sha1_80;
  One ours, theirs;

  SrtpMaster sending() const { return master(ours); }
  SrtpMaster receiving() const { return master(theirs); }
  void wipe();

 private:
  SrtpMaster master(const One& one) const {
    const auto sizes = sizes_of(profile);
    return {
        .profile = profile, .key = ByteView(one.key).first(sizes.key), .salt = ByteView(one.salt).first(sizes.salt)};
  }
};

struct DtlsLink;  // what OpenSSL reads from and writes to: dtls_link.h

/// One DTLS association. Memory: 70 KB of the heap; the bounds below keep a hostile peer to 0.8 MB until it
/// fails.
class Dtls {
 public:
  enum class Role : std::uint8_t { kPassive, kActive };  ///< a=setup: who sends the ClientHello
  enum class State : std::uint8_t {
    kHandshake,
    kOpen,    ///< keys() are there; still answers a peer that lost our last flight
    kClosed,  ///< close_notify, ours or the peer's
    kFailed,
  };
  enum class Failure : std::uint8_t {
    kNone,
    kFingerprint,  ///< the certificate is not the one that the SDP promised
    kNoProfile,    ///< no common SRTP profile
    kProtocol,     ///< what came is not a handshake that we take
    kAlert,        ///< the peer gave up
    kTimeout,      ///< kTimeMax
    kTooMuch,      ///< more datagrams or records than a handshake can need
  };

  static constexpr std::size_t kMtu = 1200;          ///< no datagram of ours is longer
  static constexpr std::size_t kDatagramMax = 1500;  ///< longer ones are dropped
  static constexpr Duration kTimeMax = 15s;          ///< from construction to kOpen
  static constexpr Duration kResendFirst = 400ms;    ///< RFC 9147 §5.8.2 names it for DTLS-SRTP; doubles
  static constexpr Duration kResendMax = 3200ms;
  static constexpr int kDatagramsMax = 128;  ///< until kOpen; a handshake takes 4 to 8
  static constexpr int kRecordsMax = 256;    ///< likewise
  static constexpr int kCipheredMax =
      32;  ///< of these, encrypted ones: OpenSSL keeps those that come early, 17 KB each

  /// kActive leaves a ClientHello to send. `peer` from the SDP: without it there is nothing to start.
  Dtls(const DtlsIdentity& identity, Role role, const DtlsFingerprint& peer, TimePoint now);
  ~Dtls();
  Dtls(const Dtls&) = delete;
  Dtls& operator=(const Dtls&) = delete;

  /// One datagram, untrusted. Damaged, foreign and late ones are dropped as DTLS wants it.
  State on_datagram(ByteView datagram, TimePoint now);

  /// TimePoint::max(): nothing to wait for.
  TimePoint deadline() const { return deadline_; }
  State on_deadline(TimePoint now);

  /// Says goodbye: leaves a close_notify to send.
  void close();

  /// The next datagram to send, oldest first, until it is empty; to be asked after every call. The view lives until
  /// the next call of anything here. What does not fit (kOutboxMax of DtlsLink) is lost like on the wire.
  ByteView next_datagram();

  Role role() const { return role_; }
  State state() const { return state_; }
  Failure failure() const { return failure_; }
  /// From kOpen on.
  const DtlsKeys& keys() const;

 private:
  struct Free {
    void operator()(ssl_st* ssl) const;
  };
  static int verify(void* store, void* unused);
  static unsigned next_timeout(ssl_st* ssl, unsigned microseconds);

  bool admits(ByteView datagram);
  void run();
  void handshake();
  void drain();
  bool take_keys();
  void fail(Failure failure);
  void set_deadline(TimePoint now);
  friend class DtlsIdentity;  // hands verify() to OpenSSL

  Role role_;
  State state_ = State::kHandshake;
  Failure failure_ = Failure::kNone;
  bool mismatched_ = false;  // verify() found another certificate
  int datagrams_ = 0, records_ = 0, ciphered_ = 0;
  TimePoint ends_, deadline_;
  DtlsFingerprint peer_;
  std::unique_ptr<DtlsLink> link_;
  std::unique_ptr<ssl_st, Free> ssl_;
  DtlsKeys keys_;
};

}  // namespace carillon::rtp
