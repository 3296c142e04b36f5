// SRTCP's half of SrtpBatch. Reports come every few seconds, so they go one by one and their keys are expanded anew.

#include "engine/rtp/srtp_wire.h"

namespace carillon::rtp {

namespace {

constexpr std::size_t kHead = 8;                   // stays readable: first header word and the sender's SSRC
constexpr std::size_t kWord = 4;                   // E flag and index
constexpr std::uint32_t kEncrypted = 0x8000'0000;  // the E flag

/// RFC 7714 §9.2: the head and the word, which are apart on the wire.
std::array<std::byte, kHead + kWord> covered_of(const std::byte* wire, std::uint32_t word) {
  std::array<std::byte, kHead + kWord> covered;
  std::memcpy(covered.data(), wire, kHead);
  store32(covered.data() + kHead, word);
  return covered;
}

}  // namespace

void SrtpBatch::protect_rtcp(std::span<SrtpJob> jobs) {
  for (SrtpJob& job : jobs) protect_rtcp_one(job);
  explicit_bzero(&lanes_->rtcp_keys, sizeof(SrtpKeys));
}

void SrtpBatch::unprotect_rtcp(std::span<SrtpJob> jobs) {
  for (SrtpJob& job : jobs) unprotect_rtcp_one(job);
  explicit_bzero(&lanes_->rtcp_keys, sizeof(SrtpKeys));
}

void SrtpBatch::expand_rtcp(const SrtpContext& context) {
  const std::size_t key_size = sizes_of(context.profile_).key;
  crypto_.expand(context.profile_, ByteView(context.rtcp_.key).first(key_size), context.rtcp_.auth, lanes_->rtcp_keys);
}

void SrtpBatch::protect_rtcp_one(SrtpJob& job) {
  SrtpContext& context = *job.context;
  CHECK(context.role_ == SrtpContext::Role::kSender);
  CHECK(job.size <= job.buffer.size());
  std::byte* wire = job.buffer.data();
  if (job.size < kHead) return finish(job, SrtpResult::kShort);
  if (std::to_integer<unsigned>(wire[0]) >> 6 != 2) return finish(job, SrtpResult::kVersion);
  const std::size_t tag_size = sizes_of(context.profile_).rtcp_tag;
  if (job.buffer.size() - job.size < tag_size + kWord) return finish(job, SrtpResult::kRoom);
  const std::uint32_t ssrc = load32(wire + 4);
  const std::uint32_t index = context.next_rtcp(ssrc);
  auto verdict = context.judge_rtcp(ssrc, index);
  if (verdict == SrtpResult::kOk) verdict = context.take_rtcp(ssrc, index);
  if (verdict != SrtpResult::kOk) return finish(job, verdict);

  expand_rtcp(context);
  const std::uint32_t word = index | (context.encrypts_rtcp_ ? kEncrypted : 0);
  const ByteSpan text = context.encrypts_rtcp_ ? job.buffer.subspan(kHead, job.size - kHead) : ByteSpan();
  std::byte* const end = wire + job.size;
  store32(end, word);  // where counter mode has it, and where the tag of a clear packet of GCM wants it
  if (is_gcm(context.profile_)) {
    std::array<std::byte, 16> iv;
    std::array<std::byte, kSrtpTagMax> tag;
    make_iv(iv.data(), context.rtcp_.salt, true, ssrc, index);
    const auto apart = covered_of(wire, word);
    run_gcm(crypto_.manager(), Way::kEncrypt, context.profile_, lanes_->rtcp_keys, iv.data(),
            context.encrypts_rtcp_ ? ByteView(apart) : job.buffer.first(job.size + kWord), text, tag.data());
    std::memcpy(end, tag.data(), tag.size());
    store32(end + tag.size(), word);
  } else {
    lanes_->add_cipher(lanes_->rtcp_keys, context.rtcp_.salt, ssrc, index, text);
    lanes_->run_ciphers(crypto_.manager());
    lanes_->set_hash(0, lanes_->rtcp_keys, job.buffer.first(job.size + kWord));
    lanes_->run_hashes(crypto_.manager(), 1);
    std::memcpy(end + kWord, lanes_->digests[0].data(), tag_size);
  }
  finish(job, SrtpResult::kOk, job.size + tag_size + kWord);
}

void SrtpBatch::unprotect_rtcp_one(SrtpJob& job) {
  SrtpContext& context = *job.context;
  CHECK(context.role_ == SrtpContext::Role::kReceiver);
  CHECK(job.size <= job.buffer.size());
  std::byte* wire = job.buffer.data();
  const std::size_t tag_size = sizes_of(context.profile_).rtcp_tag;
  if (job.size < kHead + tag_size + kWord) return finish(job, SrtpResult::kShort);
  if (std::to_integer<unsigned>(wire[0]) >> 6 != 2) return finish(job, SrtpResult::kVersion);
  const bool gcm = is_gcm(context.profile_);
  const std::size_t size = job.size - tag_size - kWord;
  const std::uint32_t word = load32(wire + size + (gcm ? tag_size : 0));
  if (!(word & kEncrypted) && context.encrypts_rtcp_) return finish(job, SrtpResult::kClear);
  const std::uint32_t ssrc = load32(wire + 4);
  const std::uint32_t index = word & ~kEncrypted;
  auto result = context.judge_rtcp(ssrc, index);
  if (result != SrtpResult::kOk) return finish(job, result);

  expand_rtcp(context);
  const bool is_whole = gcm ? open_rtcp_gcm(job, size, ssrc, word) : has_rtcp_tag(job, size);
  result = is_whole ? context.take_rtcp(ssrc, index) : SrtpResult::kAuth;
  if (result == SrtpResult::kOk && !gcm && word & kEncrypted) {
    lanes_->add_cipher(lanes_->rtcp_keys, context.rtcp_.salt, ssrc, index, job.buffer.subspan(kHead, size - kHead));
    lanes_->run_ciphers(crypto_.manager());
  }
  finish(job, result, size);
}

// Deciphers and tells whether the tag was right; if not, what was deciphered is wiped.
bool SrtpBatch::open_rtcp_gcm(SrtpJob& job, std::size_t size, std::uint32_t ssrc, std::uint32_t word) {
  const SrtpContext& context = *job.context;
  std::byte* wire = job.buffer.data();
  std::array<std::byte, 16> iv;
  std::array<std::byte, kSrtpTagMax> came, tag;
  std::memcpy(came.data(), wire + size, came.size());
  make_iv(iv.data(), context.rtcp_.salt, true, ssrc, word & ~kEncrypted);
  const auto apart = covered_of(wire, word);
  ByteView covered = apart;
  ByteSpan text = job.buffer.subspan(kHead, size - kHead);
  if (!(word & kEncrypted)) {  // RFC 7714 §9.3: the whole packet is covered, the word behind it
    text = {};
    store32(wire + size, word);
    covered = job.buffer.first(size + kWord);
  }
  run_gcm(crypto_.manager(), Way::kDecrypt, context.profile_, lanes_->rtcp_keys, iv.data(), covered, text, tag.data());
  std::memcpy(wire + size, came.data(), came.size());
  if (is_same(tag.data(), came.data(), tag.size())) return true;
  explicit_bzero(text.data(), text.size());
  return false;
}

bool SrtpBatch::has_rtcp_tag(const SrtpJob& job, std::size_t size) {
  lanes_->set_hash(0, lanes_->rtcp_keys, job.buffer.first(size + kWord));
  lanes_->run_hashes(crypto_.manager(), 1);
  return is_same(lanes_->digests[0].data(), job.buffer.data() + size + kWord, sizes_of(job.context->profile_).rtcp_tag);
}

}  // namespace carillon::rtp
