#pragma once
// One party of a call: its SIP dialog and its media, with all that the engine must remember of it. Data only; Calls
// acts on it. A leg lives its whole life on one shard.

#include <array>
#include <cstdint>
#include <optional>

#include "engine/base/pool.h"
#include "engine/base/time.h"
#include "engine/call/across.h"
#include "engine/call/command.h"
#include "engine/call/event.h"
#include "engine/call/gatherer.h"
#include "engine/call/media_wheel.h"
#include "engine/call/plan_machine.h"
#include "engine/call/player.h"
#include "engine/call/seams.h"
#include "engine/call/trunk_limits.h"
#include "engine/rtp/stream.h"
#include "engine/sdp/offer_answer.h"
#include "engine/sip/config.h"
#include "media/detect/detector.h"
#include "media/tone/detector.h"
#include "media/tone/generator.h"

namespace carillon::call {

/// How a leg is to end, kept while a CANCEL is under way.
struct Ending {
  Ending() = default;
  Ending(EndedBy by, std::uint8_t cause, std::uint16_t status, std::string_view why)
      : by(by), cause(cause), status(status), why(why) {}
  EndedBy by = EndedBy::kNobody;
  std::uint8_t cause = 0;
  std::uint16_t status = 0;  ///< SIP; 0: keep what was seen
  FixedText<96> why;
};

/// How an outgoing leg gets to its peer: candidates in order, each with its gateways.
struct Route {
  std::size_t candidate = 0, gateway = 0;
  std::uint8_t redirects = 0;
  bool has_response = false;      ///< this try was answered at all
  bool was_slowed = false;        ///< a candidate had no token this second: worth waiting for
  TrunkLimits* limits = nullptr;  ///< the channel that this leg holds
  FixedText<96> refused_because;  ///< the last reason for which a candidate was left out
  std::array<std::size_t, sip::kContactsMax> contacts_tried{};  ///< of a phone, hashed
  std::uint8_t contacts_tried_count = 0;
};

/// What SDP agreed.
struct SessionState {
  sdp::Local local;
  sdp::LocalOrigin origin;
  sdp::Agreed agreed;
  bool has_offered = false;  ///< our description is out and the peer's answer is to come
  bool is_held_by_us = false;
  std::optional<bool> hold_wanted;  ///< a re-INVITE of ours is under way, or waits for its turn
  sdp::Text answer;                 ///< to an INVITE that we have not answered yet
};

/// The next time at which something must happen to a leg by itself; TimePoint::max(): never.
struct Deadlines {
  TimePoint ring = TimePoint::max();     ///< CANCEL
  TimePoint decide = TimePoint::max();   ///< an incoming call that control has not decided on
  TimePoint respond = TimePoint::max();  ///< a candidate that has not said a word
  TimePoint token = TimePoint::max();    ///< try the candidates again
  TimePoint tokens_end = TimePoint::max();
  TimePoint cancel = TimePoint::max();    ///< no end came to our CANCEL
  TimePoint life = TimePoint::max();      ///< call_time_max
  TimePoint media = TimePoint::max();     ///< look whether the peer still sends
  TimePoint reinvite = TimePoint::max();  ///< 491: again
  TimePoint linger = TimePoint::max();    ///< the plan hangs up once the peer has played our last frame
};

/// Who asked for what is being played: whose play is over decides who is told.
enum class PlayOwner : std::uint8_t { kNobody, kPlan, kCommand, kEarly };

/// Ordered by how often it is touched: what every packet and every beat of a leg that plays or is only counted needs
/// lies first (kHotBytes), then the stream, whose own order is the same; the rest is touched when something happens.
struct Leg {
  explicit Leg(Random& random) : stream(random) {}

  // ---- every packet and every beat
  bool is_ended = false;
  bool is_agreed = false;      ///< SDP agreed: `stream` is configured and `session.agreed` says how
  bool hears = false;          ///< media flows: the leg is on the wheel
  bool listens = true;         ///< as of the last beat, somebody wants the peer's audio; else it is counted, not kept
  bool is_detecting = false;   ///< `detector` lives
  bool hears_digits = false;   ///< `digits` lives: in-band digits are listened for
  bool sings_digits = false;   ///< `digit_tone` or `digits_to_send` has something
  bool has_heard = false;      ///< `heard` was there at the last beat
  std::uint8_t concealed = 0;  ///< frames in a row
  char pressed = 0;            ///< the key that is down (RFC 4733)
  media::Codec heard_codec = media::Codec::kPcmu;
  PlayOwner play_owner = PlayOwner::kNobody;
  bool has_pair = false;
  bool expects_one = false;  ///< the pair's owner was told whom we listen to
  MediaWheel::Place place;
  Handle self;
  Handle partner;  ///< bridged with, on this shard
  Handle recording;
  Player player;
  MediaPair pair;
  LegId id;
  AcrossEnd across;  ///< bridged with a leg of another shard, or about to be; its state comes first
  rtp::Stream stream;
  std::array<std::byte, kFrameSamples> heard;  ///< the last frame from the peer, in `heard_codec`

  // ---- when it speaks, ends, changes
  LegState cdr;  ///< its phase comes first

  // signalling
  Handle dialog;  ///< the UserAgent's; empty when there is none (any more)
  Route route;
  bool is_cancelling = false;
  Ending ending;
  SessionState session;

  // commands that must stay as long as the leg uses what is in them
  Command* originate = nullptr;
  Command* answer = nullptr;
  Command* play = nullptr;
  const Plan* plan = nullptr;
  bool answer_waits = false;  ///< late offer: answered, the ACK with the peer's description is to come

  // media
  bool is_behind_nat = false;

  // what is played, heard, written
  PlanMachine machine;
  Gatherer gatherer;                    ///< of the Gather command
  TimePoint played_out{};               ///< when the last play ran to its end
  const media::Prompt* tone = nullptr;  ///< the one-prompt list of a tone
  std::optional<media::Detector> detector;
  std::optional<media::DigitDetector> digits;
  std::optional<media::ToneGenerator> digit_tone;  ///< a digit that is sent in band
  FixedText<64> digits_to_send;                    ///< in band, behind it
  std::uint8_t digits_sent = 0;

  Deadlines at;
  Handle timer;
  TimePoint timer_at = TimePoint::max();

  void start_detecting(const media::DetectConfig& config) {
    detector.emplace(config);
    is_detecting = true;
  }
  void stop_detecting() {
    detector.reset();
    is_detecting = false;
  }
  void start_hearing_digits() {
    digits.emplace();
    hears_digits = true;
  }
  /// Does anybody want what the peer says?
  bool is_listened_to() const { return is_detecting || hears_digits || partner || recording || across.is_joined(); }
  bool is_answered() const { return cdr.phase == LegPhase::kAnswered; }
  bool is_bridged() const { return partner || across.is_joined(); }
};

}  // namespace carillon::call
