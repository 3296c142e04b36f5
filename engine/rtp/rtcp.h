#pragma once
// RTCP (RFC 3550 §6): sender and receiver reports, CNAME, BYE, and the receiver's books behind them.

#include <array>
#include <cstdint>
#include <string_view>

#include "engine/base/bytes.h"
#include "engine/base/result.h"
#include "engine/base/time.h"
#include "engine/rtp/packet.h"

namespace carillon::rtp {

/// NTP time (seconds since 1900 and fraction) as RTCP carries it.
std::uint64_t ntp_of(WallTime wall);

struct SenderInfo {
  std::uint64_t ntp = 0;
  RtpTime time;
  std::uint32_t packets = 0, octets = 0;
};

struct ReportBlock {
  std::uint32_t ssrc = 0;          ///< of the source reported on
  std::uint8_t fraction_lost = 0;  ///< of 256, since the report before
  std::int32_t lost = 0;           ///< cumulative, 24 bits signed
  std::uint32_t highest = 0;       ///< extended highest sequence number
  std::uint32_t jitter = 0;        ///< ticks
  std::uint32_t last_report = 0;   ///< LSR: middle 32 bits of the NTP time of the last SR
  std::uint32_t delay = 0;         ///< DLSR: in 1/65536 s
};

/// One compound packet, read. Blocks about others than `ours` are left out.
struct Report {
  std::uint32_t sender = 0;
  bool has_sender_info = false;
  SenderInfo sender_info;
  bool has_block = false;
  ReportBlock block;
  bool bye = false;
  std::string_view cname;  ///< view into the packet
};

/// Reads a compound packet (RFC 3550 §6.1, §6.4; A.2 validity: starts with SR or RR, version 2, lengths add up).
/// Reduced-size packets (RFC 5506) that start with another type are taken too; unknown types are skipped.
///
/// wire     one UDP payload, untrusted
/// ours     the SSRC that we send with
/// errors   kShort, kVersion, kPadding
Result<Report, ParseError> parse_rtcp(ByteView wire, std::uint32_t ours);

inline constexpr std::size_t kRtcpMax = 128;  ///< what write_rtcp needs at most

/// Writes SR (with `info`) or RR, at most one block, then SDES with the CNAME (at most 32 bytes), then BYE if asked.
/// Returns the bytes written.
ByteView write_rtcp(std::span<std::byte, kRtcpMax> out, std::uint32_t ssrc, const SenderInfo* info,
                    const ReportBlock* block, std::string_view cname, bool bye);

/// The receiver's books about one source: RFC 3550 A.1 (sequence), A.3 (loss), A.8 (jitter). Also tells duplicates,
/// over the last 64 packets.
class Reception {
 public:
  enum class Seen : std::uint8_t { kNew, kReordered, kDuplicate, kTooOld };

  void restart() { *this = {}; }
  /// Counts one packet of the source. `clocked`: its timestamp tells about jitter (audio; not digits).
  Seen receive(std::uint16_t sequence, RtpTime time, bool clocked, TimePoint now);

  std::uint64_t received() const { return received_; }
  std::int64_t lost() const;                             ///< expected - received; duplicates do not count
  std::uint32_t jitter() const { return jitter_ >> 4; }  ///< ticks
  std::uint32_t highest() const { return cycles_ | newest_; }
  /// The block for the next report; starts a new interval of fraction_lost.
  ReportBlock report(std::uint32_t ssrc);

 private:
  void clock(RtpTime time, TimePoint now);

  std::uint64_t window_ = 0;  // bit i: newest_ - i was seen
  std::uint32_t cycles_ = 0, first_ = 0, received_ = 0;
  std::uint32_t expected_prior_ = 0, received_prior_ = 0;
  std::uint32_t jitter_ = 0;  // scaled by 16
  std::uint32_t transit_ = 0;
  std::uint32_t jump_next_ = 0x10000;  // A.1 bad_seq
  std::uint16_t newest_ = 0;
  bool is_started_ = false, has_transit_ = false;
};

}  // namespace carillon::rtp
