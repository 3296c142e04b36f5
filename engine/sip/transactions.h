#pragma once
// The transactions of one agent: their bytes, timers and matching. What a response or a time-out means is the agent's
// affair; resending is done here.

#include <array>
#include <span>
#include <string_view>
#include <variant>

#include "engine/base/pool.h"
#include "engine/base/random.h"
#include "engine/base/timers.h"
#include "engine/sip/index.h"
#include "engine/sip/label.h"
#include "engine/sip/mailbox.h"
#include "engine/sip/transaction.h"
#include "engine/sip/writer.h"

namespace carillon::sip {

/// What a timer of the agent is for; `object` names a transaction, call, trunk or phone.
struct Due {
  enum class What : std::uint8_t { kTransaction, kCall, kTrunkRegister, kTrunkProbe, kBinding };
  What what = What::kTransaction;
  Handle object;
};
using Clock = Timers<Due>;

/// What a client transaction was opened for, and so who hears of its end.
enum class Purpose : std::uint8_t { kInvite, kReinvite, kBye, kCancel, kRegister, kProbe, kAnswer };

/// The longest message that we write.
inline constexpr std::size_t kWriteMax = 4096;

struct Transaction {
  using Machine = std::variant<InviteClient, Client, InviteServer, Server>;

  explicit Transaction(Machine machine) : machine(machine) {}
  template <class Kind>
  Kind* as() {
    return std::get_if<Kind>(&machine);
  }
  std::string_view text() const { return {bytes.data(), size}; }
  ByteView wire() const { return bytes_of(text()); }
  void keep(std::string_view message);

  Machine machine;
  Handle self, owner, timer;
  Handle cancel;  ///< INVITE client: its CANCEL, which shares its branch
  TimePoint armed = TimePoint::max();
  Endpoint peer;
  std::uint32_t key = 0;
  std::uint32_t cseq = 0;
  Purpose purpose = Purpose::kAnswer;
  std::uint8_t attempt = 0;   ///< how often credentials were given
  std::uint8_t argument = 0;  ///< kProbe: which gateway; kRegister: 1 takes the registration back
  bool is_indexed = false;
  std::uint16_t size = 0;
  std::array<char, kWriteMax> bytes;  ///< the request or response to resend; after a final answer to an INVITE: the ACK
};

class Transactions {
 public:
  Transactions(const UserAgentConfig& config, Random& random, Outbox& outbox, Clock& clock, Counters& counters);

  /// A client transaction; null when full. Write into buffer(), then start() or drop() it.
  Transaction* open(Transaction::Machine machine, Purpose purpose, Handle owner, const Endpoint& peer);
  Label branch_of(const Transaction& transaction) const { return {shard_, transaction.self, transaction.key}; }
  /// Sends what was written, for the first time. False, and the transaction is gone: it did not fit.
  bool start(Transaction& transaction, const Writer& written, TimePoint now);
  void drop(Transaction& transaction);

  /// A server transaction for `request`, which find_server() will find again; null when full.
  Transaction* serve(const Message& request, const Endpoint& from);
  /// Sends a response and keeps it. False: it did not fit.
  bool respond(Transaction& transaction, int status, const Writer& written, TimePoint now);

  Transaction* find(Handle handle) { return pool_.find(handle); }
  /// Ours by its branch, or null. For a CANCEL's response: the CANCEL's.
  Transaction* find_client(const Message& response);
  /// The server transaction that this request repeats, acknowledges or cancels, or null.
  Transaction* find_server(const Message& request);

  void send(const Transaction& transaction) {
    if (transaction.size > 0) outbox_.send(transaction.peer, transaction.text());
  }
  /// After every event of its machine: sets its timer anew, or forgets it when it has ended.
  void settle(Transaction& transaction);
  /// A timer: resends what is due. True: it gave up, and its owner must hear so (before settle()).
  bool on_deadline(Transaction& transaction, TimePoint now);
  /// Half of the room is used: what only waits for repetitions goes at once. Ten thousand calls a second would else hold
  /// 320,000 transactions (timer M) that nobody asks for.
  bool is_crowded() const { return pool_.size() * 2 > pool_.capacity(); }
  /// The call that this INVITE set up is over; a 2xx that is repeated now finds nothing and is dropped. No-op with room.
  void forget_accepted(Handle invite);
  std::uint32_t alive() const { return static_cast<std::uint32_t>(pool_.size()); }

 private:
  std::uint64_t hash_of(const Message& request) const;

  Timing timing_;
  std::uint32_t shard_;
  std::uint64_t seed_;
  Random& random_;
  Outbox& outbox_;
  Clock& clock_;
  Counters& counters_;
  Pool<Transaction> pool_;
  std::vector<Handle> handles_;  ///< by pool index, for what Index finds
  Index index_;
};

}  // namespace carillon::sip
