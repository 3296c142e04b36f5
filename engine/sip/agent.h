#pragma once
// The inside of UserAgent: its calls, and who hears of which message. Split by what happens:
//   agent.cpp         datagrams and timers in, the way to the part concerned
//   agent_out.cpp     calls we place: INVITE, its responses, CANCEL, forks, late offers
//   agent_in.cpp      calls that come in: INVITE, ring, accept, reject, CANCEL, ACK
//   agent_dialog.cpp  calls that stand: re-INVITE, INFO, BYE
//   agent_register.cpp  REGISTER of phones
// Trunks live in trunks.h, phones in phones.h, transactions in transactions.h.

#include "engine/sip/core.h"
#include "engine/sip/dialog.h"
#include "engine/sip/phones.h"
#include "engine/sip/trunks.h"

namespace carillon::sip {

/// An INVITE with more headers is refused: its responses are made from one another, and must be readable to us.
inline constexpr std::size_t kHeadersKept = Message::kHeadersMax - 16;

struct Call {
  enum class State : std::uint8_t {
    kCalling,      ///< out: INVITE sent
    kCancelling,   ///< out: its owner wants it no more; no final response yet
    kAwaitingAck,  ///< out: late offer answered, the owner must ack_with()
    kIncoming,     ///< in: no final response yet
    kAnswering,    ///< in: 2xx sent, no ACK yet
    kStanding,     ///< both: the session is up
    kEnding,       ///< BYE sent, its response awaited
    kOver          ///< only kGone is to be told
  };
  static constexpr std::size_t kForksMax = 8;

  State state = State::kCalling;
  bool is_outgoing = false;
  bool has_offer = true;  ///< out: our INVITE had SDP
  bool is_cancel_sent = false;
  bool has_provisional = false;
  bool wants_bye = false;  ///< hang up as soon as the ACK is there
  std::uint8_t forks = 0;
  std::array<std::uint32_t, kForksMax> fork_tags;  ///< hashes of To-tags, in order of appearance
  std::uint64_t user = 0;
  Handle self, timer, trunk;
  std::uint32_t key = 0;
  Endpoint peer;          ///< where it was called or came from; used where the dialog names no address
  bool is_phone = false;  ///< requests go to `peer` always: its Contact may lie behind a NAT
  FixedText<64> contact_user;
  Dialog dialog;
  FixedText<320> next_target;  ///< Contact of the re-INVITE under way
  Handle invite;               ///< the INVITE transaction that set it up
  std::uint32_t invite_cseq = 0;
  Handle reinvite_out, reinvite_in;
  int bye_q850 = 0;
  FixedText<64> bye_text;

  Call() {}
};

class Agent : public Core {
 public:
  Agent(const UserAgentConfig& config, Random& random, TimePoint now)
      : Core(config, random, now), phones(*this), trunks(*this), calls(config.dialogs_max) {}

  // agent.cpp
  void receive(ByteView datagram, const Endpoint& from, TimePoint now);
  void fire(TimePoint now);

  // agent_out.cpp
  Result<Handle, Refusal> invite(const Invite& invite, TimePoint now);
  void cancel(Call& call, TimePoint now);
  Result<void, Refusal> ack_with(Call& call, std::string_view sdp, TimePoint now);

  // agent_in.cpp
  Result<void, Refusal> ring(Call& call, int status, std::string_view sdp, TimePoint now);
  Result<void, Refusal> accept(Call& call, std::string_view sdp, TimePoint now);
  Result<void, Refusal> reject(Call& call, int status, std::string_view reason, Duration retry_after, TimePoint now);

  // agent_dialog.cpp
  Result<void, Refusal> reinvite(Call& call, std::string_view sdp, TimePoint now);
  Result<void, Refusal> accept_reinvite(Call& call, std::string_view sdp, TimePoint now);
  Result<void, Refusal> refuse_reinvite(Call& call, int status, TimePoint now);
  void bye(Call& call, int q850, std::string_view text, TimePoint now);

  Phones phones;
  Trunks trunks;
  Pool<Call> calls;

