// Calls that come in (RFC 3261 §13.3, §9.2, §8.2).

#include "engine/sip/agent.h"
#include "engine/sip/field.h"
#include "engine/sip/text.h"

namespace carillon::sip {
namespace {

// Whether our answer may have a session description (§20.1): there is no Accept, or one that names it.
bool accepts_sdp(const Message& request) {
  bool has_accept = false;
  for (std::size_t i = 0; i < request.size(); ++i) {
    if (request.id(i) != HeaderId::kOther || !equals_ignoring_case(request.name(i), "Accept")) continue;
    has_accept = true;
    auto list = request.value(i);
    for (auto range = next_element(list); !range.empty(); range = next_element(list)) {
      const auto type = trim(range.substr(0, range.find(';')));
      if (equals_ignoring_case(type, "application/sdp") || equals_ignoring_case(type, "application/*") || type == "*/*")
        return true;
    }
  }
  return !has_accept;
}

}  // namespace

void Agent::on_invite(const Message& request, const Endpoint& from, TimePoint now) {
  // A gateway's own port first, then a phone that registered from there, then anything on a gateway's host.
  Trunk* trunk = trunks.at(from);
  if (!trunk && !phones.is_at(from)) trunk = trunks.at_address(from);
  Phone* phone = nullptr;
  if (!trunk) {
    const auto proof = phones.prove(request, now);
    if (proof.verdict != Phones::Verdict::kGood)
      return phones.challenge(request, from, proof.verdict == Phones::Verdict::kStale, now);
    phone = proof.phone;
  }
  if (refuse_extension(request, from)) return;
  const auto type = request.value(HeaderId::kContentType);
  if (!request.body().empty() && !equals_ignoring_case(trim(type.substr(0, type.find(';'))), "application/sdp")) {
    ++counters.bad_request;
    return reply(request, from, 415, {}, [](Writer& out) { out.put("Accept: application/sdp\r\n"); });
  }
  if (!accepts_sdp(request)) return ++counters.bad_request, reply(request, from, 406);
  if (request.size() > kHeadersKept) return ++counters.too_long, reply(request, from, 513, "Message Too Large");
  begin_call(request, from, trunk, phone, now);
}

void Agent::begin_call(const Message& request, const Endpoint& from, Trunk* trunk, Phone* phone, TimePoint now) {
  const Handle handle = calls.add();
  if (!handle) {
    ++counters.dialogs_full;
    return reply_full(request, from);
  }
  Call& call = *calls.find(handle);
  call.self = handle;
  call.key = random.u32();
  call.state = Call::State::kIncoming;
  call.peer = from;
  call.is_phone = phone != nullptr;
  if (trunk) call.trunk = trunk->self;
  if (!call.dialog.begin_as_server(request, tag_of(call)) || call.dialog.remote_tag.empty()) {
    calls.remove(handle);
    ++counters.bad_request;
    return reply(request, from, 400, "Bad Dialog Fields");
  }
  call.dialog.local_cseq = static_cast<std::uint32_t>(random.below(1000));
  const auto uri = Uri::parse(request.request_uri());
  if (uri && uri->user.size() <= 64) call.contact_user.assign(uri->user);
  auto* transaction = transactions.serve(request, from);
  if (!transaction) {
    calls.remove(handle);
    return reply_full(request, from);
  }
  transaction->owner = handle;
  call.invite = transaction->self;
  call.invite_cseq = request.cseq();
  Writer out(transaction->bytes);
  write_response(out, request, &from, 100, {}, {});
  out.body({}, {});
  if (!transactions.respond(*transaction, 100, out, now)) {
    transactions.drop(*transaction);
    calls.remove(handle);
    ++counters.too_long;
    return reply(request, from, 513, "Message Too Large");
  }
  arm(call, now + config.proceeding_max);

  auto& event = tell(EventKind::kIncoming, call, request);
  const Message& kept = *event.message;
  event.call_id = kept.value(HeaderId::kCallId);
  event.source = from;
  if (trunk) event.trunk = events.keep(trunk->config.id);
  if (phone) event.endpoint = events.keep(phone->id.view());
  const auto user_of = [](std::optional<NameAddress> address) {
    const auto parsed = address ? Uri::parse(address->uri) : std::nullopt;
    return parsed ? parsed->user : std::string_view{};
  };
  const auto caller = NameAddress::parse(kept.value(HeaderId::kFrom));
  event.from_user = user_of(caller);
  if (caller) event.from_name = caller->name;
  event.to_user = user_of(NameAddress::parse(kept.value(HeaderId::kTo)));
  if (const auto target = Uri::parse(kept.request_uri())) event.request_user = target->user;
  auto identities = kept.value(HeaderId::kPAssertedIdentity);
  event.asserted_user = user_of(NameAddress::parse(next_element(identities)));
}

bool Agent::respond(Transaction& transaction, const Call& call, int status, std::string_view reason,
                    std::string_view sdp, Duration retry_after, TimePoint now) {
  const auto earlier = Message::parse(transaction.wire());
  CHECK(earlier.has_value());
  Writer out(scratch);
  write_response(out, *earlier, nullptr, status, reason, call.dialog.local_tag);
  if (status < 300) write_contact(out, call);
  if (status >= 200 && status < 300) out.put(kAllow);
  out.put("Server: ", config.product, "\r\n");
  write_retry_after(out, retry_after);
  out.body("application/sdp", sdp);
  return transactions.respond(transaction, status, out, now);
}

Result<void, Refusal> Agent::ring(Call& call, int status, std::string_view sdp, TimePoint now) {
  if (call.state != Call::State::kIncoming) return Refusal::kWrongState;
  if (status <= 100 || status > 199) return Refusal::kBadTarget;
  auto* transaction = transactions.find(call.invite);
  if (!transaction) return Refusal::kWrongState;
  if (!respond(*transaction, call, status, {}, sdp, 0s, now)) return Refusal::kTooLong;
  return {};
}

Result<void, Refusal> Agent::accept(Call& call, std::string_view sdp, TimePoint now) {
  if (call.state != Call::State::kIncoming) return Refusal::kWrongState;
  auto* transaction = transactions.find(call.invite);
  if (!transaction) return Refusal::kWrongState;
  if (!respond(*transaction, call, 200, {}, sdp, 0s, now)) return Refusal::kTooLong;
  call.state = Call::State::kAnswering;
  if (call.timer) clock.cancel(call.timer);
  call.timer = Handle{};
  return {};
}

Result<void, Refusal> Agent::reject(Call& call, int status, std::string_view reason, Duration retry_after,
                                    TimePoint now) {
  if (call.state != Call::State::kIncoming) return Refusal::kWrongState;
  if (status < 300 || status > 699) return Refusal::kBadTarget;
  auto* transaction = transactions.find(call.invite);
  if (!transaction) return Refusal::kWrongState;
  if (!respond(*transaction, call, status, reason, {}, retry_after, now)) return Refusal::kTooLong;
  gone_later(call, now);
  return {};
}

void Agent::on_cancel(const Message& request, const Endpoint& from, TimePoint now) {
  auto* transaction = transactions.find_server(request);
  if (!transaction || !transaction->as<InviteServer>()) {
    ++counters.no_transaction;
    return reply(request, from, 481);
  }
  Call* call = calls.find(transaction->owner);
  // Its own 200 has the To-tag of the INVITE's responses (§9.2).
  Writer out(scratch);
  write_response(out, request, &from, 200, {}, call ? call->dialog.local_tag : loose_tag(request));
  out.body({}, {});
  if (!out.failed()) outbox.send(transaction->peer, out.text());
  if (!call) return;
  if (call->state == Call::State::kIncoming && call->invite == transaction->self) {
    respond(*transaction, *call, 487, {}, {}, 0s, now);
    auto& event = tell(EventKind::kCancelled, *call, request);
    event.status = 487;
    gone(*call);
  } else if (call->reinvite_in == transaction->self) {
    (void)refuse_reinvite(*call, 487, now);
  }
}

void Agent::on_ack(const Message& request, TimePoint now) {
  if (auto* transaction = transactions.find_server(request)) {  // of a 3xx-6xx: same branch
    if (auto* invite = transaction->as<InviteServer>(); invite && invite->state() != InviteServer::State::kAccepted) {
      invite->on_ack(now);
      return transactions.settle(*transaction);
    }
  }
  Call* call = find_call(request);
  if (!call) {
    ++counters.no_transaction;
    return;
  }
  auto* transaction = transactions.find(call->invite);
  if (!transaction || transaction->cseq != request.cseq() || call->is_outgoing)
    transaction = transactions.find(call->reinvite_in);
  auto* invite = transaction ? transaction->as<InviteServer>() : nullptr;
  if (!invite || transaction->cseq != request.cseq()) {
    ++counters.no_transaction;
    return;
  }
  const bool is_first = invite->on_ack(now) == InviteServer::Action::kReportAck;
  const bool is_reinvite = transaction->self == call->reinvite_in;
  transactions.settle(*transaction);
  if (!is_first) {
    ++counters.retransmission;
    return;
  }
  if (is_reinvite) call->reinvite_in = Handle{};
  if (call->state == Call::State::kAnswering) {
    call->state = Call::State::kStanding;
    if (call->wants_bye) return send_bye(*call, now);
  }
  if (call->state == Call::State::kStanding) tell(EventKind::kAcked, *call, request);
}

void Agent::on_no_ack(Transaction& transaction, TimePoint now) {
  Call* call = calls.find(transaction.owner);
  if (!call) return;
  const bool is_first = call->invite == transaction.self && call->state == Call::State::kAnswering;
  if (!is_first && call->reinvite_in != transaction.self) return;
  ++counters.timeouts;
  if (!is_first) call->reinvite_in = Handle{};
  if (call->state == Call::State::kAnswering) call->state = Call::State::kStanding;
  lose(*call, 408, now);
}

}  // namespace carillon::sip
