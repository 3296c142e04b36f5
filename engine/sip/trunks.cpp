#include "engine/sip/trunks.h"

#include <algorithm>

#include "engine/sip/dialog.h"
#include "engine/sip/field.h"
#include "engine/sip/steer.h"
#include "engine/sip/text.h"

namespace carillon::sip {
namespace {

Endpoint without_port(Endpoint endpoint) {
  endpoint.port = 0;
  return endpoint;
}

FixedText<64> random_id(Random& random) {
  char text[64];
  Writer out(text);
  out.put(random.next(), "-", random.next());
  return FixedText<64>(out.text());
}

// "sip:domain", or the gateway's address where there is no domain.
void write_domain(Writer& out, const Trunk& trunk, const Endpoint& gateway) {
  if (trunk.config.domain.empty())
    out.host(gateway);
  else
    out.put(trunk.config.domain);
}

bool is_valid(const TrunkConfig& config) {
  if (config.id.empty() || config.id.size() > 48 || config.gateways.empty()) return false;
  if (config.gateways.size() > Trunk::kGatewaysMax || config.username.size() > 96 || config.domain.size() > 128)
    return false;
  if (config.realm.size() > 96 || (config.registers && config.username.empty())) return false;
  const auto is_plain = [](std::string_view text) {
    return std::none_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < ' '; });
  };
  return is_plain(config.username) && is_plain(config.domain) && is_plain(config.realm) &&
         config.domain.find_first_of(" <>\"@;,?") == config.domain.npos;
}

}  // namespace

bool Trunks::put(const TrunkConfig& config, TimePoint now) {
  if (!is_valid(config)) return false;
  Trunk* trunk = find(config.id);
  if (!trunk) {
    const Handle handle = pool_.add();
    if (!handle) return false;
    trunk = pool_.find(handle);
    trunk->self = handle;
    trunk->call_id = random_id(core_.random);
  }
  const bool was_registered = trunk->registered_until > now && !config.registers;
  trunk->config = config;
  apply(*trunk, now);
  if (was_registered) send_register(*trunk, 0s, now);
  return true;
}

void Trunks::apply(Trunk& trunk, TimePoint now) {
  char text[64];
  Writer out(text);
  if (trunk.config.advertised) {
    out.host(*trunk.config.advertised);
    trunk.sent_by.assign(out.text());
  } else {
    trunk.sent_by = core_.sent_by;
  }
  trunk.realm_kept = FixedText<96>();
  trunk.expires_wanted = std::clamp<Duration>(trunk.config.register_expires, 1s, 24h);
  trunk.gateways = {};
  trunk.failures = trunk.refusals = 0;
  forget_timers(trunk);
  rebuild_maps();
  if (shard_for(trunk.config.id, core_.config.shards) != core_.config.shard) return;
  if (trunk.config.registers) register_again(trunk, 0s, now);
  if (trunk.config.options_interval > Duration{0})
    trunk.probe_timer = core_.schedule(now, {Due::What::kTrunkProbe, trunk.self});
}

void Trunks::remove(std::string_view id, TimePoint now) {
  Trunk* trunk = find(id);
  if (!trunk) return;
  trunk->is_leaving = true;
  forget_timers(*trunk);
  rebuild_maps();
  const bool is_registered = trunk->registered_until > now;
  if (is_registered) send_register(*trunk, 0s, now);
  if (!is_registered || !core_.transactions.find(trunk->register_transaction)) pool_.remove(Handle{trunk->self});
}

Trunk* Trunks::find(std::string_view id) {
  Trunk* found = nullptr;
  pool_.each([&](Handle, Trunk& trunk) {
    if (!trunk.is_leaving && trunk.config.id == id) found = &trunk;
  });
  return found;
}

Trunk* Trunks::at(const Endpoint& source) {
  const auto found = exact_.find(source);
  return found == exact_.end() ? nullptr : pool_.find(found->second);
}

Trunk* Trunks::at_address(const Endpoint& source) {
  const auto found = by_address_.find(without_port(source));
  return found == by_address_.end() ? nullptr : pool_.find(found->second);
}

void Trunks::rebuild_maps() {
  exact_.clear();
  by_address_.clear();
  pool_.each([&](Handle handle, Trunk& trunk) {
    if (trunk.is_leaving) return;
    for (const auto& gateway : trunk.config.gateways) {
      exact_.emplace(gateway, handle);
      by_address_.emplace(without_port(gateway), handle);
    }
  });
}

