#pragma once
// Bursts of packets through SRTP and SRTCP, in place, by intel-ipsec-mb: what a shard hands over per step.

#include <memory>

#include "engine/rtp/srtp.h"

namespace carillon::rtp {

/// One packet of a burst. No two of a burst may share bytes.
struct SrtpJob {
  SrtpContext* context = nullptr;
  ByteSpan buffer;       ///< the packet at its beginning; protecting: room behind it (kSrtpTagMax, kSrtcpTailMax)
  std::size_t size = 0;  ///< of the packet; afterwards of what became of it, 0 if that is nothing
  SrtpResult result = SrtpResult::kOk;
};

/// Protects and unprotects complete packets. One per shard; nothing allocates after construction (230 KB).
///
/// Any number of jobs, also several of one context: the same packets are taken, with the same bytes, as if they came
/// one by one (only a stale one may get another reason than kTooOld). Larger bursts cost less: counter mode
/// hashes sixteen packets side by side (AVX-512), and keys are fetched ahead of their use.
///
/// What a caller gets after kOk is verified. Counter mode deciphers only what its tag has vouched for; where GCM, which
/// does both at once, fails, the bytes that it deciphered are wiped. Tags are compared in constant time.
class SrtpBatch {
 public:
  explicit SrtpBatch(SrtpCrypto::Isa isa = SrtpCrypto::Isa::kBest);
  ~SrtpBatch();

  /// For making contexts; of the same shard.
  SrtpCrypto& crypto() { return crypto_; }

  /// RTP (RFC 3711 §3.1, RFC 7714 §8): header, CSRC list and extension stay readable, the tag covers them.
  /// Errors: kShort, kVersion, kRoom, kTooOld, kReplay, kSources, kLifetime; the packet is then as it was.
  void protect(std::span<SrtpJob> jobs);
  /// Errors: those but kRoom, and kAuth.
  void unprotect(std::span<SrtpJob> jobs);

  /// RTCP (RFC 3711 §3.4, RFC 7714 §9): one compound packet each. Keys are expanded for each: 0.4 µs with GCM,
  /// 1 µs with counter mode.
  void protect_rtcp(std::span<SrtpJob> jobs);
  /// Errors: also kClear.
  void unprotect_rtcp(std::span<SrtpJob> jobs);

 private:
  static constexpr std::size_t kBurst = 64;
  struct Lanes;  // what waits for the multi-buffer hash and cipher

  static void fetch_keys(const SrtpContext& context);
  void protect_one(SrtpJob& job);
  void unprotect_one(SrtpJob& job);
  void open_gcm(SrtpJob& job, std::size_t head, std::size_t size, std::uint32_t ssrc, std::uint64_t index);
  void seal_waiting();
  void open_waiting();
  void protect_rtcp_one(SrtpJob& job);
  void unprotect_rtcp_one(SrtpJob& job);
  bool open_rtcp_gcm(SrtpJob& job, std::size_t size, std::uint32_t ssrc, std::uint32_t word);
  bool has_rtcp_tag(const SrtpJob& job, std::size_t size);
  void expand_rtcp(const SrtpContext& context);

  SrtpCrypto crypto_;
  std::unique_ptr<Lanes> lanes_;
};

}  // namespace carillon::rtp
