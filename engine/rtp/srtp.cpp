#include "engine/rtp/srtp.h"

#include <intel-ipsec-mb.h>
#include <string.h>  // explicit_bzero

#include <cstdlib>

#include "engine/base/check.h"

namespace carillon::rtp {

namespace {

static_assert(sizeof(gcm_key_data) <= sizeof(SrtpKeys::gcm) && alignof(gcm_key_data) <= alignof(SrtpKeys));
static_assert(sizeof(SrtpContext) == 1728);

/// Memory that held secrets and is written before the scope ends.
template <std::size_t kSize>
struct Scratch {
  alignas(64) std::array<std::uint8_t, kSize> bytes{};
  ~Scratch() { explicit_bzero(bytes.data(), bytes.size()); }
};

void start(IMB_MGR* manager, SrtpCrypto::Isa isa) {
  IMB_ARCH chosen;
  switch (isa) {
    case SrtpCrypto::Isa::kBest:
      return init_mb_mgr_auto(manager, &chosen);
    case SrtpCrypto::Isa::kSse:
      return init_mb_mgr_sse(manager);
    case SrtpCrypto::Isa::kAvx:
      return init_mb_mgr_avx(manager);
    case SrtpCrypto::Isa::kAvx2:
      return init_mb_mgr_avx2(manager);
    case SrtpCrypto::Isa::kAvx512:
      return init_mb_mgr_avx512(manager);
  }
}

}  // namespace

SrtpCrypto::SrtpCrypto(Isa isa) {
  CHECK(has(isa));
  memory_ = static_cast<std::byte*>(std::aligned_alloc(64, (imb_get_mb_mgr_size() + 63) / 64 * 64));
  CHECK(memory_);
  manager_ = imb_set_pointers_mb_mgr(memory_, 0, 1);
  CHECK(manager_);
  start(manager_, isa);
  CHECK(imb_get_errno(manager_) == 0);
}

SrtpCrypto::~SrtpCrypto() {
  explicit_bzero(memory_, imb_get_mb_mgr_size());
  std::free(memory_);
}

bool SrtpCrypto::has(Isa isa) {
  const std::uint64_t features = imb_get_feature_flags();
  const auto all = [features](std::uint64_t wanted) { return (features & wanted) == wanted; };
  switch (isa) {
    case Isa::kBest:
      return true;
    case Isa::kSse:
      return all(IMB_CPUFLAGS_SSE);
    case Isa::kAvx:
      return all(IMB_CPUFLAGS_AVX);
    case Isa::kAvx2:
      return all(IMB_CPUFLAGS_AVX2);
    case Isa::kAvx512:
      return all(IMB_CPUFLAGS_AVX512);
  }
  return false;
}

void SrtpCrypto::key_stream(ByteView key, const std::array<std::byte, 16>& iv, ByteSpan out) {
  CHECK(out.size() <= 64);
  Scratch<240> rounds, unused;
  const bool is_long = key.size() == 32;
  if (is_long)
    IMB_AES_KEYEXP_256(manager_, key.data(), rounds.bytes.data(), unused.bytes.data());
  else
    IMB_AES_KEYEXP_128(manager_, key.data(), rounds.bytes.data(), unused.bytes.data());
  Scratch<64> block;  // zeros: what comes back is the key stream
  IMB_JOB job{};
  job.cipher_mode = IMB_CIPHER_CNTR;
  job.cipher_direction = IMB_DIR_ENCRYPT;
  job.enc_keys = rounds.bytes.data();
  job.key_len_in_bytes = key.size();
  job.src = job.dst = block.bytes.data();
  job.msg_len_to_cipher_in_bytes = block.bytes.size();
  job.iv = reinterpret_cast<const std::uint8_t*>(iv.data());
  job.iv_len_in_bytes = iv.size();
  const auto size = is_long ? IMB_KEY_256_BYTES : IMB_KEY_128_BYTES;
  CHECK(IMB_SUBMIT_CIPHER_BURST(manager_, &job, 1, IMB_CIPHER_CNTR, IMB_DIR_ENCRYPT, size) == 1);
  std::memcpy(out.data(), block.bytes.data(), out.size());
}

void SrtpCrypto::expand(SrtpProfile profile, ByteView key, ByteView auth, SrtpKeys& keys) {
  if (is_gcm(profile)) {
    auto* expanded = reinterpret_cast<gcm_key_data*>(keys.gcm.data());
    if (key.size() == 32)
      IMB_AES256_GCM_PRE(manager_, key.data(), expanded);
    else
      IMB_AES128_GCM_PRE(manager_, key.data(), expanded);
    return;
  }
  Scratch<240> unused;
  IMB_AES_KEYEXP_128(manager_, key.data(), keys.cm.rounds.data(), unused.bytes.data());
  Scratch<64> inner, outer;  // RFC 2104: the key, padded, against ipad and opad
  std::memcpy(inner.bytes.data(), auth.data(), auth.size());
  outer = inner;
  for (auto& byte : inner.bytes) byte ^= 0x36;
  for (auto& byte : outer.bytes) byte ^= 0x5C;
  IMB_SHA1_ONE_BLOCK(manager_, inner.bytes.data(), keys.cm.inner.data());
  IMB_SHA1_ONE_BLOCK(manager_, outer.bytes.data(), keys.cm.outer.data());
}

SrtpSession::~SrtpSession() {
  explicit_bzero(&rtp, sizeof(rtp));
  explicit_bzero(&rtcp, sizeof(rtcp));
}

void derive(SrtpCrypto& crypto, const SrtpMaster& master, SrtpSession& session) {
  CHECK(master.is_whole());
  const auto one = [&](std::uint8_t label, ByteSpan out) {
    std::array<std::byte, 16> iv{};  // (key_id XOR salt) · 2^16; key_id is the label before 48 bits of zero
    std::copy(master.salt.begin(), master.salt.end(), iv.begin());
    iv[7] ^= std::byte{label};
    crypto.key_stream(master.key, iv, out);
  };
  session.profile = master.profile;
  session.encrypts_rtcp = master.encrypts_rtcp;
  const auto sizes = sizes_of(master.profile);
  std::uint8_t label = 0;
  for (auto* keys : {&session.rtp, &session.rtcp}) {
    one(label++, std::span(keys->key).first(sizes.key));
    one(label++, keys->auth);
    one(label++, std::span(keys->salt).first(sizes.salt));
  }
}

SrtpResult SrtpWindow::judge(std::uint64_t index) const {
  if (is_empty() || index > highest_) return SrtpResult::kOk;
  const std::uint64_t behind = highest_ - index;
  if (behind >= kWidth) return SrtpResult::kTooOld;
  return seen_[behind / 64] >> behind % 64 & 1 ? SrtpResult::kReplay : SrtpResult::kOk;
}

void SrtpWindow::take(std::uint64_t index) {
  if (!is_empty() && index <= highest_) {
    const std::uint64_t behind = highest_ - index;
    if (behind < kWidth) seen_[behind / 64] |= std::uint64_t{1} << behind % 64;
    return;
  }
  const std::uint64_t ahead = is_empty() ? kWidth : index - highest_;
  highest_ = index;
  if (ahead < 64)
    seen_ = {seen_[0] << ahead | 1, seen_[1] << ahead | seen_[0] >> (64 - ahead)};
  else if (ahead < kWidth)
    seen_ = {1, seen_[0] << (ahead - 64)};
  else
    seen_ = {1, 0};
}

void SrtpWindow::start_behind(std::uint64_t index) {
  highest_ = index;
  seen_ = {~std::uint64_t{0}, ~std::uint64_t{0}};
}

SrtpContext::SrtpContext(SrtpCrypto& crypto, const SrtpSession& session, Role role)
    : salt_(session.rtp.salt),
      profile_(session.profile),
      role_(role),
      encrypts_rtcp_(session.encrypts_rtcp),
      rtcp_(session.rtcp) {
  crypto.expand(profile_, ByteView(session.rtp.key).first(sizes_of(profile_).key), session.rtp.auth, keys_);
}

SrtpContext::~SrtpContext() {
  explicit_bzero(&keys_, sizeof(keys_));
  explicit_bzero(&rtcp_, sizeof(rtcp_));
  explicit_bzero(salt_.data(), salt_.size());
}

const SrtpContext::Source* SrtpContext::find(const Sources& sources, std::uint8_t count, std::uint32_t ssrc) {
  for (std::size_t i = 0; i < count; ++i)
    if (sources[i].ssrc == ssrc) return &sources[i];
  return nullptr;
}

SrtpResult SrtpContext::remember(Sources& sources, std::uint8_t& count, std::uint32_t ssrc, std::uint64_t index) {
  auto* source = const_cast<Source*>(find(sources, count, ssrc));
  if (!source) {
    if (count == kSourcesMax) return SrtpResult::kSources;
    source = &sources[count++];
    *source = {.ssrc = ssrc, .window = {}};
  }
  const auto verdict = source->window.judge(index);
  if (verdict == SrtpResult::kOk) source->window.take(index);
  return verdict;
}

bool SrtpContext::start(Sources& sources, std::uint8_t& count, std::uint32_t ssrc, std::uint64_t index) {
  if (count == kSourcesMax || find(sources, count, ssrc)) return false;
  sources[count] = {.ssrc = ssrc, .window = {}};
  sources[count++].window.start_behind(index);
  return true;
}

bool SrtpContext::resume(std::uint32_t ssrc, std::uint64_t index) {
  if (index >= kRtpMax || !start(sources_, source_count_, ssrc, index)) return false;
  packets_ += index + 1;
  return true;
}

bool SrtpContext::resume_rtcp(std::uint32_t ssrc, std::uint32_t index) {
  if (index >= kRtcpMax || !start(rtcp_sources_, rtcp_source_count_, ssrc, index)) return false;
  rtcp_packets_ += std::uint64_t{index} + 1;
  return true;
}

SrtpContext::Estimate SrtpContext::estimate(std::uint32_t ssrc, std::uint16_t sequence) const {
  if (packets_ >= kRtpMax) return {.verdict = SrtpResult::kLifetime};
  const Source* source = find(sources_, source_count_, ssrc);
  if (!source) {  // ROC is 0 until a packet wraps
    return {.index = sequence, .verdict = source_count_ == kSourcesMax ? SrtpResult::kSources : SrtpResult::kOk};
  }
  // RFC 3711's v of ROC-1, ROC, ROC+1 is the index nearest to the highest. Half a circle off it stays with ROC.
  const auto highest = static_cast<std::int64_t>(source->window.highest());
  const std::int64_t last = highest & 0xFFFF;
  std::int64_t index = (highest & ~std::int64_t{0xFFFF}) | sequence;
  if (last < 0x8000 && sequence - last > 0x8000) index -= 0x1'0000;
  if (last >= 0x8000 && last - 0x8000 > sequence) index += 0x1'0000;
  if (index < 0) return {.verdict = SrtpResult::kTooOld};
  if (index >= static_cast<std::int64_t>(kRtpMax)) return {.verdict = SrtpResult::kLifetime};
  const std::int64_t distance = index - highest;
  return {.index = static_cast<std::uint64_t>(index),
          .verdict = source->window.judge(static_cast<std::uint64_t>(index)),
          .is_sure = distance > -0x4000 && distance < 0x4000};
}

SrtpResult SrtpContext::take(std::uint32_t ssrc, std::uint64_t index) {
  if (packets_ >= kRtpMax) return SrtpResult::kLifetime;
  const auto verdict = remember(sources_, source_count_, ssrc, index);
  if (verdict == SrtpResult::kOk) ++packets_;
  return verdict;
}

SrtpResult SrtpContext::judge_rtcp(std::uint32_t ssrc, std::uint32_t index) const {
  if (rtcp_packets_ >= kRtcpMax || index >= kRtcpMax) return SrtpResult::kLifetime;
  if (const Source* source = find(rtcp_sources_, rtcp_source_count_, ssrc)) return source->window.judge(index);
  return rtcp_source_count_ == kSourcesMax ? SrtpResult::kSources : SrtpResult::kOk;
}

SrtpResult SrtpContext::take_rtcp(std::uint32_t ssrc, std::uint32_t index) {
  if (rtcp_packets_ >= kRtcpMax) return SrtpResult::kLifetime;
  const auto verdict = remember(rtcp_sources_, rtcp_source_count_, ssrc, index);
  if (verdict == SrtpResult::kOk) ++rtcp_packets_;
  return verdict;
}

std::uint32_t SrtpContext::next_rtcp(std::uint32_t ssrc) const {
  const Source* source = find(rtcp_sources_, rtcp_source_count_, ssrc);
  return source ? static_cast<std::uint32_t>(source->window.highest() + 1) : 0;
}

}  // namespace carillon::rtp