void Trunks::forget_timers(Trunk& trunk) {
  core_.clock.cancel(trunk.register_timer);
  core_.clock.cancel(trunk.probe_timer);
  trunk.register_timer = trunk.probe_timer = Handle{};
}

// ---- challenges

Transaction* Trunks::retry(Trunk* trunk, Transaction& old, const Message& response, const Endpoint& from,
                           std::uint32_t cseq, TimePoint now) {
  if (!trunk || trunk->config.username.empty() || !from.same_address(old.peer)) {
    ++core_.counters.foreign_challenge;
    return nullptr;
  }
  const bool is_proxy = response.status() == 407;
  const auto id = is_proxy ? HeaderId::kProxyAuthenticate : HeaderId::kWwwAuthenticate;
  const std::string_view only = trunk->config.realm.empty() ? trunk->realm_kept.view() : trunk->config.realm;
  std::optional<Challenge> challenge;
  for (std::size_t i = 0; i < response.size() && !challenge; ++i) {
    if (response.id(i) != id) continue;
    challenge = Challenge::parse(response.value(i));
    if (challenge && !only.empty() && challenge->realm != only) challenge.reset();
  }
  const bool may = challenge && (old.attempt == 0 || (old.attempt == 1 && challenge->is_stale));
  if (!may || !trunk->realm_offered.assign(challenge->realm)) {
    ++core_.counters.foreign_challenge;
    return nullptr;
  }
  const auto request = Message::parse(old.wire());
  CHECK(request.has_value());
  const Transaction::Machine machine = old.as<InviteClient>() ? Transaction::Machine(InviteClient(core_.config.timing))
                                                              : Transaction::Machine(Client(core_.config.timing));
  Transaction* again = core_.transactions.open(machine, old.purpose, old.owner, old.peer);
  if (!again) return nullptr;
  again->attempt = static_cast<std::uint8_t>(old.attempt + 1);
  again->argument = old.argument;
  again->cseq = cseq;
  if (auto* invite = again->as<InviteClient>(); invite && again->purpose == Purpose::kReinvite) invite->limit(now);

  const auto& config = trunk->config;
  const auto secret = ha1(core_.hasher, challenge->algorithm, config.username, challenge->realm, config.password);
  const auto cnonce = random_id(core_.random);
  const std::string_view qop = challenge->has_qop ? "auth" : "", count = challenge->has_qop ? "00000001" : "";
  const auto proof = digest_response(core_.hasher, challenge->algorithm, secret, challenge->nonce, count, cnonce, qop,
                                     request->method_text(), request->request_uri());
  char text[1024];
  Writer value(text);
  value.put("Digest username=")
      .quoted(config.username)
      .put(", realm=\"", challenge->realm, "\", nonce=\"", challenge->nonce, "\", uri=\"", request->request_uri(),
           "\", response=\"", proof.view(),
           "\", algorithm=", challenge->algorithm == Algorithm::kMd5 ? "MD5" : "SHA-256");
  if (challenge->has_qop) value.put(", cnonce=\"", cnonce.view(), "\", qop=auth, nc=", count);
  if (!challenge->opaque.empty()) value.put(", opaque=\"", challenge->opaque, "\"");
  Writer out(again->bytes);
  if (value.failed()) {
    core_.transactions.drop(*again);
    return nullptr;
  }
  write_again(out, *request, trunk->sent_by, core_.transactions.branch_of(*again), cseq,
              is_proxy ? "Proxy-Authorization" : "Authorization", value.text());
  return core_.transactions.start(*again, out, now) ? again : nullptr;
}

void Trunks::on_success(Trunk* trunk, const Transaction& transaction) {
  if (trunk && transaction.attempt > 0 && trunk->realm_kept.empty()) trunk->realm_kept = trunk->realm_offered;
}

// ---- registering

