#pragma once
// One call as any telephone has it: a dialog, its media, its retransmissions and its line in the books. Phone (answers)
// and Caller (places) add what they do on their own. Every call is stepped once in 20 ms, its beat.

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/endpoint.h"
#include "engine/base/random.h"
#include "engine/base/time.h"
#include "tests/carrier/behaviour.h"
#include "tests/carrier/digest.h"
#include "tests/carrier/ear.h"
#include "tests/carrier/mouth.h"
#include "tests/carrier/sip_text.h"
#include "tests/carrier/sockets.h"
#include "tests/carrier/truth.h"

namespace carillon::carrier {

/// What all calls share; owned by the Carrier.
struct Switchboard {
  Endpoint listen;
  std::uint64_t seed = 1;
  Options options;
  std::optional<Login> require_auth;
  std::set<std::string, std::less<>> agents = {};  ///< users whose phones registered from here
  const Library& library;
  UdpSocket& sip;
  RtpPorts& ports;
  Receiver& receiver;
  TruthWriter& truth;
  Random random;
};

/// Sends again with doubling gaps until stopped (RFC 3261 §17.1.1.2, §13.3.1.4).
class Resend {
 public:
  void start(std::string text, const Endpoint& to, Duration gap_max, TimePoint now, UdpSocket& socket);
  void stop() { is_on_ = false; }
  bool is_on() const { return is_on_; }
  /// True once 64·T1 have passed without stop().
  bool step(TimePoint now, UdpSocket& socket);

 private:
  std::string text_;
  Endpoint to_;
  Duration gap_{0}, gap_max_{0};
  TimePoint next_{}, last_{};
  bool is_on_ = false;
};

/// The response that RFC 3261 §8.2.6 asks for; `to_tag` may be empty.
SipMessage response_to(const SipMessage& request, int status, std::string_view reason, std::string_view to_tag,
                       const Endpoint& source);
/// Where responses to this request go (RFC 3261 §18.2.2, RFC 3581).
Endpoint response_address(const SipMessage& request, const Endpoint& source);

class Call {
 public:
  explicit Call(Switchboard& board);
  virtual ~Call() = default;
  virtual void on_request(const SipMessage& request, const Endpoint& source, TimePoint now);
  virtual void on_response(const SipMessage& response, TimePoint now) = 0;
  /// Once per 20 ms.
  virtual void step(TimePoint now) = 0;
  /// Ends it from our side, whatever its state; the carrier is closing.
  virtual void close(TimePoint now) = 0;
  /// Closes the books of a call that could not be ended in time.
  void abandon(TimePoint now) { finish("carrier", now); }
  /// Its books are closed; it lingers to answer retransmissions.
  bool is_finished() const { return finished_at_ != TimePoint{}; }
  /// May be removed.
  bool is_gone(TimePoint now) const { return is_finished() && now - finished_at_ > 2s; }
  const std::string& call_id() const { return call_id_; }

 protected:
  /// Takes the peer's description: opens the port at the first one. False: no codec in common, or no port left.
  bool accept(const Media& offer, TimePoint now);
  /// Opens the port and describes both codecs, for an offer of ours.
  bool offer_media(TimePoint now);
  std::string own_sdp();
  void listen();  ///< takes the RTP that has arrived
  /// listen(), then says the next 20 ms.
  void run_media();
  void respond(const SipMessage& request, int status, std::string_view reason, const Endpoint& source);
  std::string request_text(std::string_view method, std::uint32_t cseq, std::string body = {});
  Endpoint request_address() const;
  void answer_reinvite(const SipMessage& request, const Endpoint& source, TimePoint now);
  void hang_up(TimePoint now);  ///< BYE
  /// Closes the books.
  void finish(std::string_view ended_by, TimePoint now);
  std::string contact() const;
  std::string new_token();

  Switchboard& board_;
  CallTruth truth_;
  // dialog
  std::string call_id_, local_tag_, local_, remote_, target_;  // local_, remote_: From or To values with tags
  std::vector<std::string> routes_;
  std::uint32_t local_cseq_ = 0;
  Endpoint peer_;
  bool is_up_ = false, is_hanging_up_ = false;
  TimePoint answered_at_{};
  Resend resend_, bye_;
  // media
  UdpSocket rtp_, rtcp_;
  Media own_;
  Endpoint remote_rtp_;
  bool may_send_ = false, has_description_ = false;
  Ear ear_;
  Mouth mouth_;

 private:
  TimePoint finished_at_{};
  std::uint64_t session_ = 0;
  std::uint32_t version_ = 0;
};

}  // namespace carillon::carrier
