#pragma once
// For the sources of SrtpBatch only: fields of protected packets, initial counters, and the lanes in which counter mode
// waits for the multi-buffer functions.

#include <intel-ipsec-mb.h>
#include <string.h>  // explicit_bzero

#include "engine/base/check.h"
#include "engine/rtp/packet.h"
#include "engine/rtp/srtp_batch.h"

namespace carillon::rtp {

inline std::uint8_t* raw(std::byte* bytes) { return reinterpret_cast<std::uint8_t*>(bytes); }
inline const std::uint8_t* raw(const std::byte* bytes) { return reinterpret_cast<const std::uint8_t*>(bytes); }

template <class T>
T load(const std::byte* at) {
  T value;
  std::memcpy(&value, at, sizeof(value));
  return value;
}

inline std::uint16_t load16(const std::byte* at) { return __builtin_bswap16(load<std::uint16_t>(at)); }
inline std::uint32_t load32(const std::byte* at) { return __builtin_bswap32(load<std::uint32_t>(at)); }
inline void store32(std::byte* at, std::uint32_t value) {
  value = __builtin_bswap32(value);
  std::memcpy(at, &value, sizeof(value));
}

/// In constant time: which byte differs must not show.
inline bool is_same(const std::byte* a, const std::byte* b, std::size_t size) {
  unsigned difference = 0;
  for (std::size_t i = 0; i < size; ++i) difference |= std::to_integer<unsigned>(a[i] ^ b[i]);
  return difference == 0;
}

/// Header, CSRC list and extension (RFC 3550 §5.1, §5.3.1), in bytes; or what is wrong with them.
struct Head {
  std::size_t size = 0;
  SrtpResult verdict = SrtpResult::kOk;
};
inline Head head_of(const std::byte* wire, std::size_t size) {
  if (size < kHeaderSize) return {.verdict = SrtpResult::kShort};
  const auto flags = std::to_integer<unsigned>(wire[0]);
  if (flags >> 6 != 2) return {.verdict = SrtpResult::kVersion};
  std::size_t head = kHeaderSize + 4 * (flags & 0x0F);
  if (flags & 0x10) {
    if (size < head + 4) return {.verdict = SrtpResult::kShort};
    head += 4 + std::size_t{4} * load16(wire + head + 2);
  }
  if (size < head) return {.verdict = SrtpResult::kShort};
  return {.size = head};
}

/// RFC 3711 §4.1.1 and RFC 7714 §8.1, §9.1: the salt, XORed with SSRC and index. GCM reads twelve bytes of it, counter
/// mode all, the last two being the block counter.
inline void make_iv(std::byte* iv, const std::array<std::byte, 14>& salt, bool gcm, std::uint32_t ssrc,
                    std::uint64_t index) {
  const std::size_t at = gcm ? 2 : 4;
  std::memcpy(iv, salt.data(), salt.size());
  iv[14] = iv[15] = {};
  store32(iv + at, load32(iv + at) ^ ssrc);
  store32(iv + at + 4, load32(iv + at + 4) ^ static_cast<std::uint32_t>(index >> 16));
  iv[at + 8] ^= static_cast<std::byte>(index >> 8 & 0xFF);
  iv[at + 9] ^= static_cast<std::byte>(index & 0xFF);
}

inline void finish(SrtpJob& job, SrtpResult result, std::size_t size = 0) {
  job.result = result;
  job.size = result == SrtpResult::kOk ? size : 0;
}

enum class Way : std::uint8_t { kEncrypt, kDecrypt };

inline void run_gcm(IMB_MGR* manager, Way way, SrtpProfile profile, const SrtpKeys& keys, const std::byte* iv,
                    ByteView covered, ByteSpan text, std::byte* tag) {
  const auto* key = reinterpret_cast<const gcm_key_data*>(keys.gcm.data());
  const bool is_long = profile == SrtpProfile::kAesGcm256;
  gcm_context_data state;
  const auto run = way == Way::kEncrypt ? (is_long ? manager->gcm256_enc : manager->gcm128_enc)
                                        : (is_long ? manager->gcm256_dec : manager->gcm128_dec);
  run(key, &state, raw(text.data()), raw(text.data()), text.size(), raw(iv), raw(covered.data()), covered.size(),
      raw(tag), kSrtpTagMax);
}

/// Where counter mode waits until a burst is full. Hashes go lane by lane; ciphers are a list of their own, because a
/// lane whose tag was wrong is not deciphered and an empty payload has nothing to cipher.
struct SrtpBatch::Lanes {
  struct Lane {
    SrtpJob* job;
    std::uint64_t index;
    std::uint32_t ssrc;
    std::uint32_t head, size;                // where the payload begins; where the tag begins
    std::array<std::byte, kSrtpTagMax> tag;  // as it came
  };
  std::array<IMB_JOB, kBurst> ciphers{}, hashes{};
  std::array<Lane, kBurst> lanes{};
  alignas(64) std::array<std::array<std::byte, 16>, kBurst> ivs{};
  alignas(64) std::array<std::array<std::byte, 20>, kBurst> digests{};
  SrtpKeys rtcp_keys{};
  std::size_t count = 0;
  std::size_t cipher_count = 0;

  Lanes() {
    for (auto& job : ciphers) {
      job.cipher_mode = IMB_CIPHER_CNTR;
      job.cipher_direction = IMB_DIR_ENCRYPT;  // the counter is enciphered both ways
      job.key_len_in_bytes = 16;
      job.iv_len_in_bytes = 16;
    }
    for (auto& job : hashes) {
      job.hash_alg = IMB_AUTH_HMAC_SHA_1;
      job.auth_tag_output_len_in_bytes = 20;
    }
  }
  ~Lanes() { explicit_bzero(&rtcp_keys, sizeof(rtcp_keys)); }

  void add_cipher(const SrtpKeys& keys, const std::array<std::byte, 14>& salt, std::uint32_t ssrc, std::uint64_t index,
                  ByteSpan text) {
    if (text.empty()) return;
    auto& iv = ivs[cipher_count];
    make_iv(iv.data(), salt, false, ssrc, index);
    auto& job = ciphers[cipher_count++];
    job.enc_keys = keys.cm.rounds.data();
    job.src = job.dst = raw(text.data());
    job.msg_len_to_cipher_in_bytes = text.size();
    job.iv = raw(iv.data());
  }
  void set_hash(std::size_t lane, const SrtpKeys& keys, ByteView covered) {
    auto& job = hashes[lane];
    job.src = raw(covered.data());
    job.msg_len_to_hash_in_bytes = covered.size();
    job.u.HMAC._hashed_auth_key_xor_ipad = keys.cm.inner.data();
    job.u.HMAC._hashed_auth_key_xor_opad = keys.cm.outer.data();
    job.auth_tag_output = raw(digests[lane].data());
  }
  void run_ciphers(IMB_MGR* manager) {
    if (cipher_count == 0) return;
    const auto done = IMB_SUBMIT_CIPHER_BURST_NOCHECK(manager, ciphers.data(), static_cast<std::uint32_t>(cipher_count),
                                                      IMB_CIPHER_CNTR, IMB_DIR_ENCRYPT, IMB_KEY_128_BYTES);
    CHECK(done == cipher_count);
    cipher_count = 0;
  }
  void run_hashes(IMB_MGR* manager, std::size_t lanes_used) {
    const auto done = IMB_SUBMIT_HASH_BURST_NOCHECK(manager, hashes.data(), static_cast<std::uint32_t>(lanes_used),
                                                    IMB_AUTH_HMAC_SHA_1);
    CHECK(done == lanes_used);
  }
};

}  // namespace carillon::rtp
