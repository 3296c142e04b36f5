#pragma once
// A bridge whose legs live on different shards: what crosses between the two, and what a leg keeps of its partner.
// Both shards run the same rules; nothing is shared but the ring that carries these messages.

#include <array>
#include <cstdint>
#include <type_traits>

#include "engine/base/bytes.h"
#include "engine/base/time.h"
#include "engine/base/units.h"
#include "media/codec/g711.h"

namespace carillon::call {

struct Command;

/// Makes Bridge and Originate find the partner's shard by its id (shard_of).
inline constexpr std::uint32_t kShardById = 0xFFFF'FFFF;

/// One message from a leg to the leg it is bridged with, or wants to be.
///
///   asker ── kAsk ──► asked        ◄── kTaken or kRefused
///         ◄── kFrame, kDigit ──►   each beat of either leg
///         ── kPart or kLost ──►    from either side
///
/// Messages of one pair of shards stay in order. A lost one heals: a frame says that the bridge was taken, and a frame
/// that finds no bridge is answered with kPart. Only a lost kAsk or kRefused costs the asker its time-out.
struct Crossing {
  enum class Kind : std::uint8_t {
    kAsk,
    kTaken,
    kRefused,
    kPart,  ///< the bridge is over, the sender lives on
    kLost,  ///< the bridge is over, the sender has ended
    kFrame,
    kDigit
  };
  enum class Refusal : std::uint8_t { kNone, kGone, kNotAnswered, kBusy };

  Kind kind = Kind::kFrame;
  Refusal refusal = Refusal::kNone;
  bool has_audio = false;  ///< kFrame: else the peer was silent for this beat
  media::Codec codec = media::Codec::kPcmu;
  char digit = 0;
  std::uint32_t shard = 0;   ///< the sender's
  std::uint64_t bridge = 0;  ///< named by who asked: messages of an earlier bridge of the same legs are told apart
  LegId from, to;
  Duration duration{0};  ///< kDigit
  TimePoint at{};        ///< kFrame: when it was taken from the jitter buffer. kAsk, kTaken: a beat of the sender's leg
  std::array<std::byte, kFrameSamples> frame{};
};
static_assert(std::is_trivially_copyable_v<Crossing>);

/// The error that control reads.
constexpr const char* text(Crossing::Refusal refusal) {
  switch (refusal) {
    case Crossing::Refusal::kNone:
      break;
    case Crossing::Refusal::kGone:
      return "bridge: the other leg does not exist";
    case Crossing::Refusal::kNotAnswered:
      return "bridge: both legs must be answered";
    case Crossing::Refusal::kBusy:
      return "bridge: a leg is bridged already";
  }
  return "";
}

/// Frames of the partner between its beat and ours. Both follow the same clock, so one frame is here at each beat of
/// ours unless a shard was late: then the last one is repeated, twice at most. What a late shard brings in a burst
/// makes the delay longer at first; after two seconds of it a frame is left out, until none waits longer than a beat.
///
/// full  the oldest of kDepth goes
class PartnerFrames {
 public:
  static constexpr std::size_t kDepth = 3;
  static constexpr Duration kAgeMax = 100ms;  ///< an older one is not played
  static constexpr int kPatience = 100;       ///< beats with a frame too many
  static constexpr int kRepeatsMax = 2;

  struct Frame {
    bool has_audio = false;
    media::Codec codec = media::Codec::kPcmu;
    TimePoint at{};
    std::array<std::byte, kFrameSamples> bytes;
  };

  void put(const Crossing& from) {
    if (count_ == kDepth) drop();
    Frame& to = frames_[(first_ + count_++) % kSlots];
    to.has_audio = from.has_audio;
    to.codec = from.codec;
    to.at = from.at;
    if (from.has_audio) to.bytes = from.frame;
  }
  /// Once per beat; current() changes with it.
  void beat(TimePoint now) {
    while (count_ > 0 && now - frames_[first_].at > kAgeMax) drop();
    surplus_ = count_ > 1 ? surplus_ + 1 : 0;
    if (surplus_ >= kPatience) {
      drop();
      surplus_ = 0;
    }
    if (count_ == 0) {
      if (has_current_ && ++repeats_ > kRepeatsMax) has_current_ = false;
      ++missed_;
      return;
    }
    current_ = first_;
    has_current_ = true;
    repeats_ = 0;
    first_ = (first_ + 1) % kSlots;
    --count_;
  }
  /// What the partner says now; null: it is silent. Valid until the next put() or beat().
  const Frame* current() const { return has_current_ && frames_[current_].has_audio ? &frames_[current_] : nullptr; }

  std::uint32_t dropped() const { return dropped_; }
  std::uint32_t missed() const { return missed_; }  ///< beats for which no frame was there
  std::size_t waiting() const { return count_; }

 private:
  static constexpr std::size_t kSlots = kDepth + 1;  // the current one keeps its place
  void drop() {
    first_ = (first_ + 1) % kSlots;
    --count_;
    ++dropped_;
  }

  std::array<Frame, kSlots> frames_;
  std::size_t first_ = 0, count_ = 0, current_ = 0;
  int surplus_ = 0, repeats_ = 0;
  bool has_current_ = false;
  std::uint32_t dropped_ = 0, missed_ = 0;
};

/// A leg's end of such a bridge.
struct AcrossEnd {
  enum class State : std::uint8_t { kNone, kAsked, kJoined };

  State state = State::kNone;
  bool is_owner = false;  ///< this side asked: it counts the bridge
  LegId other;
  std::uint32_t shard = 0;     ///< the partner's
  std::uint64_t bridge = 0;    ///< its name
  std::uint64_t alias = 0;     ///< both asked at once: the name that was not kept
  Command* command = nullptr;  ///< the Bridge command that is not answered yet
  TimePoint ask_ends = TimePoint::max();
  PartnerFrames frames;

  bool is_free() const { return state == State::kNone; }
  bool is_joined() const { return state == State::kJoined; }
  bool is_named(std::uint64_t name) const { return !is_free() && (name == bridge || name == alias); }
};

/// The way to the other shards.
///
/// full  frames are dropped and counted; the other messages wait in order for a step with room, a bounded number of
///       them, and are dropped and counted beyond
class CrossingPort {
 public:
  virtual ~CrossingPort() = default;
  virtual void send(std::uint32_t shard, const Crossing& message) = 0;
};

}  // namespace carillon::call
