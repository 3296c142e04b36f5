// What a connectivity check costs the shard, beside its floor: the two HMAC-SHA1 that it cannot do without.
// CPU time; repetitions with --benchmark_repetitions=9.

#include <benchmark/benchmark.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <string>

#include "engine/rtp/ice_lite.h"

namespace {

using namespace carillon;
using namespace carillon::rtp;

const std::array<std::byte, IceCredentials::kRandomBytes> kZeros{};
const IceCredentials kCredentials = IceCredentials::from(kZeros);
const Endpoint kFrom = Endpoint::v4(198, 51, 100, 7, 40000);

// As Chromium sends it: 96 bytes.
ByteView check(ByteSpan out, bool right = true) {
  return StunWriter(out, StunClass::kRequest, {})
      .username(std::string(kCredentials.ufrag.view()) + ":K0/0")
      .attribute(0xC057, bytes_of("net "))
      .ice_controlling(5)
      .priority(0x6e7e1eff)
      .sign(right ? StunKey(kCredentials.password) : StunKey("wrong"))
      .fingerprint()
      .finish();
}

void check_answered(benchmark::State& state) {
  std::array<std::byte, 200> wire;
  std::array<std::byte, IceLite::kReplyMax> reply;
  const ByteView request = check(wire);
  IceLite agent(kCredentials, "K0/0");
  TimePoint now{1s};
  for (auto _ : state) {
    const auto outcome = agent.on_datagram(request, kFrom, now, reply);
    if (outcome.verdict != IceLite::Verdict::kAnswered) state.SkipWithError("not answered");
    benchmark::DoNotOptimize(outcome.reply.data());
  }
}
BENCHMARK(check_answered);

void stranger_refused(benchmark::State& state) {
  std::array<std::byte, 200> wire;
  std::array<std::byte, IceLite::kReplyMax> reply;
  const ByteView request = check(wire, false);
  IceLite agent(kCredentials, "K0/0");
  for (auto _ : state) benchmark::DoNotOptimize(agent.on_datagram(request, kFrom, TimePoint{1s}, reply).error);
}
BENCHMARK(stranger_refused);

void message_read(benchmark::State& state) {
  std::array<std::byte, 200> wire;
  const ByteView request = check(wire);
  for (auto _ : state) benchmark::DoNotOptimize(parse_stun(request)->username.data());
}
BENCHMARK(message_read);

void source_asked(benchmark::State& state) {
  std::array<std::byte, 200> wire;
  std::array<std::byte, IceLite::kReplyMax> reply;
  IceLite agent(kCredentials, "K0/0");
  (void)agent.on_datagram(check(wire), kFrom, TimePoint{1s}, reply);
  for (auto _ : state) benchmark::DoNotOptimize(agent.is_valid(kFrom, TimePoint{2s}));
}
BENCHMARK(source_asked);

// Floor: HMAC-SHA1 over the request and over the reply with the key's states at hand, nothing else.
void floor_two_digests(benchmark::State& state) {
  std::array<std::byte, 200> wire;
  const ByteView request = check(wire);
  const StunKey key(kCredentials.password);
  for (auto _ : state) {
    benchmark::DoNotOptimize(key.digest({}, request.first(64)));
    benchmark::DoNotOptimize(key.digest({}, request.first(32)));
  }
}
BENCHMARK(floor_two_digests);

// The same by OpenSSL's one call each, which sets the key up and allocates every time.
void floor_two_digests_evp(benchmark::State& state) {
  std::array<std::byte, 200> wire;
  const ByteView request = check(wire);
  const auto* bytes = reinterpret_cast<const unsigned char*>(request.data());
  const auto password = kCredentials.password.view();
  unsigned char digest[20];
  unsigned size = sizeof digest;
  for (auto _ : state) {
    HMAC(EVP_sha1(), password.data(), static_cast<int>(password.size()), bytes, 64, digest, &size);
    HMAC(EVP_sha1(), password.data(), static_cast<int>(password.size()), bytes, 32, digest, &size);
    benchmark::DoNotOptimize(digest);
  }
}
BENCHMARK(floor_two_digests_evp);

}  // namespace

BENCHMARK_MAIN();
