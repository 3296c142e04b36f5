#include "engine/rtp/stream.h"

#include <algorithm>

namespace carillon::rtp {

namespace {

constexpr Duration kReportInterval = 5s;  // RFC 3550 §6.2; drawn anew from half to one and a half of it
constexpr Duration kTick = 125us;
constexpr Duration kBeat = 20ms;

bool is_usable(const Endpoint& endpoint) { return endpoint.port != 0 && !endpoint.is_unspecified(); }

std::uint32_t middle(std::uint64_t ntp) { return static_cast<std::uint32_t>(ntp >> 16); }

std::uint32_t microseconds(std::uint32_t ticks) {
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(std::uint64_t{ticks} * 125, 0xFFFF'FFFF));
}

}  // namespace

std::string_view name(Drop drop) {
  constexpr std::array<std::string_view, kDrops> kNames{"none",      "malformed", "foreign", "held",   "payload_type",
                                                        "duplicate", "late",      "length",  "too_far"};
  return kNames[static_cast<std::size_t>(drop)];
}

Stream::Stream(Random& random, const JitterConfig& jitter)
    : ssrc_(random.u32()),
      sequence_(static_cast<std::uint16_t>(random.u32() & 0x7FFF)),  // not near the wrap: kinder to SRTP peers
      next_time_{random.u32()},
      dice_(random.u32() | 1),
      jitter_buffer_(jitter) {
  constexpr std::string_view kHex = "0123456789abcdef";
  auto bits = random.next();
  for (char& c : cname_) {
    c = kHex[bits & 15];
    bits >>= 4;
  }
}

void Stream::configure(const StreamConfig& config, TimePoint now) {
  if (!config.receives && config_.receives) jitter_buffer_.restart();
  if (!config.sends) starts_speech_ = true;
  config_ = config;
  config_.packets_per_frame = config.packets_per_frame == 2 ? 2 : 1;
  source_.configure(config.remote, config.behind_nat, now);
  last_heard_ = now;
  if (!is_configured_) rtcp_at_ = now + report_interval();
  is_configured_ = true;
}

// ---- from the peer ----

Outcome Stream::receive(ByteView wire, const Endpoint& from, TimePoint now, bool keeps_audio) {
  const auto packet = parse(wire);
  if (!packet) return drop(Drop::kMalformed);
  const auto verdict = source_.judge(from, packet->ssrc, now);
  if (verdict == Source::Verdict::kForeign) return drop(Drop::kForeign);
  last_heard_ = now;
  if (verdict != Source::Verdict::kChanged) return take(*packet, now, keeps_audio);
  const DigitNews digits = change_source();
  auto outcome = take(*packet, now, keeps_audio);
  outcome.is_first = true;
  if (digits.ended != 0) {
    outcome.digits.ended = digits.ended;
    outcome.digits.ended_duration = digits.ended_duration;
  }
  return outcome;
}

Outcome Stream::take(const Packet& packet, TimePoint now, bool keeps_audio) {
  const auto type = packet.payload_type;
  const bool is_pcmu = type == config_.pcmu_type, is_pcma = type == config_.pcma_type;
  const bool is_audio = is_pcmu || is_pcma;
  // phones exist that send digits by our number, and ones that send them by theirs
  const bool is_event = !is_audio && (type == config_.event_receive_type || type == config_.event_send_type);
  const bool is_noise = type == config_.comfort_noise_type;
  switch (reception_.receive(packet.sequence, packet.time, is_audio, now)) {
    case Reception::Seen::kDuplicate:
      return drop(Drop::kDuplicate);
    case Reception::Seen::kTooOld:
      return drop(Drop::kTooFar);
    case Reception::Seen::kNew:
    case Reception::Seen::kReordered:
      break;
  }
  if (!config_.receives) return drop(Drop::kHeld);
  if (keeps_audio != keeps_audio_) {
    keeps_audio_ = keeps_audio;
    jitter_buffer_.restart();  // what is in there is from another time
  }
  if (is_audio && !keeps_audio) {
    const bool fits = !packet.payload.empty() && packet.payload.size() <= kPayloadMax;
    return fits ? Outcome{.kind = Outcome::Kind::kAudio} : drop(Drop::kTooLong);
  }
  if (is_audio) return audio(packet, is_pcmu ? Codec::kPcmu : Codec::kPcma, now);
  if (!is_event && !is_noise) return drop(Drop::kType);
  if (keeps_audio) jitter_buffer_.quiet();
  if (is_noise) return {.kind = Outcome::Kind::kComfortNoise};
  return {.kind = Outcome::Kind::kDigit, .digits = event_receiver_.receive(packet, now)};
}

Outcome Stream::audio(const Packet& packet, Codec codec, TimePoint now) {
  switch (jitter_buffer_.push(packet, codec, now)) {
    case JitterBuffer::Taken::kTaken:
      return {.kind = Outcome::Kind::kAudio};
    case JitterBuffer::Taken::kLate:
      return drop(Drop::kLate);
    case JitterBuffer::Taken::kTooLong:
      return drop(Drop::kTooLong);
    case JitterBuffer::Taken::kTooFar:
    case JitterBuffer::Taken::kProbation:
      break;
  }
  return drop(Drop::kTooFar);
}

Outcome Stream::drop(Drop reason) {
  ++drops_[static_cast<std::size_t>(reason)];
  return {.kind = Outcome::Kind::kDropped, .drop = reason};
}

/// Another sender: its numbers and clock are unrelated to the last one's. A key that was down is up.
DigitNews Stream::change_source() {
  packets_in_past_ += reception_.received();
  lost_past_ += static_cast<std::uint64_t>(std::max<std::int64_t>(reception_.lost(), 0));
  reception_.restart();
  jitter_buffer_.restart();
  const auto news = event_receiver_.release();
  event_receiver_ = {};
  heard_report_ = 0;
  return news;
}

Heard Stream::pop(TimePoint now) {
  if (!config_.receives) return {};
  return {jitter_buffer_.pop(now), event_receiver_.tick(now)};
}

RtcpOutcome Stream::receive_rtcp(ByteView wire, const Endpoint& from, TimePoint now) {
  if (!source_.takes_rtcp(from, config_.remote_rtcp)) {
    drop(Drop::kForeign);
    return {};
  }
  const auto report = parse_rtcp(wire, ssrc_);
  if (!report) {
    drop(Drop::kMalformed);
    return {};
  }
  if (config_.behind_nat) heard_rtcp_ = from;
  const bool is_ours = source_.has_source() && report->sender == source_.ssrc();
  if (report->has_sender_info && is_ours) {
    heard_report_ = middle(report->sender_info.ntp);
    heard_report_at_ = now;
  }
  if (report->has_block) note_block(report->block, now);
  return {.taken = true, .bye = report->bye};
}

/// RFC 3550 §6.4.1: round trip = now - LSR - DLSR, for the report of ours that the peer names.
void Stream::note_block(const ReportBlock& block, TimePoint now) {
  remote_lost_ = static_cast<std::uint32_t>(std::max(block.lost, 0));
  remote_jitter_ = block.jitter;
  if (block.last_report == 0 || block.last_report != sent_report_) return;
  const Duration held{static_cast<std::int64_t>((std::uint64_t{block.delay} * 1'000'000'000) >> 16)};
  const auto trip = now - sent_report_at_ - held;
  if (trip >= 0ns && trip < 60s)
    round_trip_us_ = static_cast<std::uint32_t>(std::chrono::duration_cast<std::chrono::microseconds>(trip).count());
}

// ---- to the peer ----

Endpoint Stream::rtcp_destination() const {
  Endpoint to = config_.remote_rtcp;
  if (to.port == 0 || source_.destination() == config_.remote) return to;
  if (heard_rtcp_.same_address(source_.destination())) return heard_rtcp_;
  to.address = source_.destination().address;
  to.is_v6 = source_.destination().is_v6;
  return to;
}

bool Stream::may_send() const { return config_.sends && is_usable(config_.remote); }

ByteView Stream::head(std::span<std::byte, kHeaderSize> out, TimePoint now, bool is_speech_start) {
  if (!may_send()) {
    starts_speech_ = true;
    return {};
  }
  if (is_sending_digits()) return {};
  const bool starts = is_speech_start || starts_speech_;
  if (starts) catch_up(now);
  starts_speech_ = false;
  write_header(out, {.marker = starts,
                     .payload_type = config_.send_type,
                     .sequence = sequence_++,
                     .time = next_time_,
                     .ssrc = ssrc_,
                     .payload = {}});
  const int samples = kFrameSamples / config_.packets_per_frame;
  next_time_ = next_time_ + samples;
  ++packets_out_;
  octets_out_ += static_cast<std::uint32_t>(samples);
  return out;
}

/// Moves the timestamp by the whole frames for which nothing was sent; never back.
void Stream::catch_up(TimePoint now) {
  if (!has_anchor_) {
    has_anchor_ = true;
    anchor_ = now;
    anchor_time_ = next_time_;
    return;
  }
  const auto frames = (now - anchor_ + kBeat / 2) / kBeat;
  const RtpTime due{anchor_time_.ticks + static_cast<std::uint32_t>(frames) * kFrameSamples};
  if (due - next_time_ > 0) next_time_ = due;
}

bool Stream::send_digits(std::string_view digits, Duration each) {
  if (config_.event_send_type == kNoPayloadType) return false;
  return event_sender_.queue(digits, each);
}

ByteView Stream::digit_packet(std::span<std::byte, kDigitPacketSize> out, TimePoint now) {
  if (!is_sending_digits()) return {};
  if (!may_send()) {  // put on hold in the middle: the key is up
    event_sender_ = {};
    starts_speech_ = true;
    return {};
  }
  if (starts_speech_) catch_up(now);
  const auto beat = event_sender_.next(next_time_);
  next_time_ = next_time_ + kFrameSamples;
  starts_speech_ = !is_sending_digits();
  if (!beat.sends) return {};
  write_header(out.first<kHeaderSize>(), {.marker = beat.marker,
                                          .payload_type = config_.event_send_type,
                                          .sequence = sequence_++,
                                          .time = beat.time,
                                          .ssrc = ssrc_,
                                          .payload = {}});
  write_event(out.last<4>(), beat.event);
  ++packets_out_;
  octets_out_ += 4;
  return out;
}

ByteView Stream::write_rtcp(std::span<std::byte, kRtcpMax> out, TimePoint now, WallTime wall, bool bye) {
  rtcp_at_ = now + report_interval();
  SenderInfo info;
  const bool has_sent = packets_out_ != reported_out_;
  if (has_sent) {
    reported_out_ = packets_out_;
    const auto elapsed = static_cast<std::uint32_t>((now - anchor_) / kTick);
    info = {ntp_of(wall), RtpTime{anchor_time_.ticks + elapsed}, packets_out_, octets_out_};
    sent_report_ = middle(info.ntp);
    sent_report_at_ = now;
  }
  ReportBlock block;
  const bool has_heard = reception_.received() != 0;
  if (has_heard) {
    block = reception_.report(source_.ssrc());
    if (heard_report_ != 0) {
      const auto held = std::clamp<Duration>(now - heard_report_at_, 0ns, 65535s);
      block.last_report = heard_report_;
      block.delay = static_cast<std::uint32_t>((static_cast<std::uint64_t>(held.count()) << 16) / 1'000'000'000);
    }
  }
  return rtp::write_rtcp(out, ssrc_, has_sent ? &info : nullptr, has_heard ? &block : nullptr,
                         {cname_.data(), cname_.size()}, bye);
}

/// Half to one and a half of the interval, so that thousands of legs do not report in step (RFC 3550 §6.3.1).
Duration Stream::report_interval() {
  dice_ ^= dice_ << 13;  // xorshift32: a leg needs no better dice for this
  dice_ ^= dice_ >> 17;
  dice_ ^= dice_ << 5;
  return kReportInterval / 2 + kReportInterval * (dice_ & 0xFFFF) / 0x10000;
}

// ---- books ----

StreamStats Stream::stats() const {
  const auto lost = static_cast<std::uint64_t>(std::max<std::int64_t>(reception_.lost(), 0));
  return {.packets_in = packets_in_past_ + reception_.received(),
          .packets_out = packets_out_,
          .lost = lost_past_ + lost,
          .discarded = std::uint64_t{dropped(Drop::kLate)} + dropped(Drop::kTooLong) + dropped(Drop::kTooFar) +
                       dropped(Drop::kType) + jitter_buffer_.counters().overflow,
          .foreign = dropped(Drop::kForeign),
          .jitter_us = microseconds(reception_.jitter()),
          .remote_lost = remote_lost_,
          .remote_jitter_us = microseconds(remote_jitter_),
          .round_trip_us = round_trip_us_};
}

}  // namespace carillon::rtp
