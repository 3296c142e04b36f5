#include "engine/rtp/rtcp.h"

#include <algorithm>
#include <bit>

#include "engine/base/check.h"

namespace carillon::rtp {

namespace {

enum PacketType : std::uint8_t { kSenderReport = 200, kReceiverReport = 201, kSourceDescription = 202, kBye = 203 };
constexpr std::uint8_t kCname = 1;

constexpr std::uint32_t kSequenceMod = 1u << 16;
constexpr std::uint16_t kDropoutMax = 3000;  // RFC 3550 A.1
constexpr std::uint16_t kMisorderMax = 100;  // RFC 3550 A.1
constexpr std::int32_t kTransitJump = 8000;  // a second: the sender's clock was set anew, not jitter
constexpr Duration kTick = 125us;            // of the 8 kHz clock

//  0                   1                   2                   3
// |                 SSRC of the source reported on               |
// | fraction lost |       cumulative number of packets lost      |
// |           extended highest sequence number received          |
// |                      interarrival jitter                     |
// |                         last SR (LSR)                        |
// |                   delay since last SR (DLSR)                 |
ReportBlock read_block(ByteReader& in) {
  ReportBlock block;
  block.ssrc = in.u32();
  block.fraction_lost = in.u8();
  block.lost = static_cast<std::int32_t>(in.u24() << 8) >> 8;
  block.highest = in.u32();
  block.jitter = in.u32();
  block.last_report = in.u32();
  block.delay = in.u32();
  return block;
}

void write_block(ByteWriter& out, const ReportBlock& block) {
  out.u32(block.ssrc);
  out.u8(block.fraction_lost);
  out.u24(static_cast<std::uint32_t>(block.lost) & 0xFF'FFFF);
  out.u32(block.highest);
  out.u32(block.jitter);
  out.u32(block.last_report);
  out.u32(block.delay);
}

void read_report(ByteReader in, std::uint8_t type, int blocks, std::uint32_t ours, Report& report) {
  report.sender = in.u32();
  if (type == kSenderReport) {
    report.sender_info.ntp = in.u64();
    report.sender_info.time = RtpTime{in.u32()};
    report.sender_info.packets = in.u32();
    report.sender_info.octets = in.u32();
    report.has_sender_info = !in.failed();
  }
  for (int i = 0; i < blocks; ++i) {
    const auto block = read_block(in);
    if (in.failed()) return;
    if (block.ssrc != ours) continue;
    report.block = block;
    report.has_block = true;
  }
}

/// The first chunk's CNAME (RFC 3550 §6.5).
std::string_view read_cname(ByteReader in) {
  in.skip(4);
  while (!in.failed()) {
    const auto item = in.u8();
    if (item == 0) return {};
    const auto text = in.take(in.u8());
    if (item == kCname && !in.failed()) return text_of(text);
  }
  return {};
}

void write_packet_head(ByteWriter& out, PacketType type, int count, std::size_t words) {
  out.u8(static_cast<std::uint8_t>(2 << 6 | count));
  out.u8(type);
  out.u16(static_cast<std::uint16_t>(words - 1));
}

}  // namespace

std::uint64_t ntp_of(WallTime wall) {
  constexpr std::uint64_t kUnixEpoch = 2'208'988'800;  // seconds from 1900 to 1970
  const auto ms = static_cast<std::uint64_t>(wall.time_since_epoch().count());
  return (ms / 1000 + kUnixEpoch) << 32 | ((ms % 1000) << 32) / 1000;
}

Result<Report, ParseError> parse_rtcp(ByteView wire, std::uint32_t ours) {
  Report report;
  ByteReader in(wire);
  while (in.left() != 0 || in.position() == 0) {
    const auto flags = in.u8();
    const auto type = in.u8();
    const auto words = in.u16();
    auto body = in.take(std::size_t{4} * words);
    if (in.failed()) return ParseError::kShort;
    if (flags >> 6 != 2) return ParseError::kVersion;
    if (flags & 0x20) {  // only the last packet of a compound may be padded
      const auto padding = body.empty() ? 0 : static_cast<std::size_t>(body.back());
      if (padding == 0 || padding > body.size() || in.left() != 0) return ParseError::kPadding;
      body = body.first(body.size() - padding);
    }
    const int count = flags & 0x1F;
    if ((type == kSenderReport || type == kReceiverReport) && body.size() >= 4)
      read_report(ByteReader(body), type, count, ours, report);
    else if (type == kSourceDescription && count > 0 && report.cname.empty())
      report.cname = read_cname(ByteReader(body));
    else if (type == kBye)
      report.bye = true;
  }
  return report;
}

ByteView write_rtcp(std::span<std::byte, kRtcpMax> buffer, std::uint32_t ssrc, const SenderInfo* info,
                    const ReportBlock* block, std::string_view cname, bool bye) {
  ByteWriter out(buffer);
  const std::size_t block_words = block ? 6 : 0;
  write_packet_head(out, info ? kSenderReport : kReceiverReport, block != nullptr, (info ? 7 : 2) + block_words);
  out.u32(ssrc);
  if (info) {
    out.u64(info->ntp);
    out.u32(info->time.ticks);
    out.u32(info->packets);
    out.u32(info->octets);
  }
  if (block) write_block(out, *block);

  cname = cname.substr(0, 32);
  const std::size_t text_words = (2 + cname.size()) / 4 + 1;  // at least one zero ends the list
  write_packet_head(out, kSourceDescription, 1, 2 + text_words);
  out.u32(ssrc);
  out.u8(kCname);
  out.u8(static_cast<std::uint8_t>(cname.size()));
  out.put(cname);
  for (std::size_t i = 2 + cname.size(); i < text_words * 4; ++i) out.u8(0);

  if (bye) {
    write_packet_head(out, kBye, 1, 2);
    out.u32(ssrc);
  }
  CHECK(!out.failed());  // 28 + 24 + 44 + 8 bytes at most
  return out.written();
}

Reception::Seen Reception::receive(std::uint16_t sequence, RtpTime time, bool clocked, TimePoint now) {
  if (!is_started_) {
    is_started_ = true;
    first_ = newest_ = sequence;
    window_ = 1;
    received_ = 1;
    if (clocked) clock(time, now);
    return Seen::kNew;
  }
  const auto ahead = static_cast<std::uint16_t>(sequence - newest_);
  if (ahead == 0) return Seen::kDuplicate;
  if (ahead < kDropoutMax) {
    if (sequence < newest_) cycles_ += kSequenceMod;
    window_ = ahead < 64 ? window_ << ahead | 1 : 1;
  } else if (ahead >= kSequenceMod - kMisorderMax) {
    const unsigned back = kSequenceMod - ahead;
    if (back >= 64) return Seen::kTooOld;
    if (window_ >> back & 1) return Seen::kDuplicate;
    window_ |= std::uint64_t{1} << back;
    ++received_;
    return Seen::kReordered;
  } else {  // a leap: believed when the next one follows it
    if (sequence != jump_next_) {
      jump_next_ = (sequence + 1u) & (kSequenceMod - 1);
      return Seen::kTooOld;
    }
    const auto expected_before = highest() - first_ + 1;
    cycles_ = 0;
    first_ = sequence - expected_before;
    window_ = 1;
  }
  newest_ = sequence;
  jump_next_ = kSequenceMod;
  ++received_;
  if (clocked) clock(time, now);
  return Seen::kNew;
}

/// RFC 3550 A.8, with the estimate scaled by 16.
void Reception::clock(RtpTime time, TimePoint now) {
  const auto arrival = static_cast<std::uint32_t>(now.time_since_epoch() / kTick);
  const std::uint32_t transit = arrival - time.ticks;
  const auto change = static_cast<std::int32_t>(transit - transit_);
  transit_ = transit;
  if (!has_transit_ || change > kTransitJump || change < -kTransitJump) {
    has_transit_ = true;
    return;
  }
  const auto size = static_cast<std::uint32_t>(change < 0 ? -change : change);
  jitter_ += size - ((jitter_ + 8) >> 4);
}

std::int64_t Reception::lost() const {
  if (!is_started_) return 0;
  return std::int64_t{highest() - first_ + 1} - std::int64_t{received_};
}

ReportBlock Reception::report(std::uint32_t ssrc) {
  const std::uint32_t expected = is_started_ ? highest() - first_ + 1 : 0;
  const std::uint32_t expected_interval = expected - expected_prior_;
  const auto lost_interval = std::int64_t{expected_interval} - static_cast<std::int64_t>(received_ - received_prior_);
  expected_prior_ = expected;
  received_prior_ = received_;
  ReportBlock block{.ssrc = ssrc, .highest = highest(), .jitter = jitter()};
  if (expected_interval != 0 && lost_interval > 0)
    block.fraction_lost =
        static_cast<std::uint8_t>(std::min<std::int64_t>(lost_interval * 256 / expected_interval, 255));
  block.lost = static_cast<std::int32_t>(std::clamp<std::int64_t>(lost(), -0x80'0000, 0x7F'FFFF));
  return block;
}

}  // namespace carillon::rtp
