#pragma once
// Digits as named events (RFC 4733): what is heard and what is sent.

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "engine/base/bytes.h"
#include "engine/base/time.h"
#include "engine/rtp/packet.h"

namespace carillon::rtp {

/// RFC 4733 §2.3: event, E bit, volume, duration in ticks.
struct EventPayload {
  std::uint8_t event = 0;
  bool end = false;
  std::uint8_t volume = 0;  ///< -dBm0, 0–63
  std::uint16_t duration = 0;
};
/// Empty when shorter than four bytes.
std::optional<EventPayload> parse_event(ByteView payload);
void write_event(std::span<std::byte, 4> out, const EventPayload& event);

/// 0–15 ↔ "0123456789*#ABCD"; 0 for anything else (flash, modem tones).
char digit_of(std::uint8_t event);
std::optional<std::uint8_t> event_of(char digit);

/// What one packet, or the passing of time, tells about digits. Both may happen at once: the end of one was lost and
/// the next began.
struct DigitNews {
  char ended = 0;
  Duration ended_duration{0};
  char begun = 0;
  bool any() const { return ended != 0 || begun != 0; }
};

/// Reports each event once, however often its packets are repeated, reordered or lost.
class EventReceiver {
 public:
  static constexpr Duration kTimeout = 200ms;  ///< no packet for so long: the key is up, its end was lost

  DigitNews receive(const Packet& packet, TimePoint now);
  /// Call about every 20 ms.
  DigitNews tick(TimePoint now);
  /// The sender is gone: a key that is down is up.
  DigitNews release() { return digit_ != 0 ? finish() : DigitNews{}; }
  bool is_pressed() const { return digit_ != 0; }

 private:
  DigitNews finish();
  DigitNews begin(char digit, const Packet& packet, const EventPayload& event, TimePoint now);
  bool is_repetition(RtpTime time) const;
  bool is_continuation(char digit, const Packet& packet, const EventPayload& event) const;

  char digit_ = 0;  // 0: no key is down
  bool has_last_ = false;
  std::uint16_t segment_ = 0;   // ticks in the running segment
  std::uint32_t segments_ = 0;  // ticks of the segments before it (RFC 4733 §2.5.1.3)
  RtpTime start_, last_;        // of the running segment; of the event finished last
  TimePoint heard_{};
};

/// Sends a queue of digits, one beat of 20 ms at a time: updates while the key is down, three end packets, a pause.
class EventSender {
 public:
  static constexpr std::size_t kQueueMax = 32;

  /// Appends digits; false (and nothing appended) when one is no digit or the queue would overflow. `each` is rounded
  /// up to beats, 40 ms–6 s.
  bool queue(std::string_view digits, Duration each);
  bool is_active() const { return count_ != 0; }
  /// Lets the key up now (its end is still sent) and forgets what waits.
  void stop();

  struct Beat {
    bool sends = false;  ///< false: a pause between digits
    bool marker = false;
    RtpTime time;  ///< of the event's start; the same in all of its packets
    EventPayload event;
  };
  /// The next beat; `now_time` is the RTP time that audio of this beat would carry. Call only while is_active().
  Beat next(RtpTime now_time);

 private:
  static constexpr int kEndBeats = 3;    // RFC 4733 §2.5.1.4: the end is sent three times
  static constexpr int kPauseBeats = 1;  // so a key stays up for 80 ms; receivers want 40 or more
  static constexpr std::uint8_t kVolume = 10;

  struct Waiting {
    std::uint8_t event = 0;
    std::uint16_t beats_down = 0;
  };
  Waiting& front() { return queue_[first_]; }

  std::uint8_t first_ = 0, count_ = 0;  // first: every beat of every leg asks is_active()
  std::uint16_t beats_ = 0;             // done of the event that runs, end packets and pause included
  RtpTime start_;
  std::array<Waiting, kQueueMax> queue_{};
};

}  // namespace carillon::rtp
