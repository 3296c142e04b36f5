// REGISTER of phones (RFC 3261 §10.3): a few Contacts for each.

#include <algorithm>

#include "engine/sip/agent.h"
#include "engine/sip/field.h"
#include "engine/sip/text.h"

namespace carillon::sip {
namespace {

/// A qvalue (RFC 3261 §25.1), "0.7": 700. What is none counts as 1.
std::uint16_t thousandths(std::string_view text) {
  if (text.empty() || text[0] != '0') return 1000;
  if (text.size() < 3 || text[1] != '.') return text.size() == 1 ? std::uint16_t{0} : std::uint16_t{1000};
  std::uint16_t value = 0, place = 100;
  for (const char c : text.substr(2, 3)) {
    if (c < '0' || c > '9') return 1000;
    value = static_cast<std::uint16_t>(value + (c - '0') * place);
    place = static_cast<std::uint16_t>(place / 10);
  }
  return value;
}

}  // namespace

struct Agent::WantedContacts {
  std::array<BindingNews, kContactsMax> contacts;
  std::size_t count = 0;
  bool is_all = false;  ///< "*" with Expires 0
  std::string_view why;
};

void Agent::on_register(const Message& request, const Endpoint& from, TimePoint now) {
  const auto proof = phones.prove(request, now);
  if (proof.verdict != Phones::Verdict::kGood)
    return phones.challenge(request, from, proof.verdict == Phones::Verdict::kStale, now);
  if (refuse_extension(request, from)) return;
  Phone& phone = *proof.phone;
  const auto to = NameAddress::parse(request.value(HeaderId::kTo));
  const auto uri = to ? Uri::parse(to->uri) : std::nullopt;
  if (!uri) return ++counters.bad_request, reply(request, from, 400, name_of(Fault::kTo));
  if (uri->user != phone.username.view()) {
    ++counters.bad_request;
    return reply(request, from, 403);
  }
  const auto is_old = [&](const Contact& contact) {
    return contact.is_bound && contact.call_id.view() == request.value(HeaderId::kCallId) &&
           request.cseq() <= contact.cseq;
  };
  if (std::ranges::any_of(phone.contacts, is_old)) {
    ++counters.bad_request;
    return reply(request, from, 500, "CSeq Out Of Order");
  }
  WantedContacts wanted;
  const int refusal = read_contacts(request, wanted);
  if (refusal == 423) {
    ++counters.bad_request;
    return reply(request, from, 423, {}, [&](Writer& out) {
      out.put("Min-Expires: ", std::chrono::ceil<std::chrono::seconds>(config.registration_expires_min).count(),
              "\r\n");
    });
  }
  if (refusal != 0) return ++counters.bad_request, reply(request, from, refusal, wanted.why);
  if (wanted.is_all) {
    const bool was_bound = Phones::is_bound(phone);
    phones.unbind_all(phone);
    if (was_bound) tell_binding(phone, Contact(), 0s, &request);
  }
  for (BindingNews& news : std::span(wanted.contacts).first(wanted.count)) {
    news.destination = from;
    update_binding(phone, request, news, now);
  }
  answer_register(request, from, phone, now);
}

/// What the Contacts of a REGISTER ask for. 0, or the status that refuses the whole of it (§10.3 step 6 and 7).
int Agent::read_contacts(const Message& request, WantedContacts& wanted) const {
  const auto header_expires = number(request.value(HeaderId::kExpires));
  const auto refuse = [&](std::string_view why) { return wanted.why = why, 400; };
  for (std::size_t i = 0; i < request.size(); ++i) {
    if (request.id(i) != HeaderId::kContact) continue;
    auto rest = request.value(i);
    for (auto element = next_element(rest); !element.empty(); element = next_element(rest)) {
      if (wanted.is_all || (element == "*" && wanted.count != 0)) return refuse("Bad Contact");
      if (element == "*") {
        if (header_expires != 0u) return refuse("Bad Expires");
        wanted.is_all = true;
        continue;
      }
      const auto contact = NameAddress::parse(element);
      if (!contact || !Uri::parse(contact->uri)) return refuse("Bad Contact");
      if (contact->uri.size() > kContactBytesMax) return refuse("Contact Too Long");
      if (wanted.count == kContactsMax) return refuse("Too Many Contacts");
      const auto own = parameter(contact->parameters, "expires");
      const auto q = parameter(contact->parameters, "q");
      BindingNews& news = wanted.contacts[wanted.count++];
      news.contact = contact->uri;
      news.q = q ? thousandths(*q) : std::uint16_t{1000};
      news.expires = config.registration_expires_max;
      if (const auto asked = own ? number(*own) : header_expires) news.expires = std::chrono::seconds(*asked);
      if (news.expires > Duration{0} && news.expires < config.registration_expires_min) return 423;
      news.expires = std::min(news.expires, config.registration_expires_max);
    }
  }
  return 0;
}

void Agent::update_binding(Phone& phone, const Message& request, const BindingNews& news, TimePoint now) {
  Contact* contact = Phones::contact(phone, news.contact);
  if (news.expires == Duration{0}) {
    if (!contact) return;  // it has been replaced since
    phones.unbind(phone, *contact);
  } else {
    contact = &phones.bind(phone, news, now);
    contact->call_id.assign(request.value(HeaderId::kCallId));
    contact->cseq = request.cseq();
    phone.user_agent.assign(request.value(HeaderId::kUserAgent));
  }
  tell_binding(phone, *contact, news.expires, &request);
}

/// `contact` as it is or was; an empty one: all are gone.
void Agent::tell_binding(const Phone& phone, const Contact& contact, Duration expires, const Message* request) {
  const Message* kept = request ? events.keep(*request) : nullptr;
  auto& event = events.add(EventKind::kRegistration);
  event.message = kept;
  event.local = request == nullptr;  // it ran out
  event.endpoint = events.keep(phone.id.view());
  event.contact = events.keep(contact.uri.view());
  event.source = contact.destination;
  event.expires = expires;
  event.q = contact.q;
  event.is_registered = Phones::is_bound(phone);
  event.user_agent = events.keep(phone.user_agent.view());
}

void Agent::answer_register(const Message& request, const Endpoint& from, const Phone& phone, TimePoint now) {
  auto* transaction = transactions.serve(request, from);
  if (!transaction) return reply_full(request, from);
  Writer out(transaction->bytes);
  write_response(out, request, &from, 200, {}, loose_tag(request));
  std::array<const Contact*, kContactsMax> contacts;
  const std::size_t count = Phones::in_order(phone, now, contacts);
  for (const Contact* contact : std::span(contacts).first(count))
    out.put("Contact: <", contact->uri.view(),
            ">;expires=", std::chrono::ceil<std::chrono::seconds>(contact->expires - now).count(), "\r\n");
  out.put("Server: ", config.product, "\r\n").body({}, {});
  if (transactions.respond(*transaction, 200, out, now)) return;
  transactions.drop(*transaction);
  ++counters.too_long;
}

}  // namespace carillon::sip
