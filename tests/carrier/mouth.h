#pragma once
// What a phone says: pieces of pre-encoded sound in 20 ms frames, silences, and pressed digits (RFC 4733).

#include <array>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <vector>

#include "tests/carrier/behaviour.h"
#include "tests/carrier/sound.h"

namespace carillon::carrier {

/// One RTP packet ready to leave: header, and a payload that lives as long as the Mouth.
struct RtpOut {
  std::array<std::uint8_t, 12> header;
  std::span<const std::uint8_t> payload;
};

class Mouth {
 public:
  /// `payload_type` 0 or 8; `event_type` of telephone-event, -1: the peer has none.
  void begin(int payload_type, int event_type, Random& random);
  /// Replaces what is left to say.
  void say(const std::vector<Piece>& pieces, SoundPtr background);
  /// Says the pieces over and over.
  void loop(bool on) { is_looped_ = on; }
  /// Presses a digit for 120 ms at the next frame; false without telephone-event.
  bool press(char digit);
  /// The next 20 ms.
  RtpOut next();
  bool has_begun() const { return has_begun_; }
  bool is_done() const { return at_ >= pieces_.size(); }  ///< everything said

 private:
  std::span<const std::uint8_t> audio();
  RtpOut packet(int type, bool marker, std::uint32_t time, std::span<const std::uint8_t> payload);
  RtpOut event();

  std::vector<Piece> pieces_;
  SoundPtr background_;
  std::size_t at_ = 0, offset_ = 0, background_at_ = 0;  // piece; bytes into it; bytes into the background
  std::string digits_;                                   // still to press
  int event_frame_ = 0;
  std::uint32_t event_time_ = 0;
  std::array<std::uint8_t, 4> event_payload_{};
  int payload_type_ = 0, event_type_ = -1;
  std::uint16_t sequence_ = 0;
  std::uint32_t time_ = 0, ssrc_ = 0;
  bool has_begun_ = false, is_first_ = true, is_looped_ = false;
};

}  // namespace carillon::carrier
