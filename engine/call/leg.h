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
  bool is_agreed = false;
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

struct Leg {
  explicit Leg(Random& random) : stream(random) {}

  Handle self;
  LegId id;
  LegState cdr;
  bool is_ended = false;

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
  bool has_pair = false;
  MediaPair pair;
  bool is_behind_nat = false;
  rtp::Stream stream;
  char pressed = 0;  ///< the key that is down (RFC 4733)
  MediaWheel::Place place;
  bool hears = false;                          ///< media flows: the leg is on the wheel
  bool was_quiet = true;                       ///< nothing was sent at the last beat
  std::array<std::byte, kFrameSamples> heard;  ///< the last frame from the peer, in `heard_codec`
  media::Codec heard_codec = media::Codec::kPcmu;
  bool has_heard = false;      ///< … was there at the last beat
  std::uint8_t concealed = 0;  ///< frames in a row
  Handle partner;              ///< bridged with, on this shard
  AcrossEnd across;            ///< or with a leg of another one, or about to be

  // what is played, heard, written
  PlanMachine machine;
  Gatherer gatherer;  ///< of the Gather command
  Player player;
  PlayOwner play_owner = PlayOwner::kNobody;
  TimePoint played_out{};               ///< when the last play ran to its end
  const media::Prompt* tone = nullptr;  ///< the one-prompt list of a tone
  std::optional<media::Detector> detector;
  std::optional<media::DigitDetector> digits;
  std::optional<media::ToneGenerator> digit_tone;  ///< a digit that is sent in band
  FixedText<64> digits_to_send;                    ///< in band, behind it
  std::uint8_t digits_sent = 0;
  Handle recording;

  Deadlines at;
  Handle timer;
  TimePoint timer_at = TimePoint::max();

  bool is_answered() const { return cdr.phase == LegPhase::kAnswered; }
  bool is_bridged() const { return partner || across.is_joined(); }
};

}  // namespace carillon::call
