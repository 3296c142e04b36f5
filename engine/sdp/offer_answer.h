#pragma once
// Offer and answer for one audio stream (RFC 3264). The leg says what it has (Local), gives the peer's description and
// gets what both agreed, seen from our side, and the text to send. Pure functions; nothing a peer writes reaches a
// CHECK.

#include <array>
#include <chrono>
#include <cstdint>
#include <string_view>

#include "engine/base/endpoint.h"
#include "engine/base/fixed_text.h"
#include "engine/base/result.h"
#include "engine/sdp/session.h"

namespace carillon::sdp {

enum class Codec : std::uint8_t { kPcmu, kPcma };
std::string_view name(Codec codec);  ///< "PCMU", "PCMA"

/// As seen by us.
enum class Direction : std::uint8_t { kInactive, kSendOnly, kRecvOnly, kSendRecv };
constexpr bool sends(Direction direction) { return static_cast<int>(direction) & 1; }
constexpr bool receives(Direction direction) { return static_cast<int>(direction) & 2; }
std::string_view name(Direction direction);  ///< "sendrecv" …

inline constexpr std::uint8_t kNoPayloadType = 0xFF;

/// What we bring. A leg on hold asks kSendOnly (music) or kInactive.
struct Local {
  Endpoint rtp;                                             ///< advertised address and RTP port; RTCP is at port + 1
  std::array<Codec, 2> codecs{Codec::kPcmu, Codec::kPcma};  ///< in order of preference
  std::uint8_t codecs_count = 2;
  bool telephone_event = true;
  std::uint8_t telephone_event_type = 101;  ///< the number we offer; an answer takes the offerer's
  Direction direction = Direction::kSendRecv;
  FixedText<32> user = FixedText<32>("carillon");
};

/// Our o= line through the life of a dialog: start with a random session id below 2^62, keep it beside the dialog and
/// hand it to every make_offer and answer. The version goes up by one only when the description changed.
struct LocalOrigin {
  std::uint64_t session_id = 1;
  std::uint64_t version = 0;  ///< 0: nothing sent yet
  std::uint64_t digest = 0;   ///< of what was last sent
};

struct Agreed {
  Endpoint rtp;                ///< where the peer hears; unspecified or port 0: nowhere (old-style hold)
  Endpoint rtcp;               ///< port 0: none
  Codec codec = Codec::kPcmu;  ///< what we send
  std::uint8_t send_type = 0;
  /// Types that the peer may send, by codec; kNoPayloadType: not agreed.
  std::uint8_t pcmu_type = kNoPayloadType, pcma_type = kNoPayloadType;
  std::uint8_t event_send_type = kNoPayloadType, event_receive_type = kNoPayloadType;
  bool event_takes_letters = true;          ///< fmtp 0-15: digits, * # and A–D
  std::chrono::milliseconds ptime{20};      ///< the peer's wish, 10–60
  std::chrono::milliseconds send_time{20};  ///< length of the packets that we send: 20, or 10 where the peer demands it
  Direction direction = Direction::kSendRecv;
  bool is_held() const { return !sends(direction); }  ///< the peer does not want to hear us
  friend bool operator==(const Agreed&, const Agreed&) = default;
};

enum class Refusal : std::uint8_t {
  kNoAudio,        ///< no audio line with a port that we can use: 488
  kNoCommonCodec,  ///< 488
  kNoAddress,      ///< no usable c= address (a host name, another address family than ours): 488
  kEncrypted,      ///< only a secure profile is offered, which this Local can't speak: 488
  kNotAnAnswer,    ///< accept: media lines do not match our offer, or it names what was not offered
};
std::string_view name(Refusal refusal);

/// A description of ours; it fits whatever the peer offered (the bounds of session.h see to that).
using Text = FixedText<2048>;

/// The offer for a new INVITE, a re-INVITE (hold, resume) or a 2xx to an INVITE without one.
Text make_offer(const Local& local, LocalOrigin& origin);

struct Answer {
  Agreed agreed;
  Text text;
};
/// Takes the first audio line over RTP/AVP (or AVPF without a secure profile) that we can speak, our most preferred
/// codec among those offered; other media lines are rejected with port 0 and keep their place (RFC 3264 §6).
Result<Answer, Refusal> answer(const Session& offer, const Local& local, LocalOrigin& origin);

/// Reads the answer to the offer that make_offer(local) wrote. `local` must be what that offer was made of.
Result<Agreed, Refusal> accept(const Session& answer, const Local& local);

}  // namespace carillon::sdp
