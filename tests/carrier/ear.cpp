#include "tests/carrier/ear.h"

#include <array>
#include <cstdlib>

#include "tests/carrier/sound.h"

namespace carillon::carrier {
namespace {

struct Tables {
  std::array<float, 256> square_ulaw, linear_ulaw;
  std::array<std::uint8_t, 256> alaw_to_ulaw;
  Tables() {
    for (int code = 0; code < 256; ++code) {
      const auto sample = static_cast<float>(from_ulaw(static_cast<std::uint8_t>(code)));
      linear_ulaw[static_cast<std::size_t>(code)] = sample;
      square_ulaw[static_cast<std::size_t>(code)] = sample * sample;
      alaw_to_ulaw[static_cast<std::size_t>(code)] = to_ulaw(from_alaw(static_cast<std::uint8_t>(code)));
    }
  }
};
const Tables kTables;

// -40 dBm0: 43.14 dB below a full-scale sine, whose mean square is 32124² / 2.
constexpr double kLoud = 32124.0 * 32124.0 / 2 / 20606.0;

std::int64_t samples_between(TimePoint from, TimePoint to) {
  return std::chrono::duration_cast<std::chrono::microseconds>(to - from).count() / 125;
}

}  // namespace

void Ear::listen_from(TimePoint at) {
  listen_from_ = at;
  recent_ = 0;
}

void Ear::on_packet(ByteView wire, TimePoint arrival, int event_type) {
  ByteReader in(wire);
  const auto flags = in.u8();
  const auto type = in.u8() & 0x7F;
  const auto sequence = in.u16();
  const auto time = in.u32();
  const auto ssrc = in.u32();
  in.skip(4u * (flags & 0x0F));
  if (flags & 0x10) {
    in.skip(2);
    in.skip(4u * in.u16());
  }
  std::size_t padding = 0;
  if (flags & 0x20 && !wire.empty()) padding = static_cast<std::size_t>(wire.back());
  if (in.failed() || flags >> 6 != 2 || padding > in.left()) {
    ++books_.foreign;
    return;
  }
  const ByteView payload = in.take(in.left() - padding);
  if (type == event_type) {
    count(sequence, ssrc, arrival);
    on_event(time, payload);
    return;
  }
  if (type != 0 && type != 8) {
    books_.foreign += type != 13;  // comfort noise is silence
    return;
  }
  count(sequence, ssrc, arrival);
  place(time, payload, type == 8, arrival);
}

void Ear::count(std::uint16_t sequence, std::uint32_t ssrc, TimePoint arrival) {
  if (!has_stream_ || ssrc != ssrc_) {
    has_stream_ = true;
    has_anchor_ = false;
    ssrc_ = ssrc;
    ++books_.streams;
    stream_expected_ = books_.expected;
    stream_lost_ = books_.lost;
    stream_in_ = 0;
    seen_ = 0;
    first_sequence_ = highest_sequence_ = 0x10000u + sequence;
  }
  if (last_arrival_ != TimePoint{} && arrival - last_arrival_ > books_.gap_max)
    books_.gap_max = arrival - last_arrival_;
  last_arrival_ = arrival;
  ++books_.in;
  const auto step = static_cast<std::int16_t>(sequence - static_cast<std::uint16_t>(highest_sequence_));
  if (step > 0) {
    highest_sequence_ += static_cast<std::uint64_t>(step);
    seen_ = step >= 64 ? 0 : seen_ << step;
    seen_ |= 1;
    ++stream_in_;
  } else if (const int back = -step; back < 64 && !(seen_ >> back & 1)) {
    seen_ |= std::uint64_t{1} << back;
    ++stream_in_;
  }
  const auto expected = highest_sequence_ - first_sequence_ + 1;
  books_.expected = stream_expected_ + expected;
  books_.lost = stream_lost_ + (expected > stream_in_ ? expected - stream_in_ : 0);
}

void Ear::place(std::uint32_t time, ByteView audio, bool is_alaw, TimePoint arrival) {
  const std::int64_t arrived = samples_between(base_, arrival);
  std::int64_t index = anchor_index_ + static_cast<std::int32_t>(time - anchor_time_);
  if (!has_anchor_ || std::abs(index - arrived) > 8000 / 2) {  // a new source, or one that jumped by half a second
    has_anchor_ = true;
    anchor_time_ = time;
    anchor_index_ = index = arrived;
  }
  books_.late += arrived - index > 480;
  float energy = 0;
  for (std::size_t i = 0; i < audio.size(); ++i) {
    auto code = static_cast<std::uint8_t>(audio[i]);
    if (is_alaw) code = kTables.alaw_to_ulaw[code];
    energy += kTables.square_ulaw[code];
    const std::int64_t at = index + static_cast<std::int64_t>(i);
    if (at < 0 || at >= static_cast<std::int64_t>(kHeardMax)) continue;
    if (static_cast<std::size_t>(at) >= heard_.size()) heard_.resize(static_cast<std::size_t>(at) + 1, 0xFF);
    heard_[static_cast<std::size_t>(at)] = code;
  }
  if (badges_) read(index, audio, is_alaw, arrival);
  if (!audio.empty()) weigh(energy / static_cast<float>(audio.size()), arrival);
}

void Ear::read(std::int64_t index, ByteView audio, bool is_alaw, TimePoint arrival) {
  if (index != badges_next_) badges_->interrupt();
  badges_next_ = index + static_cast<std::int64_t>(audio.size());
  std::array<float, 480> samples;
  if (audio.size() > samples.size()) return badges_->interrupt();  // longer than anybody sends
  for (std::size_t i = 0; i < audio.size(); ++i) {
    auto code = static_cast<std::uint8_t>(audio[i]);
    if (is_alaw) code = kTables.alaw_to_ulaw[code];
    samples[i] = kTables.linear_ulaw[code];
  }
  badges_->feed(std::span(samples).first(audio.size()), arrival);
}

void Ear::weigh(double level_squared, TimePoint arrival) {
  const bool is_loud = level_squared > kLoud;
  loud_ += is_loud;
  if (arrival < listen_from_ || onset_ != TimePoint{}) return;
  if (is_loud && (recent_ & 0x1F) == 0) onset_candidate_ = arrival;
  recent_ = recent_ << 1 | (is_loud ? 1u : 0u);
  if (__builtin_popcount(recent_ & 0x1F) >= 3) onset_ = onset_candidate_;
}

// RFC 4733 §2.3: all packets of one event carry the timestamp of its start.
void Ear::on_event(std::uint32_t time, ByteView payload) {
  if (payload.size() < 4 || (has_event_ && time == last_event_)) return;
  const auto event = static_cast<std::uint8_t>(payload[0]);
  if (event > 15) return;
  has_event_ = true;
  last_event_ = time;
  if (digits_.size() < 64) digits_ += "0123456789*#ABCD"[event];
}

}  // namespace carillon::carrier
