#include "engine/sip/phones.h"

#include "engine/sip/text.h"

namespace carillon::sip {

Phones::Phones(Core& core)
    : core_(core), pool_(core.config.registrations_max), by_destination_(core.config.registrations_max) {}

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
    if (phone->username.view() != config.username) unbind(*phone);
  }
  const bool fits = phone->id.assign(config.id) && phone->username.assign(config.username) &&
                    phone->ha1_md5.assign(config.ha1_md5) && phone->ha1_sha256.assign(config.ha1_sha256);
  by_id_[config.id] = phone->self;
  by_username_[config.username] = phone->self;
  if (fits && !config.id.empty() && !config.username.empty()) return true;
  by_username_.erase(config.username);
  by_id_.erase(config.id);
  unbind(*phone);
  pool_.remove(Handle{phone->self});
  return false;
}

void Phones::remove(std::string_view id) {
  Phone* phone = find(id);
  if (!phone) return;
  unbind(*phone);
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

void Phones::bind(Phone& phone, std::string_view contact, const Endpoint& destination, Duration expires,
                  TimePoint now) {
  unbind(phone);
  phone.is_bound = true;
  phone.is_foreign = false;
  phone.contact.assign(contact);
  phone.destination = destination;
  phone.expires = now + expires;
  by_destination_.add(EndpointHash{}(destination), phone.self.index);
  phone.timer = core_.schedule(phone.expires, {Due::What::kBinding, phone.self});
}

void Phones::unbind(Phone& phone) {
  if (!phone.is_bound) return;
  phone.is_bound = false;
  by_destination_.remove(phone.self.index);
  core_.clock.cancel(phone.timer);
}

}  // namespace carillon::sip
