#include "engine/rtp/srtp_batch.h"

#include "engine/rtp/srtp_wire.h"

namespace carillon::rtp {

SrtpBatch::SrtpBatch(SrtpCrypto::Isa isa) : crypto_(isa), lanes_(std::make_unique<Lanes>()) {}
SrtpBatch::~SrtpBatch() = default;

namespace {

// Two steps ahead of its use: the context's first line and the packet; one step ahead, when that line tells the
// profile, the keys.
template <class Use>
void each_fetched(std::span<SrtpJob> jobs, Use use) {
  constexpr std::size_t kNear = 3, kFar = 6;
  const auto far = [&](std::size_t i) {
    if (i >= jobs.size()) return;
    __builtin_prefetch(jobs[i].context);
    prefetch(jobs[i].buffer.data(), std::min<std::size_t>(jobs[i].size, 256));
  };
  for (std::size_t i = 0; i < kFar; ++i) far(i);
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    far(i + kFar);
    use(jobs[i], i + kNear < jobs.size() ? jobs[i + kNear].context : nullptr);
  }
}

}  // namespace

void SrtpBatch::protect(std::span<SrtpJob> jobs) {
  each_fetched(jobs, [this](SrtpJob& job, const SrtpContext* next) {
    if (next) fetch_keys(*next);
    protect_one(job);
  });
  seal_waiting();
}

void SrtpBatch::unprotect(std::span<SrtpJob> jobs) {
  each_fetched(jobs, [this](SrtpJob& job, const SrtpContext* next) {
    if (next) fetch_keys(*next);
    unprotect_one(job);
  });
  open_waiting();
}

// The schedule (or all of counter mode's keys), and of GCM the powers of the hash key for the first dozen blocks, which
// lie at the end.
void SrtpBatch::fetch_keys(const SrtpContext& context) {
  prefetch(&context.keys_, 192);
  if (is_gcm(context.profile_))
    prefetch(context.keys_.gcm.data() + sizeof(gcm_key_data) - 240, 240);
  else
    __builtin_prefetch(context.keys_.cm.outer.data());
}

void SrtpBatch::protect_one(SrtpJob& job) {
  SrtpContext& context = *job.context;
  CHECK(context.role_ == SrtpContext::Role::kSender);
  CHECK(job.size <= job.buffer.size());
  std::byte* wire = job.buffer.data();
  const Head head = head_of(wire, job.size);
  if (head.verdict != SrtpResult::kOk) return finish(job, head.verdict);
  const std::size_t tag_size = sizes_of(context.profile_).rtp_tag;
  if (job.buffer.size() - job.size < tag_size) return finish(job, SrtpResult::kRoom);
  const std::uint32_t ssrc = load32(wire + 8);
  const auto where = context.estimate(ssrc, load16(wire + 2));
  if (where.verdict != SrtpResult::kOk) return finish(job, where.verdict);
  if (const auto taken = context.take(ssrc, where.index); taken != SrtpResult::kOk) return finish(job, taken);
  const ByteSpan text = job.buffer.subspan(head.size, job.size - head.size);
  if (is_gcm(context.profile_)) {
    std::array<std::byte, 16> iv;
    make_iv(iv.data(), context.salt_, true, ssrc, where.index);
    run_gcm(crypto_.manager(), Way::kEncrypt, context.profile_, context.keys_, iv.data(), job.buffer.first(head.size),
            text, wire + job.size);
    return finish(job, SrtpResult::kOk, job.size + tag_size);
  }
  Lanes& lanes = *lanes_;
  const std::size_t lane = lanes.count++;
  lanes.lanes[lane].job = &job;
  lanes.add_cipher(context.keys_, context.salt_, ssrc, where.index, text);
  store32(wire + job.size, static_cast<std::uint32_t>(where.index >> 16));  // ROC, covered and overwritten by the tag
  lanes.set_hash(lane, context.keys_, job.buffer.first(job.size + 4));
  if (lanes.count == kBurst) seal_waiting();
}

void SrtpBatch::seal_waiting() {
  Lanes& lanes = *lanes_;
  if (lanes.count == 0) return;
  lanes.run_ciphers(crypto_.manager());
  lanes.run_hashes(crypto_.manager(), lanes.count);
  for (std::size_t i = 0; i < lanes.count; ++i) {
    SrtpJob& job = *lanes.lanes[i].job;
    const std::size_t tag_size = sizes_of(job.context->profile_).rtp_tag;
    std::memcpy(job.buffer.data() + job.size, lanes.digests[i].data(), tag_size);
    finish(job, SrtpResult::kOk, job.size + tag_size);
  }
  lanes.count = 0;
}

