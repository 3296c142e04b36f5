// Every 20 ms per leg: take a frame from the peer and look at it, send one, write both down.

#include <algorithm>

#include "engine/call/calls.h"
#include "media/codec/g711.h"

namespace carillon::call {
namespace {

constexpr Duration kLate = 5ms;  ///< a beat that runs later than this is counted

media::Codec codec_of(rtp::Codec codec) {
  return codec == rtp::Codec::kPcmu ? media::Codec::kPcmu : media::Codec::kPcma;
}

std::array<std::byte, kFrameSamples> silent_frame(media::Codec codec) {
  std::array<std::byte, kFrameSamples> frame;
  frame.fill(media::silence(codec));
  return frame;
}

const std::array kSilence{silent_frame(media::Codec::kPcmu), silent_frame(media::Codec::kPcma)};

constexpr std::size_t kAhead = 4;  ///< legs; memory is asked for in stages, each so many before the next

constexpr std::uint8_t kRepeatsMax = 2;  ///< a lost frame is bridged by the one before it, twice at most

}  // namespace

void Calls::on_media(Handle handle, bool is_rtcp, ByteView data, const Endpoint& from, TimePoint now) {
  Leg* leg = legs_.find(handle);
  if (!leg || leg->is_ended || !leg->is_agreed) return;
  if (is_rtcp) {
    (void)leg->stream.receive_rtcp(data, from, now);
    return;
  }
  const auto outcome = leg->stream.receive(data, from, now, leg->listens);
  if (outcome.kind == rtp::Outcome::Kind::kDropped)
    ++counters_.rtp_drops[static_cast<std::size_t>(outcome.drop)];
  else if (outcome.digits.any())
    on_digit_news(*leg, outcome.digits, now);
}

void Calls::run_slot(std::span<const Handle> legs, TimePoint due, TimePoint now) {
  slot_.assign(legs.begin(), legs.end());  // legs may come and go while they are served
  detecting_.clear();
  beat_late_ = std::max(beat_late_, now - due);
  beat_latest_ = std::max(beat_latest_, now - due);
  if (now - due > kLate) counters_.late_frames += legs.size();
  for (std::size_t i = 0; i < slot_.size(); ++i) {
    if (i + 3 * kAhead < slot_.size()) prefetch(slot_[i + 3 * kAhead]);
    if (i + 2 * kAhead < slot_.size()) prefetch_audio(slot_[i + 2 * kAhead]);
    if (i + kAhead < slot_.size()) prefetch_frame(slot_[i + kAhead]);
    if (Leg* leg = legs_.find(slot_[i]); leg && leg->hears) hear(*leg, now);
  }
  detect_all(now);
  for (std::size_t i = 0; i < slot_.size(); ++i) {
    if (i + kAhead < slot_.size()) prefetch_speech(slot_[i + kAhead]);
    if (Leg* leg = legs_.find(slot_[i]); leg && leg->hears) speak(*leg, now);
  }
}

/// Its buffer is here: of a leg that is listened to, the frame that comes next, and where it goes.
void Calls::prefetch_frame(Handle handle) const {
  const Leg* leg = legs_.find(handle);
  if (!leg || !leg->listens) return;
  leg->stream.prefetch_frame();
  carillon::prefetch(&leg->heard, sizeof leg->heard);
}

void Calls::prefetch_speech(Handle handle) const {
  prefetch(handle);
  legs_.prefetch<64>(handle, offsetof(Leg, cdr));
  const Leg* leg = legs_.find(handle);
  if (!leg) return;
  if (leg->partner) {
    legs_.prefetch<64>(leg->partner);
    legs_.prefetch<sizeof(Leg::heard)>(leg->partner, offsetof(Leg, heard));
  }
  if (leg->recording) ports_.recordings.prefetch(leg->recording);
}

// ---- from the peer

void Calls::hear(Leg& leg, TimePoint now) {
  if (leg.expects_one && leg.stream.is_silent(now)) expect_anybody(leg);
  leg.listens = leg.is_listened_to();
  if (!leg.listens) {
    leg.has_heard = false;
    if (const auto digits = leg.stream.tick(now); digits.any()) on_digit_news(leg, digits, now);
    return;
  }
  const auto heard = leg.stream.pop(now);
  if (heard.digits.any()) on_digit_news(leg, heard.digits, now);
  const bool was_lost = heard.frame.kind == rtp::Frame::Kind::kConceal;
  if (heard.frame.kind == rtp::Frame::Kind::kAudio) {
    copy(heard.frame.payload.first(kFrameSamples), leg.heard);
    leg.heard_codec = codec_of(heard.frame.codec);
    leg.has_heard = true;
    leg.concealed = 0;
  } else if (!was_lost || ++leg.concealed > kRepeatsMax) {
    leg.has_heard = false;
  }
  if (leg.is_ended) return;
  if (leg.across.is_joined()) send_frame_across(leg, now);
  if (leg.hears_digits) hear_digits(leg, was_lost, now);
  if (leg.is_detecting && !leg.is_ended) detecting_.push_back({leg.self, was_lost});
}

/// Once the peer's source is settled, and again after each doubt. Short calls never come to it.
void Calls::expect_source(Leg& leg, TimePoint now) {
  if (leg.expects_one || !leg.stream.is_steady(now)) return;
  leg.expects_one = true;
  ports_.pairs.expect(leg.pair.index, leg.stream.destination());
}

void Calls::expect_anybody(Leg& leg) {
  if (!leg.expects_one) return;
  leg.expects_one = false;
  ports_.pairs.expect_any(leg.pair.index);
}

void Calls::hear_digits(Leg& leg, bool was_lost, TimePoint now) {
  std::array<std::int16_t, kFrameSamples> samples{};
  if (was_lost) {
    leg.digits->feed_lost();
  } else {
    if (leg.has_heard) media::decode(leg.heard_codec, leg.heard, samples);
    leg.digits->feed(samples);
  }
  while (!leg.is_ended && leg.digits) {
    const char digit = leg.digits->news();
    if (digit == 0) break;
    on_digit(leg, digit, Duration{0}, "inband", now);
  }
}

/// All detectors of the beat in one batch. What was heard meanwhile may have ended some of the legs.
void Calls::detect_all(TimePoint now) {
  if (detecting_.empty()) return;
  detect_inputs_.clear();
  for (const auto& [handle, was_lost] : detecting_) {
    Leg* leg = legs_.find(handle);
    if (!leg || leg->is_ended || !leg->is_detecting) continue;
    const bool is_pause = !leg->has_heard;
    detect_inputs_.push_back({.detector = &*leg->detector,
                              .codec = is_pause ? media::Codec::kPcmu : leg->heard_codec,
                              .frame = is_pause ? ByteView(kSilence[0]) : ByteView(leg->heard),
                              .is_lost = was_lost});
  }
  media::feed(detect_inputs_);
  for (const auto& [handle, was_lost] : detecting_)
    if (Leg* leg = legs_.find(handle); leg && !leg->is_ended && leg->is_detecting) take_verdicts(*leg, now);
}

void Calls::take_verdicts(Leg& leg, TimePoint now) {
  while (!leg.is_ended && leg.detector) {
    const auto verdict = leg.detector->news();
    if (!verdict) break;
    on_verdict(leg, *verdict, now);
  }
  if (leg.detector && leg.detector->done()) leg.stop_detecting();
}

// ---- to the peer

void Calls::speak(Leg& leg, TimePoint now) {
  if (leg.stream.rtcp_due(now)) {
    expect_source(leg, now);
    send_rtcp(leg, false, now);
  }
  if (leg.across.is_joined()) leg.across.frames.beat(now);
  const bool is_ours_to_speak = leg.is_answered() || leg.cdr.inbound;  // before answer the caller only listens
  if (!is_ours_to_speak) return;

  std::array<std::byte, kFrameSamples> spare;
  OutPacket* room = next_packet();
  const ByteView frame = source(leg, room ? ByteSpan(room->body) : ByteSpan(spare), now);
  if (leg.is_ended) return;
  bool is_sent = false;
  if (leg.stream.is_sending_digits()) {
    if (OutPacket* packet = next_packet()) {
      const auto digit = leg.stream.digit_packet(std::span(packet->head).first<rtp::Stream::kDigitPacketSize>(), now);
      if (!digit.empty()) media_out_.push_back({leg.pair.index, false, leg.stream.destination(), digit, {}});
    }
  } else {
    is_sent = send_audio(leg, frame, now);
  }
  if (!leg.recording) return;
  std::array<std::int16_t, kFrameSamples> left, right;
  if (leg.has_heard) media::decode(leg.heard_codec, leg.heard, left);
  if (is_sent) media::decode(codec_of(leg.stream.config().codec), frame, right);
  ports_.recordings.add(leg.recording,
                        leg.has_heard ? std::span<const std::int16_t>(left) : std::span<const std::int16_t>(),
                        is_sent ? std::span<const std::int16_t>(right) : std::span<const std::int16_t>());
}

/// What this leg is sent now: a digit, what is played, what the partner says, or silence. It goes out by reference;
/// what is made here lies in `room`.
ByteView Calls::source(Leg& leg, ByteSpan room, TimePoint now) {
  const media::Codec codec = codec_of(leg.stream.config().codec);
  if (leg.sings_digits) return inband_digit(leg, room);
  // the last frame went out a beat ago: only now the play is over, and a hang-up cuts nothing off
  if (leg.play_owner != PlayOwner::kNobody && !leg.player.is_playing()) play_over(leg, true, now);
  if (leg.is_ended) return {};
  if (const auto frame = leg.player.next(codec)) return *frame;
  if (const Leg* partner = legs_.find(leg.partner); partner && partner->has_heard) {
    if (partner->heard_codec == codec) return partner->heard;  // sent before its next beat
    media::transcode(partner->heard_codec, codec, partner->heard, room);
    return room;
  }
  if (const auto* frame = leg.across.is_joined() ? leg.across.frames.current() : nullptr) {
    media::transcode(frame->codec, codec, frame->bytes, room);
    return room;
  }
  return kSilence[static_cast<std::size_t>(codec)];
}

Calls::OutPacket* Calls::next_packet() {
  return media_out_.size() < packets_.size() ? &packets_[media_out_.size()] : nullptr;
}

/// One packet, or two of 10 ms.
bool Calls::send_audio(Leg& leg, ByteView frame, TimePoint now) {
  const std::size_t parts = leg.stream.config().packets_per_frame;
  const std::size_t size = kFrameSamples / parts;
  bool is_sent = false;
  for (std::size_t part = 0; part < parts; ++part) {
    OutPacket* packet = next_packet();
    if (!packet) return is_sent;
    const auto head = leg.stream.head(std::span(packet->head).first<rtp::kHeaderSize>(), now);
    if (head.empty()) return is_sent;
    media_out_.push_back({leg.pair.index, false, leg.stream.destination(), head, frame.subspan(part * size, size)});
    is_sent = true;
  }
  return is_sent;
}

void Calls::send_rtcp(Leg& leg, bool bye, TimePoint now) {
  OutPacket* packet = next_packet();
  if (!packet || !leg.is_agreed) return;
  const Endpoint to = leg.stream.rtcp_destination();
  const auto report = leg.stream.write_rtcp(packet->head, now, wall(now), bye);
  if (to.port != 0 && !report.empty()) media_out_.push_back({leg.pair.index, true, to, report, {}});
}

}  // namespace carillon::call
