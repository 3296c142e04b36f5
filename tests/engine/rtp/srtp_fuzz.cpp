// A receiver under a hostile wire, with its state. The input is a script: each step begins with a byte that says what
// arrives (bytes as they are, as RTP or RTCP; a true packet, whole, bent or once more), then how long and what.
// Whatever comes: nothing made up is taken, each true packet is taken at most once, and the bounds of buffers hold.

#include <algorithm>
#include <array>
#include <memory>

#include "engine/base/check.h"
#include "engine/rtp/packet.h"
#include "engine/rtp/srtp_batch.h"

using namespace carillon;

namespace {

constexpr std::size_t kPacketMax = 256;
using Role = rtp::SrtpContext::Role;
using Buffer = std::array<std::byte, kPacketMax + rtp::kSrtcpTailMax>;

struct Line {
  rtp::SrtpSession session;
  std::unique_ptr<rtp::SrtpContext> sender, receiver;

  Line(rtp::SrtpCrypto& crypto, rtp::SrtpProfile profile) {
    std::array<std::byte, 32> key;
    key.fill(std::byte{0x6B});
    rtp::derive(crypto,
                {.profile = profile,
                 .key = ByteView(key).first(rtp::sizes_of(profile).key),
                 .salt = ByteView(key).first(rtp::sizes_of(profile).salt)},
                session);
    sender = std::make_unique<rtp::SrtpContext>(crypto, session, Role::kSender);
    receiver = std::make_unique<rtp::SrtpContext>(crypto, session, Role::kReceiver);
  }
};

// A burst whose jobs wait until it is full, so that packets meet others of their stream on the way.
struct Burst {
  static constexpr std::size_t kSize = 8;
  std::array<Buffer, kSize> buffers{};
  std::array<rtp::SrtpJob, kSize> jobs{};
  std::array<bool, kSize> is_true{};
  std::size_t count = 0;
};

void run(rtp::SrtpBatch& batch, Burst& burst, bool rtcp, std::size_t& taken) {
  const std::span jobs(burst.jobs.data(), burst.count);
  std::array<std::size_t, Burst::kSize> before;
  for (std::size_t i = 0; i < burst.count; ++i) before[i] = jobs[i].size;
  if (rtcp)
    batch.unprotect_rtcp(jobs);
  else
    batch.unprotect(jobs);
  for (std::size_t i = 0; i < burst.count; ++i) {
    CHECK(jobs[i].size <= before[i]);
    if (jobs[i].result == rtp::SrtpResult::kOk) {
      CHECK(burst.is_true[i]);
      ++taken;
    } else {
      CHECK(jobs[i].size == 0);
    }
  }
  burst.count = 0;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static rtp::SrtpBatch batch;
  if (size < 1) return 0;
  Line line(batch.crypto(), static_cast<rtp::SrtpProfile>(data[0] & 3));
  ByteReader in(std::as_bytes(std::span(data + 1, size - 1)));
  Burst rtp_burst, rtcp_burst;
  Buffer last{};
  std::size_t last_size = 0, sent = 0, taken = 0;
  bool last_is_rtcp = false, last_is_true = false;
  while (in.left() >= 2) {
    const auto what = in.u8();
    const auto bytes = in.take(std::min<std::size_t>(in.left(), what & 0x40 ? 172 : what >> 3 & 7));
    bool rtcp = what & 0x80;
    auto& burst = rtcp ? rtcp_burst : rtp_burst;
    Buffer wire{};
    std::copy(bytes.begin(), bytes.end(), wire.begin());
    std::size_t length = bytes.size();
    bool is_true = false;
    if ((what & 3) == 3 && last_size && last_is_rtcp == rtcp) {  // once more
      wire = last;
      length = last_size;
      is_true = last_is_true;
    } else if (what & 3) {  // a true packet, made of the bytes
      wire[0] = std::byte{0x80} | (wire[0] & std::byte{0x3F});
      rtp::SrtpJob job{.context = line.sender.get(), .buffer = wire, .size = std::max<std::size_t>(length, 12)};
      if (rtcp)
        batch.protect_rtcp(std::span(&job, 1));
      else
        batch.protect(std::span(&job, 1));
      if (job.result != rtp::SrtpResult::kOk) continue;
      length = job.size;
      is_true = true;
      if ((what & 3) == 2 && !bytes.empty() && bytes.back() != std::byte{}) {
        wire[std::to_integer<std::size_t>(bytes[0]) % length] ^= bytes.back();
        is_true = false;
      }
      sent += is_true;
      last = wire;
      last_size = length;
      last_is_rtcp = rtcp;
      last_is_true = is_true;
    }
    const std::size_t at = burst.count++;
    burst.buffers[at] = wire;
    burst.is_true[at] = is_true;
    burst.jobs[at] = {
        .context = line.receiver.get(), .buffer = ByteSpan(burst.buffers[at]).first(length), .size = length};
    if (burst.count == Burst::kSize) run(batch, burst, rtcp, taken);
  }
  run(batch, rtp_burst, false, taken);
  run(batch, rtcp_burst, true, taken);
  CHECK(taken <= sent);
  return 0;
}
