#pragma once
// What the parts of one agent share, and the answers that need no memory.

#include <string_view>

#include "engine/sip/compose.h"
#include "engine/sip/digest.h"
#include "engine/sip/mailbox.h"
#include "engine/sip/transactions.h"

namespace carillon::sip {

struct Core {
  Core(const UserAgentConfig& config, Random& random, TimePoint now);

  UserAgentConfig config;
  Random& random;
  Counters counters;
  Outbox outbox;
  EventLog events;
  Clock clock;
  Transactions transactions;
  Hasher hasher;
  Nonces nonces;
  FixedText<64> sent_by;  ///< our address as Via and Contact have it
  std::array<char, kWriteMax> scratch;

  Label new_label(Handle object) { return {config.shard, object, random.u32()}; }
  /// A tag for an answer without memory: the same for each retransmission (RFC 3261 §8.2.7).
  FixedText<32> loose_tag(const Message& request);

  /// Answers without a transaction; `more` writes headers. ACK is never answered.
  template <class More>
  void reply(const Message& request, const Endpoint& from, int status, std::string_view reason, More&& more) {
    if (request.method() == Method::kAck) return;
    Writer out = begin_reply(request, from, status, reason);
    more(out);
    end_reply(request, from, out);
  }
  void reply(const Message& request, const Endpoint& from, int status, std::string_view reason = {}) {
    reply(request, from, status, reason, [](Writer&) {});
  }
  /// 503 with Retry-After: we are full.
  void reply_full(const Message& request, const Endpoint& from);
  void write_retry_after(Writer& out, Duration after);

  /// Arms a timer; the wheel is as large as everything that can hold one.
  Handle schedule(TimePoint at, Due due);

 private:
  Writer begin_reply(const Message& request, const Endpoint& from, int status, std::string_view reason);
  void end_reply(const Message& request, const Endpoint& from, Writer& out);
};

}  // namespace carillon::sip
