#pragma once
// Evens out arrival times. Encoded packets of any length go in as they come; every 20 ms one frame goes out.

#include <array>
#include <cstddef>
#include <cstdint>

#include "engine/base/bytes.h"
#include "engine/base/time.h"
#include "engine/base/units.h"
#include "engine/rtp/packet.h"

namespace carillon::rtp {

/// G.711 only for now: one byte per sample, one sample per tick of the RTP clock, so the buffer can cut anywhere.
enum class Codec : std::uint8_t { kPcmu, kPcma };

inline constexpr std::size_t kPayloadMax = 480;  ///< 60 ms of G.711

/// What a leg plays, records and listens to for 20 ms.
struct Frame {
  enum class Kind : std::uint8_t {
    kAudio,    ///< `payload` has 160 bytes in `codec`; gaps inside are filled with the codec's silence
    kConceal,  ///< lost or late: repeat and fade the frame before
    kSilence,  ///< nothing is expected: silence suppression, digits, hold, a dead line
  };
  Kind kind = Kind::kSilence;
  Codec codec = Codec::kPcmu;
  ByteView payload;  ///< stays valid until the next pop() of the same buffer, whatever is pushed before
};

struct JitterConfig {
  Duration delay_min = 20ms;   ///< kept even on a perfect line
  Duration delay_max = 200ms;  ///< a worse line loses frames instead of growing delay; equal to delay_min: fixed
};

struct JitterCounters {
  std::uint32_t late = 0;        ///< packets that came after their time had been played
  std::uint32_t overflow = 0;    ///< packets that lay too far ahead, and frames thrown away to make room
  std::uint32_t concealed = 0;   ///< frames
  std::uint32_t shifted_ms = 0;  ///< audio left out or stretched to follow the delay
  std::uint16_t restarts = 0;    ///< timestamp jumps and new sources
};

/// A ring of fifteen 20 ms frames addressed by RTP time, so reordering, repacketing and odd packet lengths need no
/// sorting. The playing position moves with the local clock; packets that hold still (transit time constant) are
/// played `delay` after they came. The delay follows a histogram of the last seconds' lateness, so that about 1 % may
/// come late, and changes only where it can't be heard much: in gaps and quiet frames first.
///
/// Duplicates must have been dropped before (Reception does it). Cost: no allocation; one copy of the payload.
class JitterBuffer {
 public:
  enum class Taken : std::uint8_t { kTaken, kLate, kTooLong, kTooFar, kProbation };

  explicit JitterBuffer(const JitterConfig& config = {});

  /// Forgets all audio; the next packet starts afresh (new SSRC, re-INVITE).
  void restart() { is_started_ = false; }
  /// One packet. kProbation: its timestamp jumped; it counts only when the next one follows it.
  Taken push(const Packet& packet, Codec codec, TimePoint now);
  /// Silence was announced (comfort noise, digits instead of audio): what is missing from here on is not a loss.
  void quiet() { is_quiet_ = true; }
  /// The next 20 ms; called every 20 ms of the local clock.
  Frame pop(TimePoint now);

  /// Fetches what push() and pop() touch into the cache, the sound apart; or the sound that pop() hands out next and
  /// the place of what it handed out last.
  void prefetch() const { carillon::prefetch(this, offsetof(JitterBuffer, ring_)); }
  void prefetch_frame() const {
    carillon::prefetch(ring_.data() + std::size_t{head_} * kFrameSamples, kFrameSamples);
    if (lent_ != kSlots) carillon::prefetch(ring_.data() + std::size_t{lent_} * kFrameSamples, kFrameSamples);
  }

  const JitterCounters& counters() const { return counters_; }
  /// Delay that is aimed at now.
  Duration delay() const { return delay_ * kTick; }
  /// Audio that waits in the buffer.
  Frames waiting() const;

 private:
  static constexpr std::uint8_t kSlots = 15;
  static constexpr std::int32_t kRing = kSlots * kFrameSamples;
  static constexpr std::size_t kBuckets = 24;  // of 10 ms lateness
  static constexpr Duration kTick = 125us;     // of the 8 kHz clock

  void start(const Packet& packet, Codec codec, std::uint32_t arrival);
  bool is_jump(std::uint32_t transit) const;
  Taken leap(const Packet& packet, Codec codec, std::uint32_t arrival);
  void note_transit(std::uint32_t transit, std::uint32_t arrival);
  std::int32_t chosen_delay() const;
  Taken place(const Packet& packet, std::uint32_t transit);
  std::int32_t room() const;
  bool make_room(std::int32_t end);
  bool rewind(std::int32_t late, std::uint32_t transit);
  void copy(std::int32_t ahead, ByteView payload);

  std::int32_t lag(TimePoint now) const;
  void shrink(std::int32_t& lag);
  bool stretches(std::int32_t lag) const;
  Frame missing();
  void skip(std::int32_t frames);
  void step(std::int32_t frames);
  void clear(std::uint8_t slot);
  bool is_soft(std::uint8_t slot) const;
  std::byte silence() const { return codec_ == Codec::kPcmu ? std::byte{0xFF} : std::byte{0xD5}; }

  // what every push and pop touches
  bool is_started_ = false;
  bool is_playing_ = false;  // the first frame since the start has come to its time
  bool is_quiet_ = true;
  bool is_fixed_ = false;
  Codec codec_ = Codec::kPcmu;
  std::uint8_t head_ = 0;       // slot that is played next
  std::uint8_t lent_ = kSlots;  // slot that the last pop handed out; kSlots: none
  std::uint8_t misses_ = 0;     // pops since the last audio, saturating
  std::uint8_t late_run_ = 0;   // late packets in a row
  std::uint8_t since_shift_ = 0;
  std::uint16_t gap_ = 0;  // ticks before play_ that were not played, saturating
  RtpTime play_;           // time of the first sample in head_
  RtpTime end_;            // one past the newest sample
  // transit is arrival minus time, in ticks modulo 2^32: only distances have meaning
  std::uint32_t base_ = 0;      // the least of this window and the last
  std::uint32_t base_now_ = 0;  // the least of the window that runs
  std::uint32_t window_start_ = 0;
  std::int32_t delay_ = 0, delay_min_ = 0, delay_max_ = 0;
  // a packet whose timestamp jumped waits for its successor
  bool has_probation_ = false;
  std::uint16_t probation_sequence_ = 0;
  RtpTime probation_time_;

  JitterCounters counters_;
  std::uint16_t lateness_count_ = 0;
  std::array<std::uint16_t, kBuckets> lateness_{};
  std::array<std::uint8_t, kSlots> filled_{};  // samples present, up to 160
  std::array<std::byte, kRing> ring_;
};

}  // namespace carillon::rtp
