#include "engine/sip/phones.h"

#include <algorithm>

#include "engine/sip/text.h"

namespace carillon::sip {

Phones::Phones(Core& core)
    : core_(core),
      pool_(core.config.registrations_max),
      by_destination_(core.config.registrations_max * kContactsMax) {}

bool Phones::put(const EndpointConfig& config) {
  Phone* phone = find(config.id);
  if (const auto other = by_username_.find(config.username); other != by_username_.end())
    if (!phone || other->second != phone->self) return false;  // two phones of one name
  const bool is_new = phone == nullptr;
  if (is_new) {
    const Handle handle = pool_.add();
    if (!handle) return false;
    phone = pool_.find(handle);
    phone->self = handle;
  } else {
    by_username_.erase(std::string(phone->username.view()));
    if (phone->username.view() != config.username) unbind_all(*phone);
  }
  const bool fits = phone->id.assign(config.id) && phone->username.assign(config.username) &&
                    phone->ha1_md5.assign(config.ha1_md5) && phone->ha1_sha256.assign(config.ha1_sha256);
  by_id_[config.id] = phone->self;
  by_username_[config.username] = phone->self;
  if (fits && !config.id.empty() && !config.username.empty()) return true;
  by_username_.erase(config.username);
  by_id_.erase(config.id);
  unbind_all(*phone);
  pool_.remove(Handle{phone->self});
  return false;
}

void Phones::remove(std::string_view id) {
  Phone* phone = find(id);
  if (!phone) return;
  unbind_all(*phone);
  by_username_.erase(std::string(phone->username.view()));
  by_id_.erase(std::string(id));
  pool_.remove(Handle{phone->self});
}

Phone* Phones::find(std::string_view id) {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : pool_.find(found->second);
}

bool Phones::is_at(const Endpoint& source) const {
  return by_destination_.find(EndpointHash{}(source)) != Index::kNone;
}

Phones::Proof Phones::prove(const Message& request, TimePoint now) {
  for (std::size_t i = 0; i < request.size(); ++i) {
    if (request.id(i) != HeaderId::kAuthorization) continue;
    const auto answer = DigestAnswer::parse(request.value(i));
    if (!answer || answer->realm != core_.config.realm) continue;
    const auto nonce = core_.nonces.check(core_.hasher, answer->nonce, core_.config.nonce_lifetime, now);
    const auto found = by_username_.find(answer->username);
    Phone* phone = found == by_username_.end() ? nullptr : pool_.find(found->second);
    static const HexDigest kNobody(std::string_view("0123456789abcdef0123456789abcdef"));
    const bool is_md5 = answer->algorithm == Algorithm::kMd5;
    const auto& ha1 = !phone ? kNobody : is_md5 ? phone->ha1_md5 : phone->ha1_sha256;
    const auto expected = digest_response(core_.hasher, answer->algorithm, ha1, answer->nonce, answer->count,
                                          answer->cnonce, answer->qop, request.method_text(), answer->uri);
    const bool is_right = equals_in_constant_time(expected, answer->response);
    if (!phone || !is_right || ha1.empty() || nonce == Nonces::Verdict::kForged) {
      ++core_.counters.bad_credentials;
      return {Verdict::kBad, nullptr};
    }
    if (nonce == Nonces::Verdict::kExpired) return {Verdict::kStale, nullptr};
    // A count that was seen is a replay; without qop there is none, and the nonce serves once (RFC 7616 §3.3).
    const bool is_same_nonce = phone->nonce.view() == answer->nonce;
    if (is_same_nonce && answer->nc <= phone->nonce_count) return {Verdict::kStale, nullptr};
    phone->nonce.assign(answer->nonce);
    phone->nonce_count = answer->nc;
    return {Verdict::kGood, phone};
  }
  return {};
}

void Phones::challenge(const Message& request, const Endpoint& from, bool is_stale, TimePoint now) {
  ++core_.counters.challenged;
  const auto nonce = core_.nonces.make(core_.hasher, core_.random.u32(), now);
  core_.reply(request, from, 401, {}, [&](Writer& out) {
    for (const bool is_sha256 : {true, false}) {
      if (is_sha256 && !core_.config.offers_sha256) continue;
      out.put("WWW-Authenticate: Digest realm=").quoted(core_.config.realm);
      out.put(", nonce=\"", nonce.view(), "\", algorithm=", is_sha256 ? "SHA-256" : "MD5", ", qop=\"auth\"",
              is_stale ? ", stale=true" : "", "\r\n");
    }
  });
}

// ---- where they are

Contact* Phones::contact(Phone& phone, std::string_view uri) {
  for (Contact& contact : phone.contacts)
    if (contact.is_bound && contact.uri.view() == uri) return &contact;
  return nullptr;
}

bool Phones::is_bound(const Phone& phone) { return std::ranges::any_of(phone.contacts, &Contact::is_bound); }

std::size_t Phones::in_order(const Phone& phone, TimePoint now, std::span<const Contact*, kContactsMax> out) {
  std::size_t count = 0;
  for (const Contact& contact : phone.contacts)
    if (contact.is_bound && contact.expires > now) out[count++] = &contact;
  std::ranges::sort(out.first(count), [](const Contact* a, const Contact* b) {
    return a->q != b->q ? a->q > b->q : a->bound_at > b->bound_at;
  });
  return count;
}

Contact& Phones::bind(Phone& phone, const BindingNews& news, TimePoint now) {
  Contact* place = contact(phone, news.contact);
  if (!place) {  // a free one, else the oldest
    place = &*std::ranges::min_element(
        phone.contacts, {}, [](const Contact& each) { return each.is_bound ? each.bound_at : TimePoint::min(); });
  }
  if (place->is_bound) unbind(phone, *place);
  *place = Contact();
  place->is_bound = true;
  place->uri.assign(news.contact);
  place->destination = news.destination;
  place->q = news.q;
  place->bound_at = now;
  place->expires = now + news.expires;
  by_destination_.add(EndpointHash{}(news.destination), entry(phone, *place));
  arm(phone);
  return *place;
}

void Phones::unbind(Phone& phone, Contact& contact) {
  if (!contact.is_bound) return;
  contact.is_bound = false;
  by_destination_.remove(entry(phone, contact));
  arm(phone);
}

void Phones::unbind_all(Phone& phone) {
  for (Contact& contact : phone.contacts) unbind(phone, contact);
}

void Phones::arm(Phone& phone) {
  core_.clock.cancel(phone.timer);
  phone.timer = Handle{};
  TimePoint first = TimePoint::max();
  for (const Contact& contact : phone.contacts)
    if (contact.is_bound) first = std::min(first, contact.expires);
  if (first != TimePoint::max()) phone.timer = core_.schedule(first, {Due::What::kBinding, phone.self});
}

std::optional<BindingNews> Phones::next_own(std::uint32_t& cursor, TimePoint now) {
  for (const auto end = static_cast<std::uint32_t>(pool_.capacity() * kContactsMax); cursor < end;) {
    const std::uint32_t at = cursor++;
    const Phone* phone = pool_.at(at / kContactsMax);
    if (!phone) {
      cursor = (at / kContactsMax + 1) * static_cast<std::uint32_t>(kContactsMax);
      continue;
    }
    const Contact& contact = phone->contacts[at % kContactsMax];
    if (!contact.is_bound || contact.is_foreign || contact.expires <= now) continue;
    return BindingNews{phone->id.view(),      contact.uri.view(), contact.destination,
                       contact.expires - now, contact.q,          true};
  }
  cursor = 0;
  return std::nullopt;
}

}  // namespace carillon::sip