void Trunks::send_register(Trunk& trunk, Duration expires, TimePoint now) {
  auto* transaction =
      core_.transactions.open(Client(core_.config.timing), Purpose::kRegister, trunk.self, trunk.registrar());
  if (!transaction) return;
  transaction->argument = expires == Duration{0} ? 1 : 0;
  transaction->cseq = ++trunk.cseq;
  trunk.register_transaction = transaction->self;

  char text[320];
  Writer target(text);
  target.put("sip:");
  write_domain(target, trunk, trunk.registrar());
  Dialog dialog;
  dialog.target.assign(target.text());
  Writer address(text);
  address.put("<sip:").user(trunk.config.username).put("@");
  write_domain(address, trunk, trunk.registrar());
  address.put(">");
  dialog.local.assign(address.text());
  dialog.remote.assign(address.text());
  dialog.call_id.assign(trunk.call_id);
  const auto tag = core_.new_label({}).text();
  dialog.local_tag.assign({tag.data(), tag.size()});

  Writer out(transaction->bytes);
  dialog.write_request(out, "REGISTER", trunk.cseq, trunk.sent_by, core_.transactions.branch_of(*transaction));
  out.put("Contact: <sip:")
      .user(trunk.config.username)
      .put("@", trunk.sent_by.view(), ">\r\nExpires: ", std::chrono::ceil<std::chrono::seconds>(expires).count(),
           "\r\nUser-Agent: ", core_.config.product, "\r\n");
  out.body({}, {});
  core_.transactions.start(*transaction, out, now);
}

void Trunks::on_register_timer(Handle handle, TimePoint now) {
  Trunk* trunk = pool_.find(handle);
  if (!trunk) return;
  trunk->register_timer = Handle{};
  send_register(*trunk, trunk->expires_wanted, now);
  if (!core_.transactions.find(trunk->register_transaction)) register_failed(*trunk, 503, "No Transaction", 0s, now);
}

void Trunks::register_again(Trunk& trunk, Duration after, TimePoint now) {
  core_.clock.cancel(trunk.register_timer);
  trunk.register_timer = core_.schedule(now + after, {Due::What::kTrunkRegister, trunk.self});
}

void Trunks::on_final(Transaction& transaction, const Message* response, const Endpoint& from, TimePoint now) {
  Trunk* trunk = pool_.find(transaction.owner);
  if (!trunk) return;
  if (transaction.purpose == Purpose::kRegister) {
    if (transaction.self == trunk->register_transaction) on_register_final(*trunk, transaction, response, from, now);
    return;
  }
  const int status = response ? response->status() : 408;
  const std::size_t gateway = transaction.argument;
  if (gateway >= trunk->config.gateways.size()) return;
  // Whoever answers, lives: some refuse OPTIONS with 404 or 405. 503 says that it does not want calls.
  trunk->gateways[gateway] = response && status != 503 ? Trunk::Gateway::kUp : Trunk::Gateway::kDown;
  tell(*trunk, status, response ? response->reason() : phrase_of(408), now, true);
}

