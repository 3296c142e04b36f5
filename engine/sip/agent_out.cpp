// Calls we place (RFC 3261 §13.2, §9.1; RFC 6026).

#include <algorithm>

#include "engine/sip/agent.h"
#include "engine/sip/field.h"
#include "engine/sip/steer.h"
#include "engine/sip/text.h"

namespace carillon::sip {
namespace {

bool has_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < ' ' || c == 0x7F; });
}

// Headers that we write ourselves; another of theirs would make two.
bool is_ours(std::string_view name) {
  constexpr std::string_view kOurs[] = {"via",
                                        "v",
                                        "from",
                                        "f",
                                        "to",
                                        "t",
                                        "call-id",
                                        "i",
                                        "cseq",
                                        "contact",
                                        "m",
                                        "content-type",
                                        "c",
                                        "content-length",
                                        "l",
                                        "max-forwards",
                                        "route",
                                        "allow",
                                        "user-agent",
                                        "authorization",
                                        "proxy-authorization",
                                        "record-route",
                                        "require",
                                        "p-asserted-identity"};
  return std::any_of(std::begin(kOurs), std::end(kOurs),
                     [&](std::string_view ours) { return equals_ignoring_case(ours, name); });
}

constexpr std::size_t kExtraHeadersMax = 48;  // so that our own parser can still read what we wrote

bool is_valid(const Invite& invite) {
  if (invite.headers.size() > kExtraHeadersMax) return false;
  if (!Uri::parse(invite.request_uri) || has_control(invite.from) || has_control(invite.to) ||
      has_control(invite.from_name) || has_control(invite.asserted_user) ||
      invite.from_domain.find_first_of(" <>\"@;,?\r\n") != invite.from_domain.npos)
    return false;
  return std::none_of(invite.headers.begin(), invite.headers.end(), [](const HeaderField& field) {
    return !is_token(field.name) || is_ours(field.name) || has_control(field.value);
  });
}

// From, To, target and Call-ID of a call that begins. False: something is too long.
bool begin(Dialog& dialog, const Invite& invite, const Trunk* trunk, std::string_view sent_by, Random& random) {
  char text[512];
  const std::string_view domain = !invite.from_domain.empty()              ? invite.from_domain
                                  : trunk && !trunk->config.domain.empty() ? std::string_view(trunk->config.domain)
                                                                           : sent_by;
  Writer from(text);
  if (!invite.from_name.empty()) from.quoted(invite.from_name).put(" ");
  from.put("<sip:").user(invite.from.empty() ? "anonymous" : invite.from).put("@", domain, ">");
  if (from.failed() || !dialog.local.assign(from.text())) return false;

  const auto uri = Uri::parse(invite.request_uri);
  const auto target = uri->without_headers(invite.request_uri);  // a phone's Contact may have some
  Writer to(text);
  if (invite.to.empty() || uri->host.empty())
    to.put("<", target, ">");
  else
    to.put("<sip:").user(invite.to).put("@",
                                        trunk && !trunk->config.domain.empty()
                                            ? std::string_view(trunk->config.domain)
                                            : std::string_view(uri->host.data(), uri->host.size()),
                                        ">");
  if (to.failed() || !dialog.remote.assign(to.text())) return false;

  Writer call_id(text);
  call_id.put(random.next(), "-", random.next(), "@carillon");
  dialog.call_id.assign(call_id.text());
  return dialog.target.assign(target);
}

}  // namespace

Result<Handle, Refusal> Agent::invite(const Invite& invite, TimePoint now) {
  if (!is_valid(invite)) return Refusal::kBadTarget;
  Trunk* trunk = invite.trunk.empty() ? nullptr : trunks.find(invite.trunk);
  if (!invite.trunk.empty() && !trunk) return Refusal::kNoSuchTrunk;
  const Handle handle = calls.add();
  if (!handle) {
    ++counters.dialogs_full;
    return Refusal::kFull;
  }
  Call& call = *calls.find(handle);
  call.self = handle;
  call.is_outgoing = true;
  call.user = invite.user;
  call.key = random.u32();
  call.peer = invite.destination;
  call.is_phone = trunk == nullptr;
  call.trunk = trunk ? trunk->self : Handle{};
  call.has_offer = !invite.sdp.empty();
  const auto refuse = [&](Refusal why) {
    calls.remove(handle);
    return why;
  };
  if (!begin(call.dialog, invite, trunk, sent_by_of(call), random)) return refuse(Refusal::kTooLong);
  call.dialog.local_tag = tag_of(call);
  call.dialog.local_cseq = call.invite_cseq = 1 + static_cast<std::uint32_t>(random.below(1000));
  char user[64];
  Writer contact_user(user);
  contact_user.user(trunk && trunk->config.registers ? std::string_view(trunk->config.username) : invite.from);
  if (!contact_user.failed()) call.contact_user.assign(contact_user.text());

  auto* transaction = transactions.open(InviteClient(config.timing), Purpose::kInvite, handle, invite.destination);
  if (!transaction) return refuse(Refusal::kFull);
  transaction->cseq = call.invite_cseq;
  call.invite = transaction->self;
  Writer out(transaction->bytes);
  call.dialog.write_request(out, "INVITE", call.invite_cseq, sent_by_of(call), transactions.branch_of(*transaction));
  write_contact(out, call);
  out.put(kAllow, "User-Agent: ", config.product, "\r\n");
  if (!invite.asserted_user.empty())
    out.put("P-Asserted-Identity: <sip:").user(invite.asserted_user).put("@", sent_by_of(call), ">\r\n");
  for (const auto& field : invite.headers) out.header(field.name, field.value);
  out.body("application/sdp", invite.sdp);
  if (!transactions.start(*transaction, out, now)) return refuse(Refusal::kTooLong);
  arm(call, now + config.proceeding_max);
  return handle;
}

