#include "engine/sip/transactions.h"

#include <cstring>

#include "engine/base/check.h"
#include "engine/sip/field.h"

namespace carillon::sip {
namespace {

// Keyed by a secret seed, so that a peer cannot aim at another's transaction or at one chain of the table.
std::uint64_t mix(std::uint64_t hash, std::string_view text) {
  const auto fold = [](std::uint64_t a, std::uint64_t b) {
    const auto product = static_cast<unsigned __int128>(a) * b;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
  };
  hash = fold(hash ^ text.size(), 0x9E37'79B9'7F4A'7C15u);
  for (std::size_t at = 0; at < text.size(); at += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, text.data() + at, std::min<std::size_t>(8, text.size() - at));
    hash = fold(hash ^ word, 0xD6E8'FEB8'6659'FD93u);
  }
  return hash;
}

}  // namespace

void Transaction::keep(std::string_view message) {
  CHECK(message.size() <= bytes.size());
  std::memmove(bytes.data(), message.data(), message.size());
  size = static_cast<std::uint16_t>(message.size());
}

Transactions::Transactions(const UserAgentConfig& config, Random& random, Outbox& outbox, Clock& clock,
                           Counters& counters)
    : timing_(config.timing),
      shard_(config.shard),
      seed_(random.next() | 1),
      random_(random),
      outbox_(outbox),
      clock_(clock),
      counters_(counters),
      pool_(config.transactions_max),
      handles_(config.transactions_max),
      index_(config.transactions_max) {}

Transaction* Transactions::open(Transaction::Machine machine, Purpose purpose, Handle owner, const Endpoint& peer) {
  const Handle handle = pool_.add(machine);
  if (!handle) {
    ++counters_.transactions_full;
    return nullptr;
  }
  Transaction& transaction = *pool_.find(handle);
  handles_[handle.index] = handle;
  transaction.self = handle;
  transaction.purpose = purpose;
  transaction.owner = owner;
  transaction.peer = peer;
  transaction.key = random_.u32();
  return &transaction;
}

bool Transactions::start(Transaction& transaction, const Writer& written, TimePoint now) {
  if (written.failed()) {
    drop(transaction);
    return false;
  }
  transaction.keep(written.text());
  if (auto* invite = transaction.as<InviteClient>()) invite->start(now);
  if (auto* client = transaction.as<Client>()) client->start(now);
  send(transaction);
  settle(transaction);
  return true;
}

void Transactions::drop(Transaction& transaction) {
  if (transaction.timer) clock_.cancel(transaction.timer);
  if (transaction.is_indexed) index_.remove(transaction.self.index);
  pool_.remove(Handle{transaction.self});
}

std::uint64_t Transactions::hash_of(const Message& request) const {
  const auto text = top_via(request);
  const auto via = Via::parse(text);
  auto hash =
      mix(seed_,
          request.method() == Method::kAck || request.method() == Method::kCancel ? "INVITE" : request.method_text());
  if (via && via->branch.starts_with(kBranchCookie) && via->branch.size() > kBranchCookie.size()) {
    hash = mix(hash, via->branch);
    return mix(mix(hash, via->host), std::string_view(reinterpret_cast<const char*>(&via->port), sizeof via->port));
  }
  // RFC 2543 peers (§17.2.3): the whole Via, Call-ID, From and CSeq number
  const auto cseq = request.cseq();
  hash = mix(mix(mix(hash, text), request.value(HeaderId::kCallId)), request.value(HeaderId::kFrom));
  return mix(hash, std::string_view(reinterpret_cast<const char*>(&cseq), sizeof cseq));
}

Transaction* Transactions::serve(const Message& request, const Endpoint& from) {
  const auto via = Via::parse(top_via(request));
  auto* transaction = request.method() == Method::kInvite ? open(InviteServer(timing_), Purpose::kAnswer, {}, from)
                                                          : open(Server(timing_), Purpose::kAnswer, {}, from);
  if (!transaction) return nullptr;
  if (via) transaction->peer = via->reply_to(from);
  transaction->cseq = request.cseq();
  index_.add(hash_of(request), transaction->self.index);
  transaction->is_indexed = true;
  return transaction;
}

bool Transactions::respond(Transaction& transaction, int status, const Writer& written, TimePoint now) {
  if (written.failed()) return false;
  transaction.keep(written.text());
  if (auto* invite = transaction.as<InviteServer>()) invite->respond(status, now);
  if (auto* server = transaction.as<Server>()) server->respond(status, now);
  send(transaction);
  settle(transaction);
  return true;
}

Transaction* Transactions::find_client(const Message& response) {
  const auto via = Via::parse(top_via(response));
  if (!via || !via->branch.starts_with(kBranchCookie)) return nullptr;
  const auto label = Label::parse(via->branch.substr(kBranchCookie.size()));
  if (!label || label->shard != shard_) return nullptr;
  auto* transaction = pool_.find(label->object);
  if (!transaction || transaction->key != label->key) return nullptr;
  const bool is_invite = transaction->as<InviteClient>() != nullptr;
  if (response.method() == Method::kCancel && is_invite) return pool_.find(transaction->cancel);
  if (!is_invite && !transaction->as<Client>()) return nullptr;
  return (response.method() == Method::kInvite) == is_invite ? transaction : nullptr;
}

Transaction* Transactions::find_server(const Message& request) {
  const auto entry = index_.find(hash_of(request));
  return entry == Index::kNone ? nullptr : pool_.find(handles_[entry]);
}

void Transactions::settle(Transaction& transaction) {
  const bool has_ended =
      std::visit([](auto& machine) { return machine.state() == std::decay_t<decltype(machine)>::State::kTerminated; },
                 transaction.machine);
  const auto* client = transaction.as<Client>();
  const bool only_waits = client && client->state() == Client::State::kCompleted;
  if (has_ended || (only_waits && is_crowded())) return drop(transaction);
  const auto deadline = std::visit([](auto& machine) { return machine.deadline(); }, transaction.machine);
  if (deadline == transaction.armed) return;
  if (transaction.timer) clock_.cancel(transaction.timer);
  transaction.armed = deadline;
  transaction.timer = Handle{};
  if (deadline != TimePoint::max())
    transaction.timer = clock_.schedule(deadline, {Due::What::kTransaction, transaction.self});
}

void Transactions::forget_accepted(Handle handle) {
  Transaction* transaction = is_crowded() ? pool_.find(handle) : nullptr;
  if (!transaction) return;
  const auto* invite = transaction->as<InviteClient>();
  if (invite && invite->state() == InviteClient::State::kAccepted) drop(*transaction);
}

bool Transactions::on_deadline(Transaction& transaction, TimePoint now) {
  transaction.timer = Handle{};
  transaction.armed = TimePoint::max();
  if (auto* invite = transaction.as<InviteClient>()) {
    const auto action = invite->on_deadline(now);
    if (action == InviteClient::Action::kSendInvite) send(transaction);
    return action == InviteClient::Action::kReportTimeout;
  }
  if (auto* client = transaction.as<Client>()) {
    const auto action = client->on_deadline(now);
    if (action == Client::Action::kSendRequest) send(transaction);
    return action == Client::Action::kReportTimeout;
  }
  if (auto* invite = transaction.as<InviteServer>()) {
    const bool is_answered = invite->state() == InviteServer::State::kAccepted;
    const auto action = invite->on_deadline(now);
    if (action == InviteServer::Action::kSendResponse) send(transaction);
    return action == InviteServer::Action::kReportTimeout && is_answered;
  }
  transaction.as<Server>()->on_deadline(now);
  return false;
}

}  // namespace carillon::sip
