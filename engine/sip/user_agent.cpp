#include "engine/sip/user_agent.h"

#include "engine/base/check.h"
#include "engine/sip/agent.h"

namespace carillon::sip {

std::string UserAgentConfig::fault() const {
  if (shards < 1 || shards > 4096) return "shards: 1..4096";
  if (shard >= shards) return "shard: below shards";
  if (bound.is_unspecified() && advertised.is_unspecified()) return "advertised: an address that peers can answer to";
  if (dialogs_max < 1 || dialogs_max > 0xFF'0000) return "dialogs_max: 1..16711680";
  if (transactions_max < 1 || transactions_max > 0xFF'0000) return "transactions_max: 1..16711680";
  if (outbox_max < 16) return "outbox_max: at least 16";
  if (events_max < 16) return "events_max: at least 16";
  if (timing.t1 <= Duration{0} || timing.t2 < timing.t1 || timing.t4 < timing.t1) return "timing: 0 < T1 <= T2, T4";
  if (realm.empty() || realm.size() > 64 || product.size() > 64) return "realm, product: up to 64 bytes";
  for (const char c : realm + product)
    if (static_cast<unsigned char>(c) < ' ' || c == '"' || c == '\\') return "realm, product: plain text";
  if (registration_expires_min > registration_expires_max) return "registration_expires_min: above the maximum";
  return {};
}

const char* name_of(Refusal refusal) {
  switch (refusal) {
    case Refusal::kNoSuchCall:
      return "no such call";
    case Refusal::kWrongState:
      return "wrong state";
    case Refusal::kPending:
      return "another INVITE is pending";
    case Refusal::kFull:
      return "full";
    case Refusal::kTooLong:
      return "too long";
    case Refusal::kBadTarget:
      return "bad target";
    case Refusal::kNoSuchTrunk:
      return "no such trunk";
  }
  return "";
}

UserAgent::UserAgent(const UserAgentConfig& config, Random& random, TimePoint now) {
  CHECK(config.fault().empty());
  agent_ = std::make_unique<Agent>(config, random, now);
}
UserAgent::~UserAgent() = default;

void UserAgent::receive(ByteView datagram, const Endpoint& from, TimePoint now) {
  agent_->receive(datagram, from, now);
}
void UserAgent::fire(TimePoint now) { agent_->fire(now); }
TimePoint UserAgent::deadline() const { return agent_->clock.next(); }

std::span<const Datagram> UserAgent::outbox() const { return agent_->outbox.all(); }
void UserAgent::clear_outbox() { agent_->outbox.clear(); }
std::span<const Event> UserAgent::events() const { return agent_->events.all(); }
void UserAgent::clear_events() { agent_->events.clear(); }
const Counters& UserAgent::counters() const { return agent_->counters; }
std::uint32_t UserAgent::dialogs() const { return static_cast<std::uint32_t>(agent_->calls.size()); }
std::uint32_t UserAgent::transactions() const { return agent_->transactions.alive(); }

Result<Handle, Refusal> UserAgent::invite(const Invite& invite, TimePoint now) { return agent_->invite(invite, now); }

void UserAgent::cancel(Handle call, TimePoint now) {
  if (Call* found = agent_->calls.find(call)) agent_->cancel(*found, now);
}

Result<void, Refusal> UserAgent::ack_with(Handle call, std::string_view sdp, TimePoint now) {
  Call* found = agent_->calls.find(call);
  if (!found) return Refusal::kNoSuchCall;
  return agent_->ack_with(*found, sdp, now);
}

Result<void, Refusal> UserAgent::ring(Handle call, int status, std::string_view sdp, TimePoint now) {
  Call* found = agent_->calls.find(call);
  if (!found) return Refusal::kNoSuchCall;
  return agent_->ring(*found, status, sdp, now);
}

Result<void, Refusal> UserAgent::accept(Handle call, std::string_view sdp, TimePoint now) {
  Call* found = agent_->calls.find(call);
  if (!found) return Refusal::kNoSuchCall;
  return agent_->accept(*found, sdp, now);
}

Result<void, Refusal> UserAgent::reject(Handle call, int status, std::string_view reason, Duration retry_after,
                                        TimePoint now) {
  Call* found = agent_->calls.find(call);
  if (!found) return Refusal::kNoSuchCall;
  return agent_->reject(*found, status, reason, retry_after, now);
}

Result<void, Refusal> UserAgent::reinvite(Handle call, std::string_view sdp, TimePoint now) {
  Call* found = agent_->calls.find(call);
  if (!found) return Refusal::kNoSuchCall;
  return agent_->reinvite(*found, sdp, now);
}

Result<void, Refusal> UserAgent::accept_reinvite(Handle call, std::string_view sdp, TimePoint now) {
  Call* found = agent_->calls.find(call);
  if (!found) return Refusal::kNoSuchCall;
  return agent_->accept_reinvite(*found, sdp, now);
}

Result<void, Refusal> UserAgent::refuse_reinvite(Handle call, int status, TimePoint now) {
  Call* found = agent_->calls.find(call);
  if (!found) return Refusal::kNoSuchCall;
  return agent_->refuse_reinvite(*found, status, now);
}

void UserAgent::bye(Handle call, int q850, std::string_view text, TimePoint now) {
  if (Call* found = agent_->calls.find(call)) agent_->bye(*found, q850, text, now);
}

void UserAgent::set_user(Handle call, std::uint64_t user) {
  if (Call* found = agent_->calls.find(call)) found->user = user;
}

bool UserAgent::put_trunk(const TrunkConfig& trunk, TimePoint now) { return agent_->trunks.put(trunk, now); }
void UserAgent::remove_trunk(std::string_view id, TimePoint now) { agent_->trunks.remove(id, now); }
bool UserAgent::put_endpoint(const EndpointConfig& endpoint) { return agent_->phones.put(endpoint); }
void UserAgent::remove_endpoint(std::string_view id) { agent_->phones.remove(id); }

std::optional<Binding> UserAgent::find_binding(std::string_view endpoint_id, TimePoint now) const {
  std::array<Binding, kContactsMax> bindings;
  return find_bindings(endpoint_id, now, bindings) == 0 ? std::nullopt : std::optional(bindings[0]);
}

std::size_t UserAgent::find_bindings(std::string_view endpoint_id, TimePoint now,
                                     std::span<Binding, kContactsMax> out) const {
  const Phone* phone = agent_->phones.find(endpoint_id);
  if (!phone) return 0;
  std::array<const Contact*, kContactsMax> contacts;
  const std::size_t count = Phones::in_order(*phone, now, contacts);
  for (std::size_t i = 0; i < count; ++i)
    out[i] = {contacts[i]->uri.view(), contacts[i]->destination, contacts[i]->expires};
  return count;
}

void UserAgent::apply_binding(const BindingNews& news, TimePoint now, bool tells) {
  Phone* phone = agent_->phones.find(news.endpoint);
  if (!phone || news.contact.size() > kContactBytesMax) return;
  Contact* known = Phones::contact(*phone, news.contact);
  if (news.expires <= Duration{0}) {
    if (news.contact.empty()) agent_->phones.unbind_all(*phone);
    if (known) agent_->phones.unbind(*phone, *known);
    return;
  }
  constexpr Duration kOnTheWay = 2s;  // a reminder's expiry is counted from when it is read
  if (news.is_reminder && known && (!known->is_foreign || known->expires + kOnTheWay >= now + news.expires)) return;
  Contact& contact = agent_->phones.bind(*phone, news, now);
  contact.is_foreign = !tells;  // in either case its Call-ID and CSeq are not known here
  if (news.is_reminder) contact.bound_at -= agent_->config.registration_expires_max;  // nothing new: called last
}

std::optional<BindingNews> UserAgent::remind(std::uint32_t& cursor, TimePoint now) {
  return agent_->phones.next_own(cursor, now);
}

}  // namespace carillon::sip
