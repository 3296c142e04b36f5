#pragma once
// The SIP side of one shard. In: datagrams, the time, and what the owner wants. Out: datagrams and events, which the
// owner fetches and clears. No socket, no clock, no thread, no callback; no allocation after start but in put_*().
// Open this file and event.h to use the room; agent.h to work on it.

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "engine/base/bytes.h"
#include "engine/base/endpoint.h"
#include "engine/base/pool.h"
#include "engine/base/random.h"
#include "engine/base/result.h"
#include "engine/base/time.h"
#include "engine/sip/config.h"
#include "engine/sip/event.h"

namespace carillon::sip {

/// One UDP payload to send; `data` lives until clear_outbox().
struct Datagram {
  Endpoint to;
  ByteView data;
};

/// Why the agent did not do what its owner asked.
enum class Refusal : std::uint8_t {
  kNoSuchCall,  ///< the handle names nothing (any more)
  kWrongState,  ///< e.g. accept() of a call that was cancelled, reinvite() before the answer
  kPending,     ///< another INVITE is under way in this dialog (RFC 3261 §14.1)
  kFull,        ///< no dialog or transaction is free
  kTooLong,     ///< a field or the message passes its bound
  kBadTarget,   ///< request URI, header name or value that cannot stand in a message
  kNoSuchTrunk
};
const char* name_of(Refusal refusal);

struct HeaderField {
  std::string_view name, value;
};

/// An outgoing call. Everything is copied before invite() returns.
struct Invite {
  Endpoint destination;                  ///< where the INVITE goes
  std::string_view request_uri;          ///< "sip:+4930123@carrier.example"; a phone's: Binding::contact
  std::string_view from;                 ///< user part of From
  std::string_view from_name;            ///< display name; empty: none
  std::string_view from_domain;          ///< empty: the trunk's domain, else our advertised address
  std::string_view to;                   ///< user part of To; empty: the request URI is used whole
  std::string_view trunk;                ///< id: its credentials answer 401/407 (never twice), its `advertised` is used
  std::string_view asserted_user;        ///< user part of P-Asserted-Identity, empty: none
  std::span<const HeaderField> headers;  ///< extra ones; CR, LF and names we write ourselves are refused
  std::string_view sdp;                  ///< offer; empty: late offer
  std::uint64_t user = 0;                ///< echoed in every event
};

/// A counter per reason, plain integers; the owner sums them over shards.
struct Counters {
  std::uint64_t received = 0, sent = 0;
  std::uint64_t unparsable = 0;         ///< not SIP, or broken beyond an answer: dropped
  std::uint64_t bad_request = 0;        ///< broken, but answered 400/420/501/505…
  std::uint64_t keep_alive = 0;         ///< CRLF (RFC 5626): dropped
  std::uint64_t too_long = 0;           ///< past 65,535 bytes or a limit of the parser
  std::uint64_t events_full = 0;        ///< owner did not clear: dropped
  std::uint64_t outbox_full = 0;        ///< datagram out dropped
  std::uint64_t retransmission = 0;     ///< request or final response seen before
  std::uint64_t no_transaction = 0;     ///< response that answers nothing of ours, ACK for nothing
  std::uint64_t no_dialog = 0;          ///< 481 sent
  std::uint64_t dialogs_full = 0;       ///< 503 with Retry-After
  std::uint64_t transactions_full = 0;  ///< 503 with Retry-After, or dropped
  std::uint64_t challenged = 0;         ///< 401 sent
  std::uint64_t bad_credentials = 0;    ///< a digest that does not verify (answered 401)
  std::uint64_t foreign_challenge = 0;  ///< 401/407 that we refuse to answer
  std::uint64_t timeouts = 0;           ///< requests of ours without a final response
};

class UserAgent {
 public:
  /// config.fault() must be empty. `random` must outlive the agent.
  UserAgent(const UserAgentConfig& config, Random& random, TimePoint now);
  ~UserAgent();
  UserAgent(const UserAgent&) = delete;
  UserAgent& operator=(const UserAgent&) = delete;

