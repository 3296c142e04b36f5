// REGISTER of phones (RFC 3261 §10.3): one Contact for each phone, the latest.

#include "engine/sip/agent.h"
#include "engine/sip/field.h"
#include "engine/sip/text.h"

namespace carillon::sip {

void Agent::on_register(const Message& request, const Endpoint& from, TimePoint now) {
  const auto proof = phones.prove(request, now);
  if (proof.verdict != Phones::Verdict::kGood)
    return phones.challenge(request, from, proof.verdict == Phones::Verdict::kStale, now);
  Phone& phone = *proof.phone;
  const auto to = NameAddress::parse(request.value(HeaderId::kTo));
  const auto uri = to ? Uri::parse(to->uri) : std::nullopt;
  if (!uri || uri->user != phone.username.view()) {
    ++counters.bad_request;
    return reply(request, from, 403);
  }
  if (phone.is_bound && phone.call_id.view() == request.value(HeaderId::kCallId) && request.cseq() <= phone.cseq) {
    ++counters.bad_request;
    return reply(request, from, 500, "CSeq Out Of Order");
  }
  auto contacts = request.value(HeaderId::kContact);
  const auto element = next_element(contacts);
  const auto header_expires = number(request.value(HeaderId::kExpires));
  if (element == "*") {
    if (header_expires != 0u) return ++counters.bad_request, reply(request, from, 400, "Bad Expires");
    update_binding(phone, request, from, 0s, {}, now);
    return answer_register(request, from, phone, now);
  }
  if (element.empty()) return answer_register(request, from, phone, now);
  const auto contact = NameAddress::parse(element);
  if (!contact || !Uri::parse(contact->uri) || contact->uri.size() > 320) {
    ++counters.bad_request;
    return reply(request, from, 400, "Bad Contact");
  }
  const auto own = parameter(contact->parameters, "expires");
  Duration expires = config.registration_expires_max;
  if (const auto asked = own ? number(*own) : header_expires) expires = std::chrono::seconds(*asked);
  if (expires > Duration{0} && expires < config.registration_expires_min) {
    ++counters.bad_request;
    return reply(request, from, 423, {}, [&](Writer& out) {
      out.put("Min-Expires: ", std::chrono::ceil<std::chrono::seconds>(config.registration_expires_min).count(),
              "\r\n");
    });
  }
  update_binding(phone, request, from, std::min(expires, config.registration_expires_max), contact->uri, now);
  answer_register(request, from, phone, now);
}

void Agent::update_binding(Phone& phone, const Message& request, const Endpoint& from, Duration expires,
                           std::string_view contact, TimePoint now) {
  const bool is_removal = expires == Duration{0};
  // Taking back a Contact that has been replaced since changes nothing.
  if (is_removal && (!phone.is_bound || (!contact.empty() && phone.contact.view() != contact))) return;
  if (!is_removal) {
    phones.bind(phone, contact, from, expires, now);
    phone.user_agent.assign(request.value(HeaderId::kUserAgent));
    phone.call_id.assign(request.value(HeaderId::kCallId));
    phone.cseq = request.cseq();
  }
  tell_binding(phone, expires, &request);
  if (is_removal) phones.unbind(phone);
}

void Agent::tell_binding(const Phone& phone, Duration expires, const Message* request) {
  const Message* kept = request ? events.keep(*request) : nullptr;
  auto& event = events.add(EventKind::kRegistration);
  event.message = kept;
  event.local = request == nullptr;  // it ran out
  event.endpoint = events.keep(phone.id.view());
  event.contact = events.keep(phone.contact.view());
  event.source = phone.destination;
  event.expires = expires;
  event.user_agent = events.keep(phone.user_agent.view());
}

void Agent::answer_register(const Message& request, const Endpoint& from, const Phone& phone, TimePoint now) {
  auto* transaction = transactions.serve(request, from);
  if (!transaction) return reply_full(request, from);
  Writer out(transaction->bytes);
  write_response(out, request, &from, 200, {}, loose_tag(request));
  if (phone.is_bound && phone.expires > now)
    out.put("Contact: <", phone.contact.view(),
            ">;expires=", std::chrono::ceil<std::chrono::seconds>(phone.expires - now).count(), "\r\n");
  out.put("Server: ", config.product, "\r\n").body({}, {});
  if (transactions.respond(*transaction, 200, out, now)) return;
  transactions.drop(*transaction);
  ++counters.too_long;
}

}  // namespace carillon::sip
