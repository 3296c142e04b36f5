#pragma once
// What a UserAgent tells its owner.

#include <cstdint>
#include <string_view>

#include "engine/base/endpoint.h"
#include "engine/base/pool.h"
#include "engine/base/time.h"

namespace carillon::sip {

class Message;

/// A call starts with a successful invite() or with kIncoming, and ends with exactly one kGone, after which its handle
/// names nothing. Before kGone comes exactly one event that says how it ended: kFailed, kCancelled or kBye; or nothing
/// when the owner itself ended it by reject() or bye().
///
///   out  invite() ─► kProvisional* ─► kAnswered ─► … ─► kBye ─► kGone        (or bye() ─► kGone)
///                └─────────────────► kFailed ─► kGone
///   in   kIncoming ─► accept() ─► kAcked ─► … ─► kBye ─► kGone               (or bye() ─► kGone)
///            ├─► kCancelled ─► kGone
///            └─► reject() ─► kGone
enum class EventKind : std::uint8_t {
  kIncoming,     ///< a new INVITE; empty `body`: a late offer, our accept() carries the offer and kAcked the answer
  kCancelled,    ///< the caller took its INVITE back; 487 is already sent
  kProvisional,  ///< `status` 101-199; with a body: early media; `early_dialog` tells forks apart
  kAnswered,     ///< 2xx. Already ACKed, unless invite() had no SDP: then `needs_ack`, call ack_with()
  kFailed,       ///< final `status` 300-699; `local`: no such response came (408 nobody answered, 487 cancelled)
  kAcked,        ///< the ACK for accept(); its body answers a late offer
  kReinvite,     ///< answer by accept_reinvite() or refuse_reinvite(); empty body: late offer
  kReinviteAnswered,  ///< 2xx to our reinvite(), `body` is the answer; already ACKed
  kReinviteRefused,   ///< `status`; the session goes on as it was (491: try again after a random wait)
  kBye,               ///< the peer hung up (q850 if it said why). `local`: we gave up on it: no ACK came, the dialog is
                      ///< dead (481 or 408 in answer to a request of ours); `status` says which
  kInfo,              ///< INFO in the dialog, already answered 200: `content_type`, `body` (application/dtmf-relay)
  kGone,              ///< last event of the call
  kRegistration,      ///< a Contact of a phone came, was refreshed or went (`expires` 0; empty `contact`: all of them):
                      ///< `endpoint`, `contact`, `source`, `q`, `user_agent`, `is_registered`: by this or another one.
                      ///< Give it to the other shards by apply_binding()
  kTrunk              ///< `trunk` changed: `is_reachable`, `is_registered`, `status`, `reason`
};

/// All views live until clear_events(). Fields that do not belong to the kind are empty.
struct Event {
  EventKind kind = EventKind::kGone;
  Handle call;
  std::uint64_t user = 0;  ///< the owner's token of the call
  int status = 0;
  std::string_view reason;
  bool local = false;
  bool needs_ack = false;
  std::uint32_t early_dialog = 0;  ///< number of the fork, 0 for the first To-tag; kProvisional, kAnswered
  int q850 = 0;                    ///< from Reason, 0: none (RFC 3326)
  std::string_view q850_text;
  Duration retry_after{0};   ///< from Retry-After, 0: none
  std::string_view contact;  ///< kFailed 3xx: the first Contact's URI; kRegistration: the phone's
  std::string_view content_type, body;

  // kIncoming
  std::string_view call_id, from_user, from_name, to_user, request_user;
  std::string_view asserted_user;  ///< user part of P-Asserted-Identity (RFC 3325); believe it from trunks only
  std::string_view trunk;          ///< id, when it came from one of its gateways
  std::string_view endpoint;       ///< id, when it came with a phone's valid digest; exactly one of both is set
  Endpoint source;

  // kRegistration, kTrunk
  Duration expires{0};
  std::uint16_t q = 1000;  ///< of the Contact, thousandths
  std::string_view user_agent;
  bool is_reachable = false, is_registered = false;

  /// The message behind the event, or null (kGone, kTrunk, everything `local`).
  const Message* message = nullptr;
  /// Value of the first header of that name, case-insensitive ("X-Campaign"); empty when there is none.
  std::string_view header(std::string_view name) const;
};

}  // namespace carillon::sip
