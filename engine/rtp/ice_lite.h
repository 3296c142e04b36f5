#pragma once
// ICE as a server with a public address speaks it: a lite agent with one component (RFC 8445 §2.5; RTCP comes by the
// same port). It only answers the peer's checks, and from them knows who may send and where to send. In: STUN
// datagrams with their sender, the time. Out: the reply, and what changed. Runs on the shard that owns the leg.
//
// The gate that this is for: no DTLS, RTP or RTCP is read from a source before one of its checks was verified
// (is_valid), none is sent before one was nominated (selected), and both end 30 s after the last check (RFC 7675).
// STUN's integrity does not cover the sender's address: whoever sees a check pass by can repeat it from his own, and
// divert what we send until the peer's next check. He gets SRTP that he can't read, and DTLS and SRTP of his fail.

#include <array>
#include <optional>
#include <string_view>

#include "engine/base/endpoint.h"
#include "engine/base/fixed_text.h"
#include "engine/base/time.h"
#include "engine/rtp/stun.h"

namespace carillon::rtp {

/// Our name and password of one ICE session (RFC 8445 §5.3: at least 24 and 128 bits of randomness).
struct IceCredentials {
  static constexpr std::size_t kRandomBytes = 24;
  FixedText<8> ufrag;      ///< 48 bits
  FixedText<24> password;  ///< 144 bits

  /// `random` from the operating system: the password is a secret.
  static IceCredentials from(std::span<const std::byte, kRandomBytes> random);
};

/// About 0.7 KB, nothing allocates.
class IceLite {
 public:
  static constexpr std::size_t kSourcesMax = 8;        ///< a further one takes the place of the longest silent
  static constexpr std::size_t kRemoteUfragMax = 256;  ///< RFC 8839 §5.4
  static constexpr std::size_t kReplyMax = 160;        ///< room that a reply needs
  static constexpr Duration kConsent = 30s;            ///< RFC 7675 §5.1
  /// Of two sources nominated within this time the one of higher priority stays: old peers nominate every pair they
  /// try (RFC 8445 §8.1.1). Later on the newest nomination counts.
  static constexpr Duration kNominationSettles = 1s;
  static constexpr int kRefusalsPerSecond = 10;  ///< replies of error to who has no password; the rest is silence

  enum class Event : std::uint8_t {
    kNone,
    kValid,        ///< a new source: what it sends counts from now on
    kSelected,     ///< selected() is new: send there
    kConsentLost,  ///< stop sending; only restart() brings this session back (RFC 7675 §5.1)
  };
  enum class Verdict : std::uint8_t {
    kAnswered,
    kRefused,    ///< with the reply's error: 400, 401, 420, 487
    kMalformed,  ///< not STUN, or damaged
    kNoRequest,  ///< an indication (keep-alive), or a response, which nobody asked for
    kSilent,     ///< refused without a reply: too many, or consent is lost
  };
  struct Outcome {
    Verdict verdict = Verdict::kMalformed;
    Event event = Event::kNone;
    int error = 0;
    ByteView reply{};  ///< in the caller's buffer: send it whence the request came; empty: nothing to send
  };

  /// `remote_ufrag` may be empty while the peer's description is not here: then only our half of a name is checked.
  explicit IceLite(const IceCredentials& local, std::string_view remote_ufrag = {});
  void set_remote_ufrag(std::string_view remote_ufrag) { remote_ufrag_.assign(remote_ufrag); }

  /// One datagram that demux.h calls STUN. About 0.7 µs where it is a check; a wrong password costs 0.45.
  Outcome on_datagram(ByteView wire, const Endpoint& from, TimePoint now, ByteSpan reply);

  /// New credentials, ours and theirs (RFC 8445 §9). What was selected goes on until the peer nominates under the
  /// new ones; until then checks under the old ones are answered too.
  void restart(const IceCredentials& local, std::string_view remote_ufrag);

  /// Whether DTLS, RTP and RTCP from there may be read: once per packet, mostly one comparison.
  bool is_valid(const Endpoint& from, TimePoint now) const;
  /// Where to send, if anywhere.
  std::optional<Endpoint> selected() const;

  /// When on_deadline() is due: the selected source's consent ends. TimePoint::max(): nothing to wait for.
  TimePoint deadline() const;
  Event on_deadline(TimePoint now);

 private:
  struct Session {
    FixedText<8> ufrag;
    StunKey key;
  };
  struct Source {
    Endpoint endpoint;
    TimePoint checked{}, nominated{};
    std::uint32_t priority = 0;
  };
  static constexpr std::uint8_t kNobody = 0xFF;

  const Session* session_of(std::string_view username) const;
  Outcome refuse(const StunMessage& request, int code, const StunKey* key, TimePoint now, ByteSpan reply);
  bool may_refuse(TimePoint now);
  Source& source_of(const Endpoint& from, bool& is_new);
  Event note(const StunMessage& request, const Endpoint& from, TimePoint now, bool is_current);

  // what every packet reads
  std::array<Source, kSourcesMax> sources_{};
  std::uint8_t count_ = 0, selected_ = kNobody;
  bool is_lost_ = false;

  bool has_previous_ = false;
  Session current_, previous_;
  FixedText<kRemoteUfragMax> remote_ufrag_;
  TimePoint refusals_since_{};
  int refusals_ = 0;
};

}  // namespace carillon::rtp
