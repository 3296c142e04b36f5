#include "tests/carrier/mouth.h"

#include <string_view>

namespace carillon::carrier {
namespace {

constexpr int kEventFrames = 6;   // 120 ms pressed
constexpr int kEventEndings = 3;  // the end goes out three times (RFC 4733 §2.5.1.4)
constexpr int kEventPause = 5;    // silence before the next digit

template <std::uint8_t kCode>
constexpr std::array<std::uint8_t, kFrame> frame_of() {
  std::array<std::uint8_t, kFrame> frame{};
  frame.fill(kCode);
  return frame;
}
constexpr auto kSilentUlaw = frame_of<0xFF>();
constexpr auto kSilentAlaw = frame_of<0xD5>();
constexpr std::string_view kDigits = "0123456789*#ABCD";

}  // namespace

void Mouth::begin(int payload_type, int event_type, Random& random) {
  payload_type_ = payload_type;
  event_type_ = event_type;
  if (has_begun_) return;
  has_begun_ = true;
  sequence_ = static_cast<std::uint16_t>(random.u32());
  time_ = random.u32();
  ssrc_ = random.u32();
}

void Mouth::say(const std::vector<Piece>& pieces, SoundPtr background) {
  pieces_ = pieces;
  background_ = std::move(background);
  at_ = offset_ = background_at_ = 0;
}

bool Mouth::press(char digit) {
  if (event_type_ < 0 || kDigits.find(digit) == std::string_view::npos) return false;
  digits_ += digit;
  return true;
}

std::span<const std::uint8_t> Mouth::audio() {
  if (at_ == pieces_.size() && is_looped_) at_ = offset_ = 0;
  SoundPtr sound;
  std::size_t from = 0;
  if (at_ < pieces_.size()) {
    const Piece& piece = pieces_[at_];
    sound = piece.sound;
    from = offset_;
    offset_ += kFrame;
    const auto frames = static_cast<std::size_t>(piece.length / 20ms);
    if (offset_ >= frames * kFrame) {
      ++at_;
      offset_ = 0;
    }
  }
  if (!sound && background_) {
    sound = background_;
    from = background_at_;
    background_at_ += kFrame;
    if (background_at_ >= background_->ulaw.size()) background_at_ = 0;
  }
  if (!sound || from + kFrame > sound->ulaw.size()) return payload_type_ == 8 ? kSilentAlaw : kSilentUlaw;
  return std::span(payload_type_ == 8 ? sound->alaw : sound->ulaw).subspan(from, kFrame);
}

RtpOut Mouth::packet(int type, bool marker, std::uint32_t time, std::span<const std::uint8_t> payload) {
  const auto byte = [](std::uint32_t value, int shift) { return static_cast<std::uint8_t>(value >> shift); };
  RtpOut out{.header = {0x80, static_cast<std::uint8_t>(type | (marker ? 0x80 : 0)), byte(sequence_, 8),
                        byte(sequence_, 0), byte(time, 24), byte(time, 16), byte(time, 8), byte(time, 0),
                        byte(ssrc_, 24), byte(ssrc_, 16), byte(ssrc_, 8), byte(ssrc_, 0)},
             .payload = payload};
  ++sequence_;
  return out;
}

// One packet per 20 ms in place of audio; the duration grows, the timestamp stays.
RtpOut Mouth::event() {
  if (event_frame_ == 0) event_time_ = time_;
  const bool is_first = event_frame_ == 0, is_ending = event_frame_ >= kEventFrames - 1;
  const int frames = is_ending ? kEventFrames : event_frame_ + 1;
  const auto duration = static_cast<std::uint16_t>(frames * static_cast<int>(kFrame));
  event_payload_ = {static_cast<std::uint8_t>(kDigits.find(digits_[0])),
                    static_cast<std::uint8_t>((is_ending ? 0x80 : 0) | 10), static_cast<std::uint8_t>(duration >> 8),
                    static_cast<std::uint8_t>(duration)};
  return packet(event_type_, is_first, event_time_, event_payload_);
}

RtpOut Mouth::next() {
  const auto frame = audio();  // what is said goes on underneath
  RtpOut out;
  if (!digits_.empty() && event_frame_ < kEventFrames + kEventEndings - 1) {
    out = event();
    ++event_frame_;
  } else {
    if (!digits_.empty() && ++event_frame_ >= kEventFrames + kEventEndings - 1 + kEventPause) {
      digits_.erase(0, 1);
      event_frame_ = 0;
    }
    out = packet(payload_type_, is_first_, time_, frame);
  }
  is_first_ = false;
  time_ += kFrame;
  return out;
}

}  // namespace carillon::carrier
