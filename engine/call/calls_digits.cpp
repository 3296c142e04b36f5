// Digits: RFC 4733, in band and SIP INFO in; out by RFC 4733 or as tones; across a bridge; gathered for control.

#include <algorithm>

#include "engine/call/calls.h"
#include "engine/call/info_digit.h"

namespace carillon::call {

void Calls::on_digit_news(Leg& leg, const rtp::DigitNews& news, TimePoint now) {
  // The plan hears a key when it goes down. Its length is known when it goes up: control and the bridge get it then.
  if (news.ended != 0) {
    leg.pressed = 0;
    report_digit(leg, news.ended, news.ended_duration, "rfc4733", now);
    pass_digit(leg, news.ended, news.ended_duration);
  }
  if (news.begun == 0) return;
  leg.pressed = news.begun;
  key_down(leg, news.begun, now);
}

void Calls::report_digit(Leg& leg, char digit, Duration duration, std::string_view source, TimePoint now) {
  Event event = news(EventKind::kDtmf, leg, now);
  event.body.dtmf = {digit, duration, source};
  events_.push(event);
}

/// In band and INFO, which say all at once. A tone in the audio crosses a bridge by itself.
void Calls::on_digit(Leg& leg, char digit, Duration duration, std::string_view source, TimePoint now) {
  report_digit(leg, digit, duration, source, now);
  const bool is_inband = source == "inband";
  if (!is_inband) pass_digit(leg, digit, duration);
  key_down(leg, digit, now);
}

void Calls::key_down(Leg& leg, char digit, TimePoint now) {
  if (!leg.is_answered()) return;
  if (leg.gatherer.is_running()) {  // a Gather command comes before the plan
    if (leg.play_owner == PlayOwner::kCommand) play_over(leg, false, now);
    if (leg.gatherer.on_digit(digit, now) == Gatherer::Outcome::kDone) gathered(leg, leg.gatherer.digits(), false, now);
    return arm(leg);
  }
  perform(leg, leg.machine.on_digit(digit, now), now);
}

void Calls::on_info(Leg& leg, const sip::Event& event, TimePoint now) {
  const InfoDigit read = read_info_digit(event.content_type, event.body);
  if (read.digit != 0) on_digit(leg, read.digit, read.duration, "info", now);
}

// ---- out

const char* Calls::send_digits(Leg& leg, std::string_view digits, Duration each) {
  if (digits.find_first_not_of("0123456789*#ABCD") != std::string_view::npos) return "digits: 0-9 * # A-D only";
  if (leg.stream.config().event_send_type != rtp::kNoPayloadType)
    return leg.stream.send_digits(digits, each) ? nullptr : "too many digits are waiting";
  if (leg.digits_sent == leg.digits_to_send.size()) {
    leg.digits_to_send = {};
    leg.digits_sent = 0;
  }
  std::array<char, 64> waiting;
  const std::string_view before = leg.digits_to_send;
  if (before.size() + digits.size() > waiting.size()) return "too many digits are waiting";
  const auto end = std::copy(digits.begin(), digits.end(), std::copy(before.begin(), before.end(), waiting.begin()));
  leg.digits_to_send.assign({waiting.data(), static_cast<std::size_t>(end - waiting.begin())});
  leg.sings_digits = leg.digit_tone || leg.digits_sent < leg.digits_to_send.size();
  return nullptr;
}

/// The peer knows no telephone-event: the digit is sung, 100 ms of tone and 100 ms of pause.
ByteView Calls::inband_digit(Leg& leg, ByteSpan scratch) {
  std::array<std::int16_t, kFrameSamples> samples{};
  if (!leg.digit_tone) leg.digit_tone.emplace(media::digit_spec(leg.digits_to_send.view()[leg.digits_sent]));
  if (!leg.digit_tone->fill(samples)) {
    leg.digit_tone.reset();
    ++leg.digits_sent;
    leg.sings_digits = leg.digits_sent < leg.digits_to_send.size();
  }
  const auto codec = leg.stream.config().codec == rtp::Codec::kPcmu ? media::Codec::kPcmu : media::Codec::kPcma;
  media::encode(codec, samples, scratch);
  return scratch;
}

// ---- gathered for control

const char* Calls::gather(Leg& leg, const Gather& gather, TimePoint now) {
  leg.gatherer.start(gather.digits_max, gather.terminator, gather.timeout, false, now);
  arm(leg);
  return nullptr;
}

void Calls::gathered(Leg& leg, std::string_view digits, bool timed_out, TimePoint now) {
  Event event = news(EventKind::kGathered, leg, now);
  event.body.gathered = {digits, timed_out};
  events_.push(event);
}

}  // namespace carillon::call