void SrtpBatch::unprotect_one(SrtpJob& job) {
  SrtpContext& context = *job.context;
  CHECK(context.role_ == SrtpContext::Role::kReceiver);
  CHECK(job.size <= job.buffer.size());
  std::byte* wire = job.buffer.data();
  const std::size_t tag_size = sizes_of(context.profile_).rtp_tag;
  if (job.size < kHeaderSize + tag_size) return finish(job, SrtpResult::kShort);
  const std::size_t size = job.size - tag_size;
  const Head head = head_of(wire, size);
  if (head.verdict != SrtpResult::kOk) return finish(job, head.verdict);
  const std::uint32_t ssrc = load32(wire + 8);
  auto where = context.estimate(ssrc, load16(wire + 2));
  // Where packets of this context wait, only an index that theirs cannot move may be estimated before they are judged.
  if (context.pending_ != SrtpContext::Pending::kNone &&
      (!where.is_sure || context.pending_ == SrtpContext::Pending::kUnsure)) {
    open_waiting();
    where = context.estimate(ssrc, load16(wire + 2));
  }
  if (where.verdict != SrtpResult::kOk) return finish(job, where.verdict);
  if (is_gcm(context.profile_)) return open_gcm(job, head.size, size, ssrc, where.index);
  Lanes& lanes = *lanes_;
  const std::size_t lane = lanes.count++;
  auto& waiting = lanes.lanes[lane];
  waiting = {.job = &job,
             .index = where.index,
             .ssrc = ssrc,
             .head = static_cast<std::uint32_t>(head.size),
             .size = static_cast<std::uint32_t>(size),
             .tag = {}};
  std::memcpy(waiting.tag.data(), wire + size, tag_size);
  store32(wire + size, static_cast<std::uint32_t>(where.index >> 16));
  lanes.set_hash(lane, context.keys_, job.buffer.first(size + 4));
  context.pending_ = where.is_sure ? SrtpContext::Pending::kSure : SrtpContext::Pending::kUnsure;
  if (lanes.count == kBurst) open_waiting();
}

void SrtpBatch::open_gcm(SrtpJob& job, std::size_t head, std::size_t size, std::uint32_t ssrc, std::uint64_t index) {
  SrtpContext& context = *job.context;
  std::array<std::byte, 16> iv;
  std::array<std::byte, kSrtpTagMax> tag;
  make_iv(iv.data(), context.salt_, true, ssrc, index);
  const ByteSpan text = job.buffer.subspan(head, size - head);
  run_gcm(crypto_.manager(), Way::kDecrypt, context.profile_, context.keys_, iv.data(), job.buffer.first(head), text,
          tag.data());
  auto result = is_same(tag.data(), job.buffer.data() + size, tag.size()) ? SrtpResult::kOk : SrtpResult::kAuth;
  if (result == SrtpResult::kOk) result = context.take(ssrc, index);
  if (result != SrtpResult::kOk) explicit_bzero(text.data(), text.size());
  finish(job, result, size);
}

void SrtpBatch::open_waiting() {
  Lanes& lanes = *lanes_;
  if (lanes.count == 0) return;
  lanes.run_hashes(crypto_.manager(), lanes.count);
  for (std::size_t i = 0; i < lanes.count; ++i) {
    auto& lane = lanes.lanes[i];
    SrtpContext& context = *lane.job->context;
    context.pending_ = SrtpContext::Pending::kNone;
    const std::size_t tag_size = sizes_of(context.profile_).rtp_tag;
    auto result = is_same(lanes.digests[i].data(), lane.tag.data(), tag_size) ? SrtpResult::kOk : SrtpResult::kAuth;
    if (result == SrtpResult::kOk) result = context.take(lane.ssrc, lane.index);
    if (result == SrtpResult::kOk)
      lanes.add_cipher(context.keys_, context.salt_, lane.ssrc, lane.index,
                       lane.job->buffer.subspan(lane.head, lane.size - lane.head));
    else
      std::memcpy(lane.job->buffer.data() + lane.size, lane.tag.data(), tag_size);  // as it came
    finish(*lane.job, result, lane.size);
  }
  lanes.count = 0;
  lanes.run_ciphers(crypto_.manager());
}

}  // namespace carillon::rtp
