// Datagrams at a DTLS end, in both roles. The first byte says how: as they are (each with its length before it), or a
// true handshake with OpenSSL in which they take the place of, or change, what the peer sends. Whatever comes, the end
// stays within its bounds, and it is open only if the true peer is the one who spoke.

#include "engine/rtp/dtls.h"

#include <algorithm>

#include "engine/base/check.h"
#include "tests/engine/rtp/dtls_peer.h"

using namespace carillon;

namespace {

const rtp::DtlsIdentity& identity() {
  static const rtp::DtlsIdentity kIdentity(WallTime{});
  return kIdentity;
}

void check_bounds(rtp::Dtls& dtls) {
  for (int count = 0;; ++count) {
    const auto datagram = dtls.next_datagram();
    if (datagram.empty()) return;
    CHECK(datagram.size() <= rtp::Dtls::kMtu);
    CHECK(count < 16);
  }
}

// Bytes as datagrams: two bytes of length, then as many.
ByteView next(ByteReader& in) {
  const std::size_t size = in.u16() & 0x7FF;
  return in.take(std::min(size, in.left()));
}

void strangers(ByteReader& in, rtp::Dtls::Role role) {
  rtp::Dtls dtls(identity(), role, {}, TimePoint{1s});
  TimePoint now{1s};
  while (in.left() >= 2) {
    dtls.on_datagram(next(in), now);
    check_bounds(dtls);
    now += 10ms;
    if (dtls.deadline() <= now) dtls.on_deadline(now);
    CHECK(dtls.state() != rtp::Dtls::State::kOpen);  // nobody can have a certificate of this fingerprint
  }
  dtls.close();
  check_bounds(dtls);
}

// Pieces of the input change the peer's datagrams: which, where, with what; the others pass.
void changed(ByteReader& in, rtp::Dtls::Role role) {
  static rtp::DtlsPeer* const kPeers[] = {
      new rtp::DtlsPeer(false, "SRTP_AEAD_AES_128_GCM:SRTP_AES128_CM_SHA1_80"),  // its certificate is used again
      new rtp::DtlsPeer(true, "SRTP_AEAD_AES_128_GCM:SRTP_AES128_CM_SHA1_80")};
  rtp::DtlsPeer& peer = *kPeers[role == rtp::Dtls::Role::kPassive];
  SSL_clear(peer.ssl);
  SSL_set_mtu(peer.ssl, 400);
  peer.is_done = peer.is_failed = false;
  peer.incoming.clear();
  peer.outgoing.clear();
  rtp::Dtls dtls(identity(), role, peer.fingerprint(), TimePoint{1s});
  peer.step();
  for (int round = 0; round < 12; ++round) {
    for (auto out = dtls.next_datagram(); !out.empty(); out = dtls.next_datagram()) peer.take({out.begin(), out.end()});
    for (; !peer.outgoing.empty(); peer.outgoing.pop_front()) {
      rtp::Bytes datagram = peer.outgoing.front();
      const auto what = in.u8();
      if (what & 1 && !datagram.empty()) datagram[in.u16() % datagram.size()] ^= static_cast<std::byte>(in.u8());
      if (what & 2) datagram.resize(in.u16() % (datagram.size() + 1));
      if (what & 4) {
        const auto extra = next(in);
        datagram.insert(datagram.end(), extra.begin(), extra.end());
      }
      if (what & 8) dtls.on_datagram(datagram, TimePoint{1s});
      if (what & 16) dtls.on_datagram(next(in), TimePoint{1s});
      dtls.on_datagram(datagram, TimePoint{1s});
    }
  }
  check_bounds(dtls);
  if (dtls.state() != rtp::Dtls::State::kOpen || !peer.is_done) return;
  const auto theirs = peer.keys(dtls.keys().profile);
  CHECK(theirs.ours.key == dtls.keys().theirs.key && theirs.theirs.key == dtls.keys().ours.key);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  ByteReader in(std::as_bytes(std::span(data, size)));
  const auto how = in.u8();
  const auto role = how & 1 ? rtp::Dtls::Role::kPassive : rtp::Dtls::Role::kActive;
  if (how & 2)
    changed(in, role);
  else
    strangers(in, role);
  return 0;
}
