#pragma once
// Keys and packets for the tests of SRTP.

#include <string>
#include <string_view>
#include <vector>

#include "engine/base/random.h"
#include "engine/rtp/packet.h"
#include "engine/rtp/srtp_batch.h"

namespace carillon::rtp {

using Bytes = std::vector<std::byte>;

inline Bytes hex(std::string_view text) {
  const auto digit = [](char c) { return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10; };
  std::string digits;
  for (const char c : text)
    if (c != ' ' && c != '\n') digits.push_back(c);
  Bytes result;
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2)
    result.push_back(static_cast<std::byte>(digit(digits[i]) << 4 | digit(digits[i + 1])));
  return result;
}

inline Bytes random_bytes(Random& random, std::size_t count) {
  Bytes result(count);
  for (auto& byte : result) byte = static_cast<std::byte>(random.u32() >> 24);
  return result;
}

inline constexpr SrtpProfile kSrtpProfiles[] = {SrtpProfile::kAesCm128Sha1_80, SrtpProfile::kAesCm128Sha1_32,
                                                SrtpProfile::kAesGcm128, SrtpProfile::kAesGcm256};

inline const char* name_of(SrtpProfile profile) {
  constexpr const char* kNames[] = {"AesCm128Sha1_80", "AesCm128Sha1_32", "AesGcm128", "AesGcm256"};
  return kNames[static_cast<std::size_t>(profile)];
}

/// A random master key, and contexts made of it.
struct Keying {
  SrtpProfile profile;
  Bytes key, salt;
  bool encrypts_rtcp = true;

  Keying(SrtpProfile chosen, Random& random)
      : profile(chosen),
        key(random_bytes(random, sizes_of(chosen).key)),
        salt(random_bytes(random, sizes_of(chosen).salt)) {}
  SrtpMaster master() const { return {.profile = profile, .key = key, .salt = salt, .encrypts_rtcp = encrypts_rtcp}; }
  SrtpContext context(SrtpCrypto& crypto, SrtpContext::Role role) const {
    SrtpSession session;
    derive(crypto, master(), session);
    return SrtpContext(crypto, session, role);
  }
};

/// A valid packet with whatever a header may have: CSRC list, extension, marker, padding; 0 to 400 bytes of payload.
inline Bytes random_rtp(Random& random, std::uint32_t ssrc, std::uint16_t sequence) {
  const auto csrcs = random.below(4) ? 0 : random.below(16);
  const bool extended = random.below(3) == 0, padded = random.below(4) == 0;
  Bytes wire = random_bytes(random, kHeaderSize + 4 * csrcs);
  wire[0] = static_cast<std::byte>(0x80 | (padded ? 0x20 : 0) | (extended ? 0x10 : 0) | csrcs);
  wire[2] = static_cast<std::byte>(sequence >> 8);
  wire[3] = static_cast<std::byte>(sequence & 0xFF);
  for (int i = 0; i < 4; ++i) wire[8 + i] = static_cast<std::byte>(ssrc >> (24 - 8 * i) & 0xFF);
  if (extended) {
    const auto words = random.below(6);
    Bytes extension = random_bytes(random, 4 + 4 * words);
    extension[2] = {};
    extension[3] = static_cast<std::byte>(words);
    wire.insert(wire.end(), extension.begin(), extension.end());
  }
  const Bytes payload = random_bytes(random, padded ? 1 + random.below(400) : random.below(401));
  wire.insert(wire.end(), payload.begin(), payload.end());
  if (padded) wire.back() = static_cast<std::byte>(1 + random.below(std::min<std::size_t>(255, payload.size())));
  return wire;
}

/// A sender report in form, of random numbers.
inline Bytes random_rtcp(Random& random, std::uint32_t ssrc) {
  Bytes wire = random_bytes(random, 28 + 4 * random.below(40));
  wire[0] = std::byte{0x80};
  wire[1] = std::byte{200};
  const auto words = wire.size() / 4 - 1;
  wire[2] = {};
  wire[3] = static_cast<std::byte>(words);
  for (int i = 0; i < 4; ++i) wire[4 + i] = static_cast<std::byte>(ssrc >> (24 - 8 * i) & 0xFF);
  return wire;
}

/// One packet through `batch`, as a burst of one. The packet comes back in `wire` where the result is kOk.
template <class Pass>
SrtpResult pass(SrtpContext& context, Bytes& wire, Pass through) {
  const std::size_t size = wire.size();
  wire.resize(size + kSrtcpTailMax);
  SrtpJob job{.context = &context, .buffer = wire, .size = size};
  through(std::span(&job, 1));
  wire.resize(job.result == SrtpResult::kOk ? job.size : size);
  return job.result;
}
inline SrtpResult protect(SrtpBatch& batch, SrtpContext& context, Bytes& wire) {
  return pass(context, wire, [&](std::span<SrtpJob> jobs) { batch.protect(jobs); });
}
inline SrtpResult unprotect(SrtpBatch& batch, SrtpContext& context, Bytes& wire) {
  return pass(context, wire, [&](std::span<SrtpJob> jobs) { batch.unprotect(jobs); });
}
inline SrtpResult protect_rtcp(SrtpBatch& batch, SrtpContext& context, Bytes& wire) {
  return pass(context, wire, [&](std::span<SrtpJob> jobs) { batch.protect_rtcp(jobs); });
}
inline SrtpResult unprotect_rtcp(SrtpBatch& batch, SrtpContext& context, Bytes& wire) {
  return pass(context, wire, [&](std::span<SrtpJob> jobs) { batch.unprotect_rtcp(jobs); });
}

}  // namespace carillon::rtp
