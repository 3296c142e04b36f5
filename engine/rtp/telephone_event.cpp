#include "engine/rtp/telephone_event.h"

#include <algorithm>

#include "engine/base/check.h"
#include "engine/base/units.h"

namespace carillon::rtp {

namespace {

constexpr Duration kTick = 125us;
constexpr Duration kBeat = 20ms;
constexpr std::string_view kDigits = "0123456789*#ABCD";
constexpr std::uint16_t kLongSegment = 0xF000;     // near the end of what 16 bits can tell
constexpr std::int32_t kRepetitionTicks = 80'000;  // 10 s: older than that is a clock set back, not a repetition

}  // namespace

//  0                   1                   2                   3
// |     event     |E|R| volume    |          duration             |
std::optional<EventPayload> parse_event(ByteView payload) {
  ByteReader in(payload);
  EventPayload event{.event = in.u8()};
  const auto flags = in.u8();
  event.end = (flags & 0x80) != 0;
  event.volume = flags & 0x3F;
  event.duration = in.u16();
  if (in.failed()) return std::nullopt;
  return event;
}

void write_event(std::span<std::byte, 4> buffer, const EventPayload& event) {
  ByteWriter out(buffer);
  out.u8(event.event);
  out.u8(static_cast<std::uint8_t>((event.end ? 0x80 : 0) | (event.volume & 0x3F)));
  out.u16(event.duration);
}

char digit_of(std::uint8_t event) { return event < kDigits.size() ? kDigits[event] : 0; }

std::optional<std::uint8_t> event_of(char digit) {
  if (digit >= 'a' && digit <= 'd') digit = static_cast<char>(digit - 'a' + 'A');
  const auto at = kDigits.find(digit);
  if (at == kDigits.npos) return std::nullopt;
  return static_cast<std::uint8_t>(at);
}

DigitNews EventReceiver::receive(const Packet& packet, TimePoint now) {
  const auto event = parse_event(packet.payload);
  if (!event) return {};
  const char digit = digit_of(event->event);
  if (digit == 0 || is_repetition(packet.time)) return {};
  if (digit_ == 0) return begin(digit, packet, *event, now);

  if (digit == digit_ && packet.time == start_) {
    segment_ = std::max(segment_, event->duration);
  } else if (is_continuation(digit, packet, *event)) {
    if (event->duration < segment_) segments_ += static_cast<std::uint32_t>(packet.time - start_);
    start_ = packet.time;
    segment_ = event->duration;
  } else if (packet.time - start_ < 0) {
    return {};  // a late packet of an event before
  } else {
    auto news = finish();  // its end was lost
    news.begun = begin(digit, packet, *event, now).begun;
    return news;
  }
  heard_ = now;
  return event->end ? finish() : DigitNews{};
}

DigitNews EventReceiver::tick(TimePoint now) {
  return digit_ != 0 && now - heard_ >= kTimeout ? finish() : DigitNews{};
}

DigitNews EventReceiver::begin(char digit, const Packet& packet, const EventPayload& event, TimePoint now) {
  digit_ = digit;
  start_ = packet.time;
  segment_ = event.duration;
  segments_ = 0;
  heard_ = event.end ? now - kTimeout : now;  // all but the end was lost: the next tick or repetition ends it
  return {.ended = 0, .ended_duration = {}, .begun = digit};
}

DigitNews EventReceiver::finish() {
  const DigitNews news{.ended = digit_, .ended_duration = (segments_ + segment_) * kTick, .begun = 0};
  last_ = start_;
  has_last_ = true;
  digit_ = 0;
  return news;
}

bool EventReceiver::is_repetition(RtpTime time) const {
  const auto since = time - last_;
  return has_last_ && since <= 0 && since > -kRepetitionTicks;
}

/// The same key held on under a new timestamp: the next segment of a long event, or a sender that moves the timestamp
/// with every update (seen in old gateways), whose duration goes on growing.
bool EventReceiver::is_continuation(char digit, const Packet& packet, const EventPayload& event) const {
  if (digit != digit_ || packet.marker) return false;
  const auto moved = packet.time - start_;
  if (moved <= 0) return false;
  if (segment_ >= kLongSegment) return moved >= kLongSegment && moved <= 0x10000;
  return event.duration > segment_ && moved <= event.duration;
}

bool EventSender::queue(std::string_view digits, Duration each) {
  if (digits.size() > kQueueMax - count_) return false;
  if (!std::ranges::all_of(digits, [](char digit) { return event_of(digit).has_value(); })) return false;
  const auto beats = std::clamp<std::int64_t>((each + kBeat - 1ns) / kBeat, 2, 300);
  for (const char digit : digits) {
    queue_[(first_ + count_) % kQueueMax] = {*event_of(digit), static_cast<std::uint16_t>(beats)};
    ++count_;
  }
  return true;
}

void EventSender::stop() {
  if (count_ == 0) return;
  count_ = beats_ == 0 ? 0 : 1;
  front().beats_down = std::clamp<std::uint16_t>(beats_, 1, front().beats_down);
}

EventSender::Beat EventSender::next(RtpTime now_time) {
  CHECK(is_active());
  const auto [event, beats_down] = front();
  if (beats_ == 0) start_ = now_time;
  const bool is_down = beats_ < beats_down;
  const bool is_end = !is_down && beats_ < beats_down + kEndBeats;
  const int down = std::min<int>(beats_ + 1, beats_down);
  const Beat beat{.sends = is_down || is_end,
                  .marker = beats_ == 0,
                  .time = start_,
                  .event = {.event = event,
                            .end = is_end,
                            .volume = kVolume,
                            .duration = static_cast<std::uint16_t>(down * kFrameSamples)}};
  if (++beats_ == beats_down + kEndBeats + kPauseBeats) {
    beats_ = 0;
    first_ = static_cast<std::uint8_t>((first_ + 1) % kQueueMax);
    --count_;
  }
  return beat;
}

}  // namespace carillon::rtp