 private:
  // agent.cpp
  void on_request(const Message& request, const Endpoint& from, TimePoint now);
  void on_new_request(const Message& request, const Endpoint& from, TimePoint now);
  void refuse_broken(const Message& request, Fault fault, const Endpoint& from);
  bool refuse_extension(const Message& request, const Endpoint& from);
  void on_repeated(Transaction& transaction, const Message& request);
  void on_response(const Message& response, const Endpoint& from, TimePoint now);
  void on_transaction_timer(Handle transaction, TimePoint now);
  void on_call_timer(Handle call, TimePoint now);
  void on_binding_timer(Handle phone, TimePoint now);
  void answer_options(const Message& request, const Endpoint& from);
  void refuse_method(const Message& request, const Endpoint& from);

  // agent_out.cpp
  void on_invite_response(Transaction& transaction, const Message& response, const Endpoint& from, TimePoint now);
  void on_provisional(Call& call, Transaction& transaction, const Message& response, TimePoint now);
  void on_success(Call* call, Transaction& transaction, const Message& response, TimePoint now);
  void on_failure(Call* call, Transaction& transaction, const Message& response, const Endpoint& from, TimePoint now);
  void fail(Call& call, int status, std::string_view reason, const Message* response);
  void send_cancel(Call& call, Transaction& invite, TimePoint now);
  bool send_ack(Call& call, Transaction& invite, std::string_view sdp);
  void end_stray(const Message& response, const Endpoint& peer, bool with_bye, TimePoint now);
  std::uint32_t fork_of(Call& call, const Message& response);

  // agent_in.cpp
  void on_invite(const Message& request, const Endpoint& from, TimePoint now);
  void begin_call(const Message& request, const Endpoint& from, Trunk* trunk, Phone* phone, TimePoint now);
  void on_cancel(const Message& request, const Endpoint& from, TimePoint now);
  void on_ack(const Message& request, TimePoint now);
  void on_no_ack(Transaction& transaction, TimePoint now);
  bool respond(Transaction& transaction, const Call& call, int status, std::string_view reason, std::string_view sdp,
               Duration retry_after, TimePoint now);

  // agent_dialog.cpp
  Call* find_call(const Message& request);
  void on_dialog_request(Call& call, const Message& request, const Endpoint& from, TimePoint now);
  void on_bye(Call& call, const Message& request, const Endpoint& from, TimePoint now);
  void on_info(Call& call, const Message& request, const Endpoint& from, TimePoint now);
  void on_reinvite(Call& call, const Message& request, const Endpoint& from, TimePoint now);
  void on_reinvite_response(Transaction& transaction, const Message& response, const Endpoint& from, TimePoint now);
  void on_bye_final(Transaction& transaction, const Message* response, const Endpoint& from, TimePoint now);
  /// The peer or its dialog is dead: tells kBye{local} and hangs up.
  void lose(Call& call, int status, TimePoint now);
  void send_bye(Call& call, TimePoint now);
  void drop_pending(Call& call, TimePoint now);
  bool serve_ok(const Message& request, const Endpoint& from, std::string_view tag, TimePoint now);

  // agent_register.cpp
  void on_register(const Message& request, const Endpoint& from, TimePoint now);
  void answer_register(const Message& request, const Endpoint& from, const Phone& phone, TimePoint now);
  struct WantedContacts;
  int read_contacts(const Message& request, WantedContacts& wanted) const;
  void update_binding(Phone& phone, const Message& request, const BindingNews& news, TimePoint now);
  void tell_binding(const Phone& phone, const Contact& contact, Duration expires, const Message* request);

  // small ones, agent.cpp
  Event& tell(EventKind kind, const Call& call);
  Event& tell(EventKind kind, const Call& call, const Message& message);
  void gone(Call& call);
  void gone_later(Call& call, TimePoint now);
  void arm(Call& call, TimePoint at);
  Endpoint hop_of(const Call& call) const { return call.is_phone ? call.peer : call.dialog.next_hop(call.peer); }
  std::string_view sent_by_of(const Call& call);
  FixedText<32> tag_of(const Call& call) const;
  void write_contact(Writer& out, const Call& call);
};

}  // namespace carillon::sip