void Agent::cancel(Call& call, TimePoint now) {
  if (!call.is_outgoing || call.state != Call::State::kCalling) return;
  call.state = Call::State::kCancelling;
  if (call.timer) clock.cancel(call.timer);
  call.timer = Handle{};
  auto* invite = transactions.find(call.invite);
  if (invite && call.has_provisional) send_cancel(call, *invite, now);
}

void Agent::send_cancel(Call& call, Transaction& invite, TimePoint now) {
  if (call.is_cancel_sent) return;
  call.is_cancel_sent = true;
  invite.as<InviteClient>()->on_cancel(now);
  transactions.settle(invite);
  const auto request = Message::parse(invite.wire());
  CHECK(request.has_value());
  auto* transaction = transactions.open(Client(config.timing), Purpose::kCancel, call.self, invite.peer);
  if (!transaction) {  // no room to repeat it: once is better than not at all
    Writer out(scratch);
    write_cancel(out, *request);
    return outbox.send(invite.peer, out.text());
  }
  invite.cancel = transaction->self;
  Writer out(transaction->bytes);
  write_cancel(out, *request);
  transactions.start(*transaction, out, now);
}

std::uint32_t Agent::fork_of(Call& call, const Message& response) {
  const auto to = NameAddress::parse(response.value(HeaderId::kTo));
  const auto hash = shard_for(to ? to->tag() : std::string_view{}, 0xFFFF'FFFF);
  for (std::uint32_t i = 0; i < call.forks; ++i)
    if (call.fork_tags[i] == hash) return i;
  if (call.forks == Call::kForksMax) return Call::kForksMax;  // all further ones share this number
  call.fork_tags[call.forks] = hash;
  return call.forks++;
}

void Agent::on_invite_response(Transaction& transaction, const Message& response, const Endpoint& from, TimePoint now) {
  Call* call = calls.find(transaction.owner);
  if (call && call->invite != transaction.self) call = nullptr;
  switch (transaction.as<InviteClient>()->on_response(response.status(), now)) {
    case InviteClient::Action::kReport:
      if (response.status() >= 200) return on_success(call, transaction, response, now);
      if (call) on_provisional(*call, transaction, response, now);
      return;
    case InviteClient::Action::kReportAndAck:
      return on_failure(call, transaction, response, from, now);
    case InviteClient::Action::kSendAck:
      transactions.send(transaction);
      [[fallthrough]];
    default:
      ++counters.retransmission;
  }
}

void Agent::on_provisional(Call& call, Transaction& transaction, const Message& response, TimePoint now) {
  call.has_provisional = true;
  if (call.state == Call::State::kCancelling) return send_cancel(call, transaction, now);
  if (response.status() == 100) return;
  const auto fork = fork_of(call, response);
  tell(EventKind::kProvisional, call, response).early_dialog = fork;
}

void Agent::on_success(Call* call, Transaction& transaction, const Message& response, TimePoint now) {
  const auto to = NameAddress::parse(response.value(HeaderId::kTo));
  const auto tag = to ? to->tag() : std::string_view{};
  const bool is_open = call && (call->state == Call::State::kCalling || call->state == Call::State::kCancelling);
  if (!is_open) {
    // Ours again, whose ACK was lost; or another fork, which nobody wants (§13.2.2.4).
    const auto kept = Message::parse(transaction.wire());
    if (kept && kept->method() == Method::kAck) {
      const auto acked = NameAddress::parse(kept->value(HeaderId::kTo));
      if (acked && acked->tag() == tag) {
        ++counters.retransmission;
        return transactions.send(transaction);
      }
    } else if (call && call->dialog.remote_tag.view() == tag) {
      return;  // the owner has not yet given the ACK's body
    }
    return end_stray(response, transaction.peer, true, now);
  }
  Dialog dialog;
  if (!dialog.begin_as_client(response)) {
    // A 2xx that no dialog can be made of: no Contact, or more than we hold. ACK it as far as possible, and leave.
    const bool is_cancelled = call->state == Call::State::kCancelling;
    end_stray(response, transaction.peer, true, now);
    return fail(*call, is_cancelled ? 487 : 502, is_cancelled ? "" : "Unusable Answer", nullptr);
  }
  trunks.on_success(trunks.find(call->trunk), transaction);
  const auto fork = fork_of(*call, response);
  // our own side as we wrote it, whatever came back
  dialog.call_id = call->dialog.call_id;
  dialog.local = call->dialog.local;
  dialog.local_tag = call->dialog.local_tag;
  dialog.local_cseq = call->dialog.local_cseq;
  dialog.remote_cseq = call->dialog.remote_cseq;
  call->dialog = dialog;
  if (call->timer) clock.cancel(call->timer);
  call->timer = Handle{};
  if (call->state == Call::State::kCancelling) {  // it crossed our CANCEL
    send_ack(*call, transaction, {});
    auto& event = tell(EventKind::kFailed, *call);
    event.status = 487;
    event.reason = "Answered After Cancel";
    event.local = true;
    return send_bye(*call, now);
  }
  auto& event = tell(EventKind::kAnswered, *call, response);
  event.early_dialog = fork;
  event.needs_ack = !call->has_offer;
  if (!call->has_offer) {
    call->state = Call::State::kAwaitingAck;
    return;
  }
  call->state = Call::State::kStanding;
  send_ack(*call, transaction, {});
}

bool Agent::send_ack(Call& call, Transaction& invite, std::string_view sdp) {
  const auto request = Message::parse(invite.wire());
  CHECK(request.has_value());
  Writer out(scratch);
  call.dialog.write_request(out, "ACK", invite.cseq, sent_by_of(call), new_label({Label::kIndexMax, 0}));
  copy_credentials(out, *request);
  out.body("application/sdp", sdp);
  if (out.failed()) return false;
  invite.keep(out.text());
  invite.peer = hop_of(call);
  transactions.send(invite);
  return true;
}

Result<void, Refusal> Agent::ack_with(Call& call, std::string_view sdp, TimePoint) {
  if (call.state != Call::State::kAwaitingAck) return Refusal::kWrongState;
  auto* transaction = transactions.find(call.invite);
  if (!transaction) return Refusal::kWrongState;  // 32 s late: the peer has given up
  if (!send_ack(call, *transaction, sdp)) return Refusal::kTooLong;
  call.state = Call::State::kStanding;
  return {};
}

void Agent::end_stray(const Message& response, const Endpoint& peer, bool with_bye, TimePoint now) {
  Dialog dialog;
  dialog.begin_as_client(response);
  if (dialog.target.empty()) dialog.target.assign("sip:unknown.invalid");
  const Endpoint to = dialog.next_hop(peer);
  Writer out(scratch);
  dialog.write_request(out, "ACK", response.cseq(), sent_by, new_label({Label::kIndexMax, 0}));
  out.body({}, {});
  if (!out.failed()) outbox.send(to, out.text());
  if (!with_bye) return;
  auto* bye = transactions.open(Client(config.timing), Purpose::kBye, {}, to);
  if (!bye) return;
  Writer text(bye->bytes);
  dialog.write_request(text, "BYE", response.cseq() + 1, sent_by, transactions.branch_of(*bye));
  text.body({}, {});
  transactions.start(*bye, text, now);
}

void Agent::on_failure(Call* call, Transaction& transaction, const Message& response, const Endpoint& from,
                       TimePoint now) {
  const auto invite = Message::parse(transaction.wire());
  CHECK(invite.has_value());
  Writer ack(scratch);
  write_failure_ack(ack, *invite, response);
  if (!ack.failed()) outbox.send(transaction.peer, ack.text());

  const bool is_challenge = response.status() == 401 || response.status() == 407;
  Transaction* again = nullptr;
  if (call && is_challenge && call->state == Call::State::kCalling)
    again = trunks.retry(trunks.find(call->trunk), transaction, response, from, call->dialog.local_cseq + 1, now);
  // retry() wrote into the new transaction, not into scratch: the ACK is still there
  transaction.keep(ack.failed() ? std::string_view{} : ack.text());
  if (again) {
    call->invite = again->self;
    call->invite_cseq = ++call->dialog.local_cseq;
    call->has_provisional = false;
    call->forks = 0;
    return;
  }
  if (call) fail(*call, response.status(), response.reason(), &response);
}

void Agent::fail(Call& call, int status, std::string_view reason, const Message* response) {
  if (!response) {
    auto& event = tell(EventKind::kFailed, call);
    event.status = status;
    event.reason = reason.empty() ? phrase_of(status) : events.keep(reason);
    event.local = true;
    return gone(call);
  }
  auto& event = tell(EventKind::kFailed, call, *response);
  const auto retry = event.message->value(HeaderId::kRetryAfter);
  event.retry_after = std::chrono::seconds(number(retry.substr(0, retry.find_first_of(" (;")), 86'400).value_or(0));
  auto contacts = event.message->value(HeaderId::kContact);
  if (const auto contact = NameAddress::parse(next_element(contacts)); contact && status < 400)
    event.contact = contact->uri;
  gone(call);
}

}  // namespace carillon::sip
