#pragma once
// SRTP and SRTCP (RFC 3711, GCM: RFC 7714): what is kept per key. Session keys, rollover, replay, lifetime;
// srtp_batch.h turns packets into protected packets with it. MKI is not used: bytes of one in a packet make its tag
// wrong.

#include <array>
#include <cstdint>

#include "engine/base/bytes.h"

struct IMB_MGR;  // intel-ipsec-mb's manager; its header stays in our sources

namespace carillon::rtp {

/// The profiles that we speak (IANA "DTLS-SRTP Protection Profiles"; RFC 4568 §6.2, RFC 7714 §14).
enum class SrtpProfile : std::uint8_t { kAesCm128Sha1_80, kAesCm128Sha1_32, kAesGcm128, kAesGcm256 };

struct SrtpSizes {
  std::size_t key, salt;          ///< of the master key and of the session keys
  std::size_t rtp_tag, rtcp_tag;  ///< of the 32-bit profile only RTP's tag is short (RFC 3711 §5.2)
};
constexpr SrtpSizes sizes_of(SrtpProfile profile) {
  switch (profile) {
    case SrtpProfile::kAesCm128Sha1_80:
      return {16, 14, 10, 10};
    case SrtpProfile::kAesCm128Sha1_32:
      return {16, 14, 4, 10};
    case SrtpProfile::kAesGcm128:
      return {16, 12, 16, 16};
    case SrtpProfile::kAesGcm256:
      return {32, 12, 16, 16};
  }
  return {};
}
constexpr bool is_gcm(SrtpProfile profile) { return profile >= SrtpProfile::kAesGcm128; }

inline constexpr std::size_t kSrtpTagMax = 16;    ///< room behind a packet of RTP
inline constexpr std::size_t kSrtcpTailMax = 20;  ///< room behind a packet of RTCP: tag and index

/// What became of one packet.
enum class SrtpResult : std::uint8_t {
  kOk,
  kShort,     ///< cut inside the header, the extension or the tag
  kVersion,   ///< not RTP version 2
  kRoom,      ///< protecting: the buffer has no room for tag and index
  kTooOld,    ///< below the replay window, or before the stream began
  kReplay,    ///< this index was here before; protecting: would repeat a key stream
  kAuth,      ///< the tag is wrong
  kClear,     ///< SRTCP that is not encrypted, and this was not agreed
  kSources,   ///< more SSRCs under one key than a context keeps
  kLifetime,  ///< the key protected all it may (2^48 RTP, 2^31 RTCP packets): a new one is needed
};

/// Keys as SDES (RFC 4568 §6.1) or DTLS (RFC 5764 §4.2) hand them over. Views: the owner wipes them.
struct SrtpMaster {
  SrtpProfile profile = SrtpProfile::kAesCm128Sha1_80;
  ByteView key, salt;
  bool encrypts_rtcp = true;  ///< false: UNENCRYPTED_SRTCP was agreed (RFC 4568 §6.3.2)

  /// Sizes as the profile wants them. To be asked before a context is made of bytes from outside.
  bool is_whole() const { return key.size() == sizes_of(profile).key && salt.size() == sizes_of(profile).salt; }
};

/// Key material ready for the cipher. ipsec-mb's gcm_key_data wants 64-byte alignment.
struct alignas(64) SrtpKeys {
  struct CounterMode {
    std::array<std::uint8_t, 176> rounds;       ///< AES-128 schedule; the counter needs no other direction
    std::array<std::uint8_t, 20> inner, outer;  ///< SHA-1 states behind the HMAC's padded key
  };
  union {
    CounterMode cm;
    alignas(64) std::array<std::byte, 1024> gcm;  ///< gcm_key_data: schedule and powers of the hash key
  };
};

/// intel-ipsec-mb for one shard. Picks the widest instruction set that the processor has. Not for two threads.
class SrtpCrypto {
 public:
  enum class Isa : std::uint8_t { kBest, kSse, kAvx, kAvx2, kAvx512 };  // all but kBest: for tests, CHECKs support

  explicit SrtpCrypto(Isa isa = Isa::kBest);  // allocates about 200 KB
  ~SrtpCrypto();                              // wiped: it kept intermediate states
  SrtpCrypto(const SrtpCrypto&) = delete;
  SrtpCrypto& operator=(const SrtpCrypto&) = delete;

  static bool has(Isa isa);
  IMB_MGR* manager() { return manager_; }

  /// AES-CM's key stream (RFC 3711 §4.1.1) into `out`, at most 64 bytes; `key` of 16 or 32 bytes.
  void key_stream(ByteView key, const std::array<std::byte, 16>& iv, ByteSpan out);
  /// Session keys into `keys`; `auth` is the HMAC's key, of no meaning to GCM. About 0.2 µs.
  void expand(SrtpProfile profile, ByteView key, ByteView auth, SrtpKeys& keys);

 private:
  std::byte* memory_;
  IMB_MGR* manager_;
};

/// What a context works with, derived from the master key. Wipes itself.
struct SrtpSession {
  struct Keys {
    std::array<std::byte, 32> key{};   ///< the first 16 or 32 bytes
    std::array<std::byte, 20> auth{};  ///< HMAC-SHA1's; of no meaning to GCM
    std::array<std::byte, 14> salt{};  ///< GCM: the first 12
  };
  SrtpProfile profile = SrtpProfile::kAesCm128Sha1_80;
  bool encrypts_rtcp = true;
  Keys rtp, rtcp;