void Trunks::on_register_final(Trunk& trunk, Transaction& transaction, const Message* response, const Endpoint& from,
                               TimePoint now) {
  const int status = response ? response->status() : 408;
  if (status == 401 || status == 407) {
    if (auto* again = retry(&trunk, transaction, *response, from, trunk.cseq + 1, now)) {
      ++trunk.cseq;
      trunk.register_transaction = again->self;
      return;
    }
  }
  trunk.register_transaction = Handle{};
  if (trunk.is_leaving) {
    pool_.remove(Handle{trunk.self});
    return;
  }
  trunk.answers = response != nullptr;
  if (transaction.argument == 1) {  // taken back
    trunk.registered_until = TimePoint{};
    tell(trunk, status, response ? response->reason() : phrase_of(408), now);
    return;
  }
  if (status == 423) {
    const auto least = number(response->value(HeaderId::kMinExpires), 86'400);
    if (least && std::chrono::seconds(*least) > trunk.expires_wanted && ++trunk.refusals <= 3) {
      trunk.expires_wanted = std::chrono::seconds(*least);
      return register_again(trunk, 0s, now);
    }
  }
  if (status >= 300) {
    const auto after = response ? number(response->value(HeaderId::kRetryAfter), 86'400).value_or(0) : 0;
    return register_failed(trunk, status, response ? response->reason() : phrase_of(408), std::chrono::seconds(after),
                           now);
  }
  on_success(&trunk, transaction);
  auto granted = std::chrono::ceil<std::chrono::seconds>(trunk.expires_wanted).count();
  if (const auto expires = number(response->value(HeaderId::kExpires), 86'400)) granted = *expires;
  for (std::size_t i = 0; i < response->size(); ++i) {  // our own Contact's, if it can be told from others (§10.2.4)
    if (response->id(i) != HeaderId::kContact) continue;
    auto list = response->value(i);
    for (auto element = next_element(list); !element.empty(); element = next_element(list)) {
      const auto contact = NameAddress::parse(element);
      if (!contact || contact->uri.find(trunk.sent_by.view()) == contact->uri.npos) continue;
      if (const auto own = number(parameter(contact->parameters, "expires").value_or(""), 86'400)) granted = *own;
    }
  }
  if (granted == 0) return register_failed(trunk, status, "Expires 0 granted", 0s, now);
  trunk.failures = trunk.refusals = 0;
  trunk.registered_until = now + std::chrono::seconds(granted);
  register_again(trunk, std::chrono::milliseconds(granted * 800), now);
  tell(trunk, status, response->reason(), now);
}

void Trunks::register_failed(Trunk& trunk, int status, std::string_view reason, Duration retry_after, TimePoint now) {
  const Duration most = 5min;
  Duration wait = 5s;
  for (int i = 0; i < trunk.failures && wait < most; ++i) wait *= 2;
  ++trunk.failures;
  wait = std::min(wait, most);
  // spread, so that a carrier that comes back is not met by everyone at once
  const auto spread =
      std::chrono::duration<double>(std::chrono::duration<double>(wait).count() * (0.75 + 0.5 * core_.random.unit()));
  register_again(trunk, std::max(std::chrono::duration_cast<Duration>(spread), retry_after), now);
  tell(trunk, status, reason, now);
}

// ---- probing

void Trunks::on_probe_timer(Handle handle, TimePoint now) {
  Trunk* trunk = pool_.find(handle);
  if (!trunk) return;
  for (std::size_t i = 0; i < trunk->config.gateways.size(); ++i) probe(*trunk, i, now);
  trunk->probe_timer = core_.schedule(now + trunk->config.options_interval, {Due::What::kTrunkProbe, trunk->self});
}

void Trunks::probe(Trunk& trunk, std::size_t gateway, TimePoint now) {
  const auto& peer = trunk.config.gateways[gateway];
  auto* transaction = core_.transactions.open(Client(core_.config.timing), Purpose::kProbe, trunk.self, peer);
  if (!transaction) return;
  transaction->argument = static_cast<std::uint8_t>(gateway);
  char text[320];
  Dialog dialog;
  Writer target(text);
  target.put("sip:");
  write_domain(target, trunk, peer);
  dialog.target.assign(target.text());
  Writer remote(text);
  remote.put("<sip:");
  write_domain(remote, trunk, peer);
  remote.put(">");
  dialog.remote.assign(remote.text());
  Writer local(text);
  local.put("<sip:").user(trunk.config.username.empty() ? "ping" : trunk.config.username);
  local.put("@", trunk.sent_by.view(), ">");
  dialog.local.assign(local.text());
  dialog.call_id = FixedText<192>(random_id(core_.random).view());
  const auto tag = core_.new_label({}).text();
  dialog.local_tag.assign({tag.data(), tag.size()});

  Writer out(transaction->bytes);
  dialog.write_request(out, "OPTIONS", 1, trunk.sent_by, core_.transactions.branch_of(*transaction));
  out.put("Accept: application/sdp\r\nUser-Agent: ", core_.config.product, "\r\n").body({}, {});
  core_.transactions.start(*transaction, out, now);
}

void Trunks::tell(Trunk& trunk, int status, std::string_view reason, TimePoint now, bool is_probe) {
  const bool is_probed = trunk.config.options_interval > Duration{0};
  const auto* begin = trunk.gateways.data();
  const auto* end = begin + trunk.config.gateways.size();
  // unknown counts as up until a probe has failed everywhere
  const bool is_up = std::any_of(begin, end, [](auto state) { return state != Trunk::Gateway::kDown; });
  const bool is_reachable = is_probed ? is_up : trunk.answers;
  const bool is_registered = trunk.config.registers && trunk.registered_until > now;
  const bool is_same = is_reachable == trunk.told_reachable && is_registered == trunk.told_registered;
  // one gateway's answer to a probe is no news while the trunk stays as it was
  if (trunk.is_told && is_same && (is_probe || status == trunk.told_status)) return;
  trunk.is_told = true;
  trunk.told_reachable = is_reachable;
  trunk.told_registered = is_registered;
  trunk.told_status = status;
  auto& event = core_.events.add(EventKind::kTrunk);
  event.trunk = core_.events.keep(trunk.config.id);
  event.status = status;
  event.reason = core_.events.keep(reason.substr(0, 96));
  event.is_reachable = is_reachable;
  event.is_registered = is_registered;
}

}  // namespace carillon::sip
