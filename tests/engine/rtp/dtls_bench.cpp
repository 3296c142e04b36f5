// What one DTLS handshake costs our end in CPU time and memory, beside the floor: OpenSSL's server and client as they
// come, without our object around them. Both ends run in this thread; only ours (or the one measured) is timed.

#include <benchmark/benchmark.h>
#include <malloc.h>
#include <time.h>

#include "tests/engine/rtp/dtls_peer.h"

namespace {

using namespace carillon;
using namespace carillon::rtp;

constexpr const char* kProfiles = "SRTP_AEAD_AES_128_GCM:SRTP_AES128_CM_SHA1_80";

double cpu_seconds() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

struct Timed {
  double total = 0;
  template <class Work>
  void operator()(Work work) {
    const double start = cpu_seconds();
    work();
    total += cpu_seconds() - start;
  }
};

void renew(DtlsPeer& peer) {
  SSL_clear(peer.ssl);
  SSL_set_session(peer.ssl, nullptr);
  SSL_set_mtu(peer.ssl, 1200);
  peer.is_done = peer.is_failed = false;
  peer.incoming.clear();
  peer.outgoing.clear();
}

void handshake(benchmark::State& state, Dtls::Role role) {
  const DtlsIdentity identity(WallTime{});
  DtlsPeer peer(role == Dtls::Role::kPassive, kProfiles);
  for (auto _ : state) {
    renew(peer);
    Timed timed;
    std::unique_ptr<Dtls> dtls;
    timed([&] { dtls = std::make_unique<Dtls>(identity, role, peer.fingerprint(), TimePoint{1s}); });
    peer.step();
    for (int round = 0; round < 6 && !(peer.is_done && dtls->state() == Dtls::State::kOpen); ++round) {
      std::vector<Bytes> ours;
      timed([&] {
        for (auto out = dtls->next_datagram(); !out.empty(); out = dtls->next_datagram())
          ours.emplace_back(out.begin(), out.end());
      });
      for (const auto& datagram : ours) peer.take(datagram);
      for (; !peer.outgoing.empty(); peer.outgoing.pop_front())
        timed([&] { dtls->on_datagram(peer.outgoing.front(), TimePoint{1s}); });
    }
    if (dtls->state() != Dtls::State::kOpen || !peer.is_done) state.SkipWithError("no handshake");
    timed([&] { dtls.reset(); });
    state.SetIterationTime(timed.total);
  }
}
void passive(benchmark::State& state) { handshake(state, Dtls::Role::kPassive); }
void active(benchmark::State& state) { handshake(state, Dtls::Role::kActive); }
BENCHMARK(passive)->UseManualTime();
BENCHMARK(active)->UseManualTime();

// Floor: a bare SSL at the measured end, made and freed each time as ours is.
void bare(benchmark::State& state, bool is_client) {
  DtlsPeer peer(!is_client, kProfiles), maker(is_client, kProfiles);
  SSL_CTX_set_session_cache_mode(maker.context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_options(maker.context, SSL_OP_NO_TICKET);
  SSL_CTX_set_mode(maker.context, SSL_MODE_NO_AUTO_CHAIN);
  // the same curve and cipher as ours, and no more of a look at the certificate
  SSL_CTX_set1_groups_list(maker.context, "X25519:P-256");
  SSL_CTX_set_cipher_list(maker.context, "ECDHE-ECDSA-AES128-GCM-SHA256");
  SSL_CTX_set_cert_verify_callback(
      maker.context, [](X509_STORE_CTX*, void*) { return 1; }, nullptr);
  for (auto _ : state) {
    renew(peer);
    Timed timed;
    SSL* const kept = maker.ssl;
    timed([&] {
      maker.ssl = SSL_new(maker.context);
      BIO* bio = SSL_get_rbio(kept);
      BIO_up_ref(bio);
      SSL_set_bio(maker.ssl, bio, bio);
      SSL_set_mtu(maker.ssl, 1200);
      is_client ? SSL_set_connect_state(maker.ssl) : SSL_set_accept_state(maker.ssl);
      maker.is_done = maker.is_failed = false;
      maker.incoming.clear();
      maker.outgoing.clear();
      maker.step();
    });
    peer.step();
    for (int round = 0; round < 6 && !(peer.is_done && maker.is_done); ++round) {
      for (; !maker.outgoing.empty(); maker.outgoing.pop_front()) peer.take(maker.outgoing.front());
      for (; !peer.outgoing.empty(); peer.outgoing.pop_front()) timed([&] { maker.take(peer.outgoing.front()); });
    }
    if (!peer.is_done || !maker.is_done) state.SkipWithError("no handshake");
    timed([&] { SSL_free(maker.ssl); });
    maker.ssl = kept;
    state.SetIterationTime(timed.total);
  }
}
void floor_bare_server(benchmark::State& state) { bare(state, false); }
void floor_bare_client(benchmark::State& state) { bare(state, true); }
BENCHMARK(floor_bare_server)->UseManualTime();
BENCHMARK(floor_bare_client)->UseManualTime();

void identity_made(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(DtlsIdentity(WallTime{}).fingerprint());
}
BENCHMARK(identity_made);

// Bytes of the heap that an end holds once it is open (passive).
void memory_when_open(benchmark::State& state) {
  const DtlsIdentity identity(WallTime{});
  DtlsPeer peer(true, kProfiles);
  std::size_t held = 0;
  for (auto _ : state) {
    renew(peer);
    peer.step();
    const auto before = mallinfo2().uordblks;
    Dtls dtls(identity, Dtls::Role::kPassive, peer.fingerprint(), TimePoint{1s});
    for (int round = 0; round < 6 && dtls.state() != Dtls::State::kOpen; ++round) {
      for (; !peer.outgoing.empty(); peer.outgoing.pop_front()) dtls.on_datagram(peer.outgoing.front(), TimePoint{1s});
      for (auto out = dtls.next_datagram(); !out.empty(); out = dtls.next_datagram())
        peer.take({out.begin(), out.end()});
    }
    held = mallinfo2().uordblks - before;
  }
  state.counters["bytes"] = static_cast<double>(held);
}
BENCHMARK(memory_when_open)->Iterations(20);

// Likewise at the worst that the bounds allow: records that come before their keys.
void memory_when_flooded(benchmark::State& state) {
  const DtlsIdentity identity(WallTime{});
  std::size_t held = 0;
  for (auto _ : state) {
    const auto before = mallinfo2().uordblks;
    Dtls dtls(identity, Dtls::Role::kPassive, {}, TimePoint{1s});
    for (std::uint32_t i = 0; i < static_cast<std::uint32_t>(Dtls::kCipheredMax); ++i) {
      std::array<std::byte, 13 + 40> wire{};
      ByteWriter out(wire);
      out.u8(22);
      out.u16(0xFEFD);
      out.u16(1);
      out.u16(0);
      out.u32(i + 1);
      out.u16(40);
      dtls.on_datagram(wire, TimePoint{1s});
    }
    for (std::uint16_t i = 0; i < 90; ++i) {  // and first pieces of messages that never get whole
      std::array<std::byte, 13 + 12 + 8> wire{};
      ByteWriter out(wire);
      out.u8(22);
      out.u16(0xFEFD);
      out.u16(0);
      out.u16(0);
      out.u32(i);
      out.u16(20);
      out.u8(1);
      out.u24(16'000);
      out.u16(i % 10);
      out.u24(0);
      out.u24(8);
      dtls.on_datagram(wire, TimePoint{1s});
    }
    held = mallinfo2().uordblks - before;
    if (dtls.state() != Dtls::State::kHandshake) state.SkipWithError("ended early");
  }
  state.counters["bytes"] = static_cast<double>(held);
}
BENCHMARK(memory_when_flooded)->Iterations(20);

}  // namespace

BENCHMARK_MAIN();
