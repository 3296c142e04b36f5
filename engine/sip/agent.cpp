#include "engine/sip/agent.h"

#include "engine/sip/field.h"
#include "engine/sip/text.h"
#include "engine/sip/validate.h"

namespace carillon::sip {

void Agent::receive(ByteView datagram, const Endpoint& from, TimePoint now) {
  ++counters.received;
  if (!events.has_room(datagram.size())) {
    ++counters.events_full;
    return;
  }
  const auto message = Message::parse(datagram);
  if (!message) {
    switch (message.error()) {
      case ParseError::kKeepAlive:
        ++counters.keep_alive;
        break;
      case ParseError::kTooLong:
      case ParseError::kTooManyHeaders:
        ++counters.too_long;
        break;
      default:
        ++counters.unparsable;
        break;
    }
    return;
  }
  events.next_input();
  if (message->is_request())
    on_request(*message, from, now);
  else if (message->fault() == Fault::kNone)
    on_response(*message, from, now);
  else
    ++counters.unparsable;
}

void Agent::fire(TimePoint now) {
  clock.fire(now, events.timers_with_room(), [&](Due due) {
    events.next_input();
    switch (due.what) {
      case Due::What::kTransaction:
        return on_transaction_timer(due.object, now);
      case Due::What::kCall:
        return on_call_timer(due.object, now);
      case Due::What::kTrunkRegister:
        return trunks.on_register_timer(due.object, now);
      case Due::What::kTrunkProbe:
        return trunks.on_probe_timer(due.object, now);
      case Due::What::kBinding:
        return on_binding_timer(due.object, now);
    }
  });
}

// ---- requests

void Agent::on_request(const Message& request, const Endpoint& from, TimePoint now) {
  const Fault fault = request.fault() != Fault::kNone ? request.fault() : validate(request);
  if (fault != Fault::kNone) return refuse_broken(request, fault, from);
  if (request.method() == Method::kAck) return on_ack(request, now);
  if (request.method() == Method::kCancel) return on_cancel(request, from, now);
  if (auto* transaction = transactions.find_server(request)) return on_repeated(*transaction, request);

  const auto to = NameAddress::parse(request.value(HeaderId::kTo));
  if (!to || to->tag().empty()) return on_new_request(request, from, now);
  if (Call* call = find_call(request)) return on_dialog_request(*call, request, from, now);
  ++counters.no_dialog;
  reply(request, from, 481);
}

/// Without a Via and a CSeq nobody could tell what the answer is to; whatever else is missing, is missing in it too.
void Agent::refuse_broken(const Message& request, Fault fault, const Endpoint& from) {
  if (request.method() == Method::kAck || !Via::parse(top_via(request)) || request.value(HeaderId::kCSeq).empty()) {
    ++counters.unparsable;
    return;
  }
  // A method that we don't know may stand in CSeq otherwise than we think (RFC 4475 §3.1.2.18).
  if (fault == Fault::kMethod && request.method() == Method::kOther) return refuse_method(request, from);
  ++counters.bad_request;
  reply(request, from, status_of(fault), name_of(fault));
}

/// Extensions that the peer insists on: we have none of them (§8.2.2.3). True: it has been answered.
bool Agent::refuse_extension(const Message& request, const Endpoint& from) {
  if (!request.find(HeaderId::kRequire)) return false;
  ++counters.bad_request;
  reply(request, from, 420, {}, [&](Writer& out) {
    for (std::size_t i = 0; i < request.size(); ++i)
      if (request.id(i) == HeaderId::kRequire) out.header("Unsupported", request.value(i));
  });
  return true;
}

void Agent::on_repeated(Transaction& transaction, const Message& request) {
  ++counters.retransmission;
  if (auto* invite = transaction.as<InviteServer>()) {
    if (request.method() == Method::kInvite && invite->on_invite() == InviteServer::Action::kSendResponse)
      transactions.send(transaction);
  } else if (auto* server = transaction.as<Server>()) {
    if (server->on_request() == Server::Action::kSendResponse) transactions.send(transaction);
  }
}

void Agent::on_new_request(const Message& request, const Endpoint& from, TimePoint now) {
  switch (request.method()) {
    case Method::kInvite:
      return on_invite(request, from, now);
    case Method::kOptions:
      return answer_options(request, from);
    case Method::kRegister:
      return on_register(request, from, now);
    case Method::kBye:
    case Method::kInfo:
    case Method::kUpdate:
    case Method::kPrack:
      ++counters.no_dialog;
      return reply(request, from, 481);
    default:
      return refuse_method(request, from);
  }
}

void Agent::answer_options(const Message& request, const Endpoint& from) {
  if (refuse_extension(request, from)) return;
  reply(request, from, 200, {},
        [](Writer& out) { out.put(kAllow, "Accept: application/sdp, application/dtmf-relay\r\n"); });
}

void Agent::refuse_method(const Message& request, const Endpoint& from) {
  ++counters.bad_request;
  reply(request, from, request.method() == Method::kOther ? 501 : 405, {}, [](Writer& out) { out.put(kAllow); });
}

// ---- responses

void Agent::on_response(const Message& response, const Endpoint& from, TimePoint now) {
  auto* transaction = transactions.find_client(response);
  if (!transaction || (transaction->cseq != 0 && transaction->cseq != response.cseq())) {
    ++counters.no_transaction;
    return;
  }
  const Handle self = transaction->self;
  if (transaction->purpose == Purpose::kInvite) {
    on_invite_response(*transaction, response, from, now);
  } else if (transaction->purpose == Purpose::kReinvite) {
    on_reinvite_response(*transaction, response, from, now);
  } else if (transaction->as<Client>()->on_response(response.status(), now) == Client::Action::kReport) {
    if (transaction->purpose == Purpose::kBye) on_bye_final(*transaction, &response, from, now);
    if (transaction->purpose == Purpose::kRegister || transaction->purpose == Purpose::kProbe)
      trunks.on_final(*transaction, &response, from, now);
  } else if (response.status() >= 200) {
    ++counters.retransmission;
  }
  if (auto* still = transactions.find(self)) transactions.settle(*still);
}

// ---- timers

void Agent::on_transaction_timer(Handle handle, TimePoint now) {
  auto* transaction = transactions.find(handle);
  if (!transaction) return;
  if (transactions.on_deadline(*transaction, now)) {
    if (transaction->as<InviteServer>()) {
      on_no_ack(*transaction, now);
    } else {
      ++counters.timeouts;
      Call* call = calls.find(transaction->owner);
      switch (transaction->purpose) {
        case Purpose::kInvite:
          if (call && call->invite == handle) {
            const bool is_cancelled = call->state == Call::State::kCancelling;
            fail(*call, is_cancelled ? 487 : 408, {}, nullptr);
          }
          break;
        case Purpose::kReinvite:
          if (call && call->reinvite_out == handle) {
            call->reinvite_out = Handle{};
            lose(*call, 408, now);
          }
          break;
        case Purpose::kBye:
          on_bye_final(*transaction, nullptr, {}, now);
          break;
        case Purpose::kRegister:
        case Purpose::kProbe:
          trunks.on_final(*transaction, nullptr, {}, now);
          break;
        case Purpose::kCancel:
        case Purpose::kAnswer:
          break;
      }
    }
  }
  if (auto* still = transactions.find(handle)) transactions.settle(*still);
}

void Agent::on_call_timer(Handle handle, TimePoint now) {
  Call* call = calls.find(handle);
  if (!call) return;
  call->timer = Handle{};
  if (call->state == Call::State::kOver) return gone(*call);
  if (call->state == Call::State::kCalling) return cancel(*call, now);
  if (call->state == Call::State::kIncoming) {  // its owner has forgotten it
    auto& event = tell(EventKind::kCancelled, *call);
    event.status = 480;
    event.local = true;
    if (auto* transaction = transactions.find(call->invite)) respond(*transaction, *call, 480, {}, {}, 0s, now);
    gone(*call);
  }
}

void Agent::on_binding_timer(Handle handle, TimePoint now) {
  Phone* phone = phones.find(handle);
  if (!phone) return;
  for (Contact& contact : phone->contacts) {
    if (!contact.is_bound || contact.expires > now) continue;
    phones.unbind(*phone, contact);
    if (!contact.is_foreign) tell_binding(*phone, contact, 0s, nullptr);
  }
}

// ---- small ones

Event& Agent::tell(EventKind kind, const Call& call) {
  auto& event = events.add(kind);
  event.call = call.self;
  event.user = call.user;
  return event;
}

Event& Agent::tell(EventKind kind, const Call& call, const Message& message) {
  const Message* kept = events.keep(message);
  auto& event = tell(kind, call);
  event.message = kept;
  event.status = kept->status();
  if (!kept->is_request()) event.reason = kept->reason();
  event.body = kept->body();
  event.content_type = kept->value(HeaderId::kContentType);
  const auto reason = q850_of(*kept);
  event.q850 = reason.cause;
  event.q850_text = reason.text;
  return event;
}

void Agent::gone(Call& call) {
  tell(EventKind::kGone, call);
  // A server transaction without final response (it did not fit) would wait for ever.
  for (const Handle handle : {call.invite, call.reinvite_in}) {
    auto* transaction = transactions.find(handle);
    auto* invite = transaction ? transaction->as<InviteServer>() : nullptr;
    if (invite && invite->state() == InviteServer::State::kProceeding) transactions.drop(*transaction);
  }
  if (call.is_outgoing) transactions.forget_accepted(call.invite);
  if (call.timer) clock.cancel(call.timer);
  calls.remove(Handle{call.self});
}

void Agent::gone_later(Call& call, TimePoint now) {
  call.state = Call::State::kOver;
  arm(call, now);
}

void Agent::arm(Call& call, TimePoint at) {
  if (call.timer) clock.cancel(call.timer);
  call.timer = schedule(at, {Due::What::kCall, call.self});
}

std::string_view Agent::sent_by_of(const Call& call) {
  const Trunk* trunk = trunks.find(call.trunk);
  return trunk ? trunk->sent_by.view() : sent_by.view();
}

FixedText<32> Agent::tag_of(const Call& call) const {
  const auto text = Label{config.shard, call.self, call.key}.text();
  return FixedText<32>(std::string_view(text.data(), text.size()));
}

void Agent::write_contact(Writer& out, const Call& call) {
  out.put("Contact: <sip:", call.contact_user.empty() ? "" : call.contact_user.view(),
          call.contact_user.empty() ? "" : "@", sent_by_of(call), ">\r\n");
}

}  // namespace carillon::sip
