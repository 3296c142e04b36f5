// Calls that stand (RFC 3261 §12.2, §14, §15).

#include "engine/sip/agent.h"
#include "engine/sip/field.h"
#include "engine/sip/text.h"

namespace carillon::sip {

Call* Agent::find_call(const Message& request) {
  const auto to = NameAddress::parse(request.value(HeaderId::kTo));
  const auto from = NameAddress::parse(request.value(HeaderId::kFrom));
  const auto label = to ? Label::parse(to->tag()) : std::nullopt;
  if (!from || !label || label->shard != config.shard) return nullptr;
  Call* call = calls.find(label->object);
  if (!call || call->key != label->key || call->dialog.call_id.view() != request.value(HeaderId::kCallId))
    return nullptr;
  const bool has_dialog = !call->is_outgoing || !call->dialog.remote_tag.empty();
  return has_dialog && call->dialog.remote_tag.view() == from->tag() ? call : nullptr;
}

void Agent::on_dialog_request(Call& call, const Message& request, const Endpoint& from, TimePoint now) {
  if (request.cseq() < call.dialog.remote_cseq ||
      (request.cseq() == call.dialog.remote_cseq && request.method() == Method::kInvite)) {
    ++counters.bad_request;
    return reply(request, from, 500, "CSeq Out Of Order");
  }
  if (call.state == Call::State::kOver) {
    ++counters.no_dialog;
    return reply(request, from, 481);
  }
  call.dialog.remote_cseq = request.cseq();
  if (refuse_extension(request, from)) return;
  if (call.is_phone) call.peer = from;  // a NAT may have moved it
  switch (request.method()) {
    case Method::kBye:
      return on_bye(call, request, from, now);
    case Method::kInfo:
      return on_info(call, request, from, now);
    case Method::kInvite:
      return on_reinvite(call, request, from, now);
    case Method::kOptions:
      return answer_options(request, from);
    default:
      return refuse_method(request, from);
  }
}

bool Agent::serve_ok(const Message& request, const Endpoint& from, std::string_view tag, TimePoint now) {
  auto* transaction = transactions.serve(request, from);
  if (!transaction) {
    reply_full(request, from);
    return false;
  }
  Writer out(transaction->bytes);
  write_response(out, request, &from, 200, {}, tag);
  out.put("Server: ", config.product, "\r\n").body({}, {});
  if (transactions.respond(*transaction, 200, out, now)) return true;
  transactions.drop(*transaction);
  ++counters.too_long;
  return false;
}

// ---- BYE

void Agent::on_bye(Call& call, const Message& request, const Endpoint& from, TimePoint now) {
  // Even with no room for a transaction the call ends: the repeated BYE then finds no dialog and gets 481.
  serve_ok(request, from, call.dialog.local_tag, now);
  if (call.state == Call::State::kEnding) return;  // crossed ours, whose end is told
  drop_pending(call, now);
  if (call.state == Call::State::kIncoming)
    if (auto* transaction = transactions.find(call.invite)) respond(*transaction, call, 487, {}, {}, 0s, now);
  if (call.state == Call::State::kAnswering) {
    if (auto* transaction = transactions.find(call.invite)) {  // it has heard our 2xx: no need to say it again
      transaction->as<InviteServer>()->on_ack(now);
      transactions.settle(*transaction);
    }
  }
  tell(EventKind::kBye, call, request);
  gone(call);
}

void Agent::bye(Call& call, int q850, std::string_view text, TimePoint now) {
  call.bye_q850 = q850;
  call.bye_text.assign(text);
  switch (call.state) {
    case Call::State::kCalling:
      return cancel(call, now);
    case Call::State::kIncoming: {
      const bool is_congested = q850 == 34 || q850 == 38 || q850 == 41 || q850 == 42;
      if (!reject(call, q850 == 17 ? 486 : is_congested ? 503 : 480, {}, is_congested ? config.retry_after : 0s, now))
        gone_later(call, now);
      return;
    }
    case Call::State::kAnswering:
      call.wants_bye = true;
      return;  // §15: not before the ACK
    case Call::State::kAwaitingAck:
      if (auto* transaction = transactions.find(call.invite)) send_ack(call, *transaction, {});
      return send_bye(call, now);
    case Call::State::kStanding:
      return send_bye(call, now);
    case Call::State::kCancelling:
    case Call::State::kEnding:
    case Call::State::kOver:
      return;
  }
}

void Agent::drop_pending(Call& call, TimePoint now) {
  if (auto* transaction = transactions.find(call.reinvite_in)) {
    auto* invite = transaction->as<InviteServer>();
    if (invite->state() == InviteServer::State::kProceeding) {
      respond(*transaction, call, 487, {}, {}, 0s, now);
    } else {
      invite->on_ack(now);
      transactions.settle(*transaction);
    }
  }
  call.reinvite_in = call.reinvite_out = Handle{};
}

void Agent::send_bye(Call& call, TimePoint now) {
  drop_pending(call, now);
  const Endpoint to = hop_of(call);
  const auto write = [&](Writer& out, const Label& branch) {
    call.dialog.write_request(out, "BYE", ++call.dialog.local_cseq, sent_by_of(call), branch);
    write_reason(out, call.bye_q850, call.bye_text);
    out.put("User-Agent: ", config.product, "\r\n").body({}, {});
  };
  auto* transaction = transactions.open(Client(config.timing), Purpose::kBye, call.self, to);
  if (!transaction) {  // no room to repeat it: once is better than not at all
    Writer out(scratch);
    write(out, new_label({Label::kIndexMax, 0}));
    if (!out.failed()) outbox.send(to, out.text());
    return gone_later(call, now);
  }
  call.state = Call::State::kEnding;
  Writer out(transaction->bytes);
  write(out, transactions.branch_of(*transaction));
  if (!transactions.start(*transaction, out, now)) gone_later(call, now);
}

void Agent::on_bye_final(Transaction& transaction, const Message* response, const Endpoint& from, TimePoint now) {
  Call* call = calls.find(transaction.owner);
  if (!call || call->state != Call::State::kEnding) return;
  if (response && (response->status() == 401 || response->status() == 407)) {
    Trunk* trunk = trunks.find(call->trunk);
    if (trunk && trunks.retry(trunk, transaction, *response, from, call->dialog.local_cseq + 1, now)) {
      ++call->dialog.local_cseq;
      return;
    }
  }
  gone(*call);
}

void Agent::lose(Call& call, int status, TimePoint now) {
  if (call.state == Call::State::kEnding || call.state == Call::State::kOver) return;
  auto& event = tell(EventKind::kBye, call);
  event.status = status;
  event.reason = phrase_of(status);
  event.local = true;
  send_bye(call, now);
}

// ---- INFO

void Agent::on_info(Call& call, const Message& request, const Endpoint& from, TimePoint now) {
  if (!serve_ok(request, from, call.dialog.local_tag, now)) return;
  if (call.state != Call::State::kEnding) tell(EventKind::kInfo, call, request);
}

// ---- re-INVITE

void Agent::on_reinvite(Call& call, const Message& request, const Endpoint& from, TimePoint now) {
  if (call.state == Call::State::kEnding) {
    ++counters.no_dialog;
    return reply(request, from, 481);
  }
  // Glare (§14.2): ours is under way, or the one before has no final answer, or no ACK yet.
  if (call.reinvite_out) return reply(request, from, 491);
  if (call.state != Call::State::kStanding || call.reinvite_in)
    return reply(request, from, 500, {}, [&](Writer& out) { out.put("Retry-After: ", random.below(10) + 1, "\r\n"); });
  if (!Dialog::contact_of(request, call.next_target)) {
    ++counters.bad_request;
    return reply(request, from, 400, "Bad Contact");
  }
  if (request.size() > kHeadersKept) return ++counters.too_long, reply(request, from, 513, "Message Too Large");
  auto* transaction = transactions.serve(request, from);
  if (!transaction) return reply_full(request, from);
  transaction->owner = call.self;
  Writer out(transaction->bytes);
  write_response(out, request, &from, 100, {}, {});
  out.body({}, {});
  if (!transactions.respond(*transaction, 100, out, now)) {
    transactions.drop(*transaction);
    ++counters.too_long;
    return reply(request, from, 513, "Message Too Large");
  }
  call.reinvite_in = transaction->self;
  tell(EventKind::kReinvite, call, request);
}

Result<void, Refusal> Agent::accept_reinvite(Call& call, std::string_view sdp, TimePoint now) {
  auto* transaction = transactions.find(call.reinvite_in);
  if (call.state != Call::State::kStanding || !transaction) return Refusal::kWrongState;
  if (transaction->as<InviteServer>()->state() != InviteServer::State::kProceeding) return Refusal::kWrongState;
  if (!respond(*transaction, call, 200, {}, sdp, 0s, now)) return Refusal::kTooLong;
  call.dialog.target = call.next_target;  // only a 2xx moves the target (§12.2.1.2)
  return {};
}

Result<void, Refusal> Agent::refuse_reinvite(Call& call, int status, TimePoint now) {
  auto* transaction = transactions.find(call.reinvite_in);
  if (!transaction || status < 300 || status > 699) return Refusal::kWrongState;
  if (transaction->as<InviteServer>()->state() != InviteServer::State::kProceeding) return Refusal::kWrongState;
  if (!respond(*transaction, call, status, {}, {}, 0s, now)) return Refusal::kTooLong;
  call.reinvite_in = Handle{};
  return {};
}

Result<void, Refusal> Agent::reinvite(Call& call, std::string_view sdp, TimePoint now) {
  if (call.state != Call::State::kStanding) return Refusal::kWrongState;
  if (call.reinvite_out || call.reinvite_in) return Refusal::kPending;
  auto* transaction = transactions.open(InviteClient(config.timing), Purpose::kReinvite, call.self, hop_of(call));
  if (!transaction) return Refusal::kFull;
  transaction->cseq = call.dialog.local_cseq + 1;
  transaction->as<InviteClient>()->limit(now);  // a peer that only says 100 must not hold the dialog for ever
  Writer out(transaction->bytes);
  call.dialog.write_request(out, "INVITE", transaction->cseq, sent_by_of(call), transactions.branch_of(*transaction));
  write_contact(out, call);
  out.put(kAllow, "User-Agent: ", config.product, "\r\n").body("application/sdp", sdp);
  const Handle self = transaction->self;
  if (!transactions.start(*transaction, out, now)) return Refusal::kTooLong;
  ++call.dialog.local_cseq;
  call.reinvite_out = self;
  return {};
}

void Agent::on_reinvite_response(Transaction& transaction, const Message& response, const Endpoint& from,
                                 TimePoint now) {
  Call* call = calls.find(transaction.owner);
  const bool is_current = call && call->reinvite_out == transaction.self;
  switch (transaction.as<InviteClient>()->on_response(response.status(), now)) {
    case InviteClient::Action::kReport:
      break;
    case InviteClient::Action::kReportAndAck: {
      const auto invite = Message::parse(transaction.wire());
      CHECK(invite.has_value());
      Writer ack(scratch);
      write_failure_ack(ack, *invite, response);
      if (!ack.failed()) outbox.send(transaction.peer, ack.text());
      const bool is_challenge = response.status() == 401 || response.status() == 407;
      Transaction* again = nullptr;
      if (is_current && is_challenge)
        again = trunks.retry(trunks.find(call->trunk), transaction, response, from, call->dialog.local_cseq + 1, now);
      transaction.keep(ack.failed() ? std::string_view{} : ack.text());
      if (!is_current) return;
      call->reinvite_out = Handle{};
      if (again) {
        call->reinvite_out = again->self;
        ++call->dialog.local_cseq;
        return;
      }
      if (response.status() == 481 || response.status() == 408) return lose(*call, response.status(), now);
      tell(EventKind::kReinviteRefused, *call, response);
      return;
    }
    case InviteClient::Action::kSendAck:
      transactions.send(transaction);
      [[fallthrough]];
    default:
      ++counters.retransmission;
      return;
  }
  if (response.status() < 200) return;
  const auto kept = Message::parse(transaction.wire());
  if (kept && kept->method() == Method::kAck) {
    ++counters.retransmission;
    return transactions.send(transaction);
  }
  if (!is_current) return end_stray(response, transaction.peer, false, now);
  call->reinvite_out = Handle{};
  FixedText<320> target;
  if (Dialog::contact_of(response, target)) call->dialog.target = target;
  send_ack(*call, transaction, {});
  tell(EventKind::kReinviteAnswered, *call, response);
}

}  // namespace carillon::sip
