#pragma once
// Evens out arrival times. Encoded packets of any length go in as they come; every 20 ms one frame goes out.

#include <array>
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
  void restart();
  /// One packet. kProbation: its timestamp jumped; it counts only when the next one follows it.
  Taken push(const Packet& packet, Codec codec, TimePoint now);
  /// Silence was announced (comfort noise, digits instead of audio): what is missing from here on is not a loss.
  void quiet() { is_quiet_ = true; }
  /// The next 20 ms; called every 20 ms of the local clock.
  Frame pop(TimePoint now);

  const JitterCounters& counters() const { return counters_; }
  /// Delay that is aimed at now.
  Duration delay() const { return delay_ticks_ * kTick; }
  /// Audio that waits in the buffer.
  Frames waiting() const;

 private:
  static constexpr std::uint32_t kSlots = 15;
  static constexpr std::int32_t kRing = kSlots * kFrameSamples;
  static constexpr std::uint32_t kBuckets = 24;  // of 10 ms lateness
  static constexpr Duration kTick = 125us;

  static std::uint32_t ticks_of(TimePoint now) { return static_cast<std::uint32_t>(now.time_since_epoch() / kTick); }
  void start(const Packet& packet, std::uint32_t arrival);
  bool is_jump(const Packet& packet, std::int32_t transit) const;
  Taken place(const Packet& packet, std::uint32_t arrival);
  void copy(std::int32_t ahead, ByteView payload);
  void note_lateness(std::int32_t transit);
  void choose_delay();
  bool rewind(std::int32_t late, std::int32_t length);
  void shift(std::uint32_t now_ticks);
  void drop_slot();
  void clear_slot(std::uint32_t slot);
  bool is_slot_soft(std::uint32_t slot) const;

  // what every push and pop touches
  bool is_started_ = false;
  bool is_quiet_ = true;
  bool is_fixed_ = false;
  Codec codec_ = Codec::kPcmu;
  std::uint8_t head_ = 0;        // slot that is played next
  std::uint8_t stale_ = kSlots;  // slot handed out by the last pop, to be cleared by the next
  std::uint8_t misses_ = 0;      // pops since the last audio, saturating
  std::uint8_t since_shift_ = 0;
  RtpTime play_;               // time of the first sample in head_
  RtpTime end_;                // one past the newest sample
  std::int32_t base_ = 0;      // least transit (arrival - time) of this and the last window
  std::int32_t base_now_ = 0;  // least transit of the window that runs
  std::uint32_t window_start_ = 0;
  std::int32_t delay_ticks_ = 0, delay_min_ = 0, delay_max_ = 0;
  std::uint16_t gap_samples_ = 0;
  // a packet whose timestamp jumped waits for its successor
  bool has_probation_ = false;
  std::uint16_t probation_sequence_ = 0;
  RtpTime probation_end_;

  JitterCounters counters_;
  std::uint16_t lateness_count_ = 0;
  std::array<std::uint16_t, kBuckets> lateness_{};
  std::array<std::uint8_t, kSlots> filled_{};  // samples present, up to 160
  std::array<std::byte, kRing> ring_;
};

}  // namespace carillon::rtp