  SrtpSession() = default;
  SrtpSession(const SrtpSession&) = delete;
  SrtpSession& operator=(const SrtpSession&) = delete;
  ~SrtpSession();
};

/// Session keys of a master key (RFC 3711 §4.3.1, key derivation rate 0; RFC 7714 §11). CHECKs master.is_whole().
/// Six runs of AES-CM; with the context made of it about 0.6 µs.
void derive(SrtpCrypto& crypto, const SrtpMaster& master, SrtpSession& session);

/// Which indices of one SSRC were here: the highest, and the 128 up to it (RFC 3711 §3.3.2).
class SrtpWindow {
 public:
  static constexpr std::uint64_t kWidth = 128;

  /// kOk, kReplay or kTooOld
  SrtpResult judge(std::uint64_t index) const;
  void take(std::uint64_t index);
  /// Nothing up to `index` counts as new.
  void start_behind(std::uint64_t index);
  bool is_empty() const { return (seen_[0] | seen_[1]) == 0; }
  std::uint64_t highest() const { return highest_; }

 private:
  std::uint64_t highest_ = 0;
  std::array<std::uint64_t, 2> seen_{};  // bit i of both together: highest_ - i
};

/// One master key in one direction: the cryptographic contexts (RFC 3711 §3.2.3) of its SSRCs.
///
/// 1,728 bytes, fixed. Per RTP packet the first cache line and the keys are touched: 5 lines of counter mode, about 8
/// of GCM with 160 bytes of audio (the schedule, and as many powers of the hash key as there are blocks). RTCP comes
/// 250 times as seldom: its keys lie here unexpanded, 66 bytes, instead of another 1,024.
class alignas(64) SrtpContext {
 public:
  enum class Role : std::uint8_t { kSender, kReceiver };
  /// SSRCs under one key. A further one gets kSources: forgetting an old one would open it to replay.
  static constexpr std::size_t kSourcesMax = 8;
  static constexpr std::uint64_t kRtpMax = std::uint64_t{1} << 48;  ///< packets under one key (RFC 3711 §9.2)
  static constexpr std::uint64_t kRtcpMax = std::uint64_t{1} << 31;

  SrtpContext(SrtpCrypto& crypto, const SrtpSession& session, Role role);
  ~SrtpContext();  // wiped
  SrtpContext(const SrtpContext&) = delete;
  SrtpContext& operator=(const SrtpContext&) = delete;

  SrtpProfile profile() const { return profile_; }
  Role role() const { return role_; }

  /// Goes on behind a known index (2^16 · ROC + sequence) of an SSRC that is new here: a receiver that joins late
  /// (RFC 3711 §3.3.1), or a stream handed over from another machine. False: no room, or the SSRC is known already.
  bool resume(std::uint32_t ssrc, std::uint64_t index);
  bool resume_rtcp(std::uint32_t ssrc, std::uint32_t index);

  /// Where a sequence number stands (RFC 3711 §3.3.1, appendix A).
  struct Estimate {
    std::uint64_t index = 0;
    SrtpResult verdict = SrtpResult::kOk;  ///< kOk, kReplay, kTooOld, kSources, kLifetime
    bool is_sure = false;  ///< within a quarter of the circle from the highest: others like it cannot change the answer
  };
  Estimate estimate(std::uint32_t ssrc, std::uint16_t sequence) const;
  /// An index was used or its packet verified: judges once more, then remembers.
  SrtpResult take(std::uint32_t ssrc, std::uint64_t index);

  SrtpResult judge_rtcp(std::uint32_t ssrc, std::uint32_t index) const;
  SrtpResult take_rtcp(std::uint32_t ssrc, std::uint32_t index);
  /// The index of the next SRTCP packet to send (§3.4: the first is 0).
  std::uint32_t next_rtcp(std::uint32_t ssrc) const;

 private:
  friend class SrtpBatch;

  struct Source {
    std::uint32_t ssrc = 0;
    SrtpWindow window;
  };
  using Sources = std::array<Source, kSourcesMax>;
  enum class Pending : std::uint8_t { kNone, kSure, kUnsure };  // packets of a batch that still wait for their verdict

  static const Source* find(const Sources& sources, std::uint8_t count, std::uint32_t ssrc);
  static SrtpResult remember(Sources& sources, std::uint8_t& count, std::uint32_t ssrc, std::uint64_t index);
  static bool start(Sources& sources, std::uint8_t& count, std::uint32_t ssrc, std::uint64_t index);

  // the line that every packet reads
  std::array<std::byte, 14> salt_{};
  SrtpProfile profile_;
  Role role_;
  std::uint64_t packets_ = 0;
  std::uint8_t source_count_ = 0, rtcp_source_count_ = 0;
  bool encrypts_rtcp_;
  Pending pending_ = Pending::kNone;
  Sources sources_{};  // the first in the line, the others rarely needed
  SrtpKeys keys_;
  Sources rtcp_sources_{};
  std::uint64_t rtcp_packets_ = 0;
  SrtpSession::Keys rtcp_;
};

}  // namespace carillon::rtp
