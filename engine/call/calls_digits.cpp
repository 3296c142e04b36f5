// Digits: RFC 4733, in band and SIP INFO in; out by RFC 4733 or as tones; across a bridge; gathered for control.

#include <charconv>

#include "engine/call/calls.h"

namespace carillon::call {

void Calls::on_digit_news(Leg& leg, const rtp::DigitNews& news, TimePoint now) {
  // The plan hears a key when it goes down. Its length is known when it goes up: control and the bridge get it then.
  if (news.ended != 0) {
    leg.key_held = 0;
    Event event = this->news(EventKind::kDtmf, leg, now);
    event.body.dtmf = {news.ended, news.ended_duration, std::string_view("rfc4733")};
    events_.push(event);
    if (Leg* partner = legs_.find(leg.partner)) (void)send_digits(*partner, {&news.ended, 1}, news.ended_duration);
  }
  if (news.begun == 0) return;
  leg.key_held = news.begun;
  key_down(leg, news.begun, now);
}

/// In band and INFO, which say all at once. A tone in the audio crosses a bridge by itself.
void Calls::on_digit(Leg& leg, char digit, Duration duration, std::string_view source, TimePoint now) {
  Event event = news(EventKind::kDtmf, leg, now);
  event.body.dtmf = {digit, duration, source};
  events_.push(event);
  const bool is_inband = source == "inband";
  if (Leg* partner = legs_.find(leg.partner); partner && !is_inband) (void)send_digits(*partner, {&digit, 1}, duration);
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

namespace {

/// "5", or "Signal=5\r\nDuration=160" (application/dtmf, application/dtmf-relay).
struct InfoDigit {
  char digit = 0;
  Duration duration = 100ms;
};

std::string_view value_of(std::string_view body, std::string_view name) {
  const auto at = body.find(name);
  if (at == std::string_view::npos) return {};
  auto value = body.substr(at + name.size());
  while (!value.empty() && (value.front() == ' ' || value.front() == '=')) value.remove_prefix(1);
  return value.substr(0, value.find_first_of("\r\n "));
}

InfoDigit read_info(std::string_view type, std::string_view body) {
  InfoDigit read;
  const bool is_relay = type.find("dtmf-relay") != std::string_view::npos;
  if (!is_relay && type.find("dtmf") == std::string_view::npos) return read;
  const auto signal = is_relay ? value_of(body, "Signal") : body.substr(0, body.find_first_of("\r\n "));
  const bool is_digit = signal.size() == 1 && std::string_view("0123456789*#ABCD").contains(signal[0]);
  if (!is_digit) return read;
  read.digit = signal[0];
  const auto duration = is_relay ? value_of(body, "Duration") : std::string_view{};
  int ms = 0;
  if (std::from_chars(duration.data(), duration.data() + duration.size(), ms).ec == std::errc{} && ms > 0 && ms <= 6000)
    read.duration = std::chrono::milliseconds(ms);
  return read;
}

}  // namespace

void Calls::on_info(Leg& leg, const sip::Event& event, TimePoint now) {
  const InfoDigit read = read_info(event.content_type, event.body);
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
  return nullptr;
}

/// The peer knows no telephone-event: the digit is sung, 100 ms of tone and 100 ms of pause.
ByteView Calls::inband_digit(Leg& leg, ByteSpan scratch) {
  std::array<std::int16_t, kFrameSamples> samples{};
  if (!leg.digit_tone) leg.digit_tone.emplace(media::digit_spec(leg.digits_to_send.view()[leg.digits_sent]));
  if (!leg.digit_tone->fill(samples)) {
    leg.digit_tone.reset();
    ++leg.digits_sent;
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
