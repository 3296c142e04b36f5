#pragma once
// Whose packets a leg listens to. Wrong answers here are RTP bleed (a stranger hears our caller) and injection.

#include <cstdint>

#include "engine/base/endpoint.h"
#include "engine/base/time.h"

namespace carillon::rtp {

/// The source rule:
///  - Only the endpoint that SDP names may send, unless the peer is marked as behind NAT.
///  - Behind NAT the source is learned from the first packets, for 250 ms or 5 packets, and the SDP endpoint wins over
///    its address with another port, which wins over any other.
///  - Then source and SSRC are locked. They may change only after configure() (re-INVITE, ICE restart) or when the
///    locked source was silent for 2 s, and then only for a packet from the same address.
/// Under SRTP judge() is called after the packet's tag has been verified.
class Source {
 public:
  static constexpr Duration kLearnTime = 250ms;
  static constexpr int kLearnPackets = 5;
  static constexpr Duration kSilence = 2s;

  enum class Verdict : std::uint8_t {
    kSame,     ///< from the source we listen to
    kChanged,  ///< accepted, and it is a new source or SSRC: what was known of the old one is void
    kForeign,  ///< drop and count
  };

  /// A new agreement. Where address, port and NAT mark are the same the lock stays, but within the next 2 s port or
  /// SSRC may change once (the 2xx after early media comes from another machine). An unspecified address is old-style
  /// hold: nobody new can start.
  void configure(const Endpoint& sdp, bool behind_nat, TimePoint now);
  Verdict judge(const Endpoint& from, std::uint32_t ssrc, TimePoint now);
  /// RTCP: from where SDP says, or, behind NAT, from the address that sends us RTP.
  bool takes_rtcp(const Endpoint& from, const Endpoint& sdp_rtcp) const;

  /// Where to send: the SDP endpoint, or what was learned behind NAT.
  const Endpoint& destination() const { return is_learned_ ? source_ : sdp_; }
  std::uint32_t ssrc() const { return ssrc_; }
  bool has_source() const { return state_ != State::kWaiting; }
  /// Only packets from destination() count, until it is silent or the agreement changes.
  bool is_locked() const { return state_ == State::kLocked; }

 private:
  enum class State : std::uint8_t { kWaiting, kLearning, kLocked };

  int preference(const Endpoint& from) const;
  bool may_start(const Endpoint& from) const;
  Verdict take(const Endpoint& from, std::uint32_t ssrc, TimePoint now);
  Verdict learn(const Endpoint& from, std::uint32_t ssrc, TimePoint now);

  Endpoint sdp_, source_;
  State state_ = State::kWaiting;
  bool behind_nat_ = false;
  bool is_learned_ = false;   // source_ is another endpoint than SDP's
  std::uint8_t packets_ = 0;  // accepted while learning
  std::uint32_t ssrc_ = 0;
  TimePoint first_{}, last_{}, changes_until_{};
};

}  // namespace carillon::rtp