  // ---- in

  /// One UDP payload, untrusted.
  void receive(ByteView datagram, const Endpoint& from, TimePoint now);
  /// Everything that is due, as far as there is room for its events; call again after clearing when deadline() <= now.
  void fire(TimePoint now);
  /// When fire() must be called next, or TimePoint::max(). May be early.
  TimePoint deadline() const;

  // ---- out

  std::span<const Datagram> outbox() const;
  void clear_outbox();
  std::span<const Event> events() const;
  void clear_events();
  const Counters& counters() const;
  std::uint32_t dialogs() const;       ///< calls alive, those that wait for their last BYE included
  std::uint32_t transactions() const;  ///< alive, those that only absorb retransmissions included

  // ---- calls we place

  /// Sends INVITE. Cost: one message written, no allocation.
  Result<Handle, Refusal> invite(const Invite& invite, TimePoint now);
  /// CANCEL as soon as a provisional response allows it; if a 2xx crosses it, ACK and BYE. Ends by kFailed, kGone.
  void cancel(Handle call, TimePoint now);
  /// ACK of a late offer's 2xx (kAnswered with needs_ack), with our answer.
  Result<void, Refusal> ack_with(Handle call, std::string_view sdp, TimePoint now);

  // ---- calls that came in

  /// 180 or 183; with `sdp`: early media.
  Result<void, Refusal> ring(Handle call, int status, std::string_view sdp, TimePoint now);
  /// 200, sent again until the ACK; no ACK after 64*T1: BYE, kBye{local}, kGone.
  Result<void, Refusal> accept(Handle call, std::string_view sdp, TimePoint now);
  /// 300-699. `reason` empty: the standard phrase. `retry_after` 0: none.
  Result<void, Refusal> reject(Handle call, int status, std::string_view reason, Duration retry_after, TimePoint now);

  // ---- calls that stand

  Result<void, Refusal> reinvite(Handle call, std::string_view sdp, TimePoint now);
  Result<void, Refusal> accept_reinvite(Handle call, std::string_view sdp, TimePoint now);
  Result<void, Refusal> refuse_reinvite(Handle call, int status, TimePoint now);
  /// Ends the call in whatever state it is: BYE when it stands (after the ACK, if that is still to come), CANCEL while
  /// it is being placed, 480 (or 486 for cause 17, 503 for 34, 38, 41, 42) while it comes in. `q850` 0: no Reason.
  void bye(Handle call, int q850, std::string_view text, TimePoint now);
  void set_user(Handle call, std::uint64_t user);

  // ---- peers

  /// Adds or replaces. False: trunks_max reached, or a field is past its bound.
  bool put_trunk(const TrunkConfig& trunk, TimePoint now);
  /// Takes the registration back (one REGISTER with Expires 0). Calls go on.
  void remove_trunk(std::string_view id, TimePoint now);
  /// Adds or replaces; a binding is kept when the username stays. False: registrations_max, or a field past its bound.
  bool put_endpoint(const EndpointConfig& endpoint);
  void remove_endpoint(std::string_view id);
  std::optional<Binding> find_binding(std::string_view endpoint_id, TimePoint now) const;
  /// All of them, the one to call first in front. Returns how many; their views live until the agent is called again.
  std::size_t find_bindings(std::string_view endpoint_id, TimePoint now, std::span<Binding, kContactsMax> out) const;
  /// A registration that another shard learned (its kRegistration event), or an earlier process. Raises no event now,
  /// and one when it runs out only where `tells`; such a one is told to the others again like one that was learned
  /// here.
  void apply_binding(const BindingNews& news, TimePoint now, bool tells = false);
  /// For shards that missed the news: the next Contact that was learned here. Nothing ends a round; `cursor` begins at
  /// 0 and is then the agent's.
  std::optional<BindingNews> remind(std::uint32_t& cursor, TimePoint now);

 private:
  std::unique_ptr<class Agent> agent_;
};

}  // namespace carillon::sip
