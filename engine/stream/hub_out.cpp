// The way out: what shards send, and the connections that we open for it.

#include <algorithm>

#include "engine/base/check.h"
#include "engine/stream/hub.h"

namespace carillon::stream {
namespace {

constexpr int kSendsPerTurn = 1024;  // of one shard

}  // namespace

void Hub::take_from_shards(TimePoint now) {
  for (std::uint32_t shard = 0; shard < channels_.size(); ++shard) {
    ByteView bytes;
    for (int i = 0; i < kSendsPerTurn; ++i) {
      const Outgoing* wanted = channels_[shard]->next_to_send(bytes);
      if (!wanted) break;
      send(shard, *wanted, bytes, now);
      if (i + 1 == kSendsPerTurn) is_woken_.store(true);  // there may be more: do not sleep
    }
  }
}

void Hub::send(std::uint32_t shard, const Outgoing& wanted, ByteView bytes, TimePoint now) {
  Connection* connection = connections_.find(wanted.flow);
  if (connection && connection->is_finished) connection = nullptr;
  CloseReason reason = CloseReason::kGone;
  std::string why;
  if (!connection && wanted.target.peer.port != 0) connection = connection_to(wanted.target, now, reason, why);
  if (!connection) {
    if (!bytes.empty()) undelivered(shard, wanted.tag, wanted.flow, reason, why.empty() ? name_of(reason) : why);
    return;
  }
  connection->close_when_sent |= wanted.close;
  if (connection->is_ours) connection->shards.set(shard);  // hears when it is gone
  if (!bytes.empty()) {
    counters_.add(Count::kMessagesOut);
    (void)queue_message(*connection, bytes, wanted.tag, shard, now);
  } else if (wanted.close && !connection->is_dirty) {
    connection->is_dirty = true;
    dirty_.push_back(connection->self);
  }
}

// The open connection to the same place, or a new one that is on its way.
Connection* Hub::connection_to(const Target& target, TimePoint now, CloseReason& reason, std::string& why) {
  if (const auto known = targets_.find(target); known != targets_.end()) return connections_.find(known->second);
  if (is_web_socket(target.transport)) return why = "we open no WebSocket", nullptr;
  if (connections_.size() == connections_.capacity()) return reason = CloseReason::kFull, nullptr;
  const int fd = start_connect(target.peer, why);
  if (fd < 0) {
    counters_.add(CloseReason::kConnect);
    return reason = CloseReason::kConnect, nullptr;
  }
  const bool secure = is_secure(target.transport);
  const Handle handle =
      connections_.add(fd, target.transport, secure ? contexts_.back() : nullptr, config_.framing, target.name.view());
  CHECK(handle);
  Connection& connection = *connections_.find(handle);
  connection.state = State::kConnecting;
  connection.self = handle;
  connection.is_ours = true;
  connection.peer = target.peer;
  connection.target = target;
  connection.since = connection.heard = now;
  targets_[target] = handle;
  connection.interest = EPOLLOUT;
  epoll_event event{.events = EPOLLOUT, .data = {.u64 = handle.bits()}};
  if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) {
    close(connection, CloseReason::kFull);
    return reason = CloseReason::kFull, nullptr;
  }
  settle(connection);
  return &connection;
}

// A WebSocket carries one message in one frame (RFC 7118 §5); browsers close on text that is no UTF-8.
bool Hub::queue_message(Connection& connection, ByteView bytes, std::uint64_t tag, std::uint32_t shard, TimePoint now) {
  if (!is_web_socket(connection.transport)) return queue(connection, bytes, tag, shard, now);
  frame_.clear();
  write_frame(frame_, is_utf8(text_of(bytes)) ? Opcode::kText : Opcode::kBinary, bytes);
  return queue(connection, bytes_of(frame_), tag, shard, now);
}

// False: the connection is gone.
bool Hub::queue(Connection& connection, ByteView bytes, std::uint64_t tag, std::uint32_t shard, TimePoint now) {
  if (tag != 0) connection.pending.push_back({connection.taken + connection.queued() + bytes.size(), tag, shard});
  if (connection.queued() + bytes.size() > config_.queue_max)
    return close(connection, CloseReason::kSlowReader, "reads too slowly"), false;
  connection.queue(bytes, now);
  count_held(connection);
  if (held_ > config_.held_max) return close(connection, CloseReason::kMemory), false;
  if (!connection.is_dirty) dirty_.push_back(connection.self);
  connection.is_dirty = true;
  return true;
}

void Hub::undelivered(std::uint32_t shard, std::uint64_t tag, Flow flow, CloseReason reason, std::string_view why) {
  counters_.add(Count::kUndelivered);
  if (tag == 0) return;
  Incoming incoming{.kind = Incoming::Kind::kUndelivered, .reason = reason};
  incoming.flow = flow;
  incoming.tag = tag;
  incoming.arrival = now_;
  hand(shard, incoming, bytes_of(why));
}

// What a turn has queued leaves together.
void Hub::flush_dirty(TimePoint now) {
  for (std::size_t i = 0; i < dirty_.size(); ++i) {
    Connection* connection = connections_.find(dirty_[i]);
    if (!connection) continue;
    connection->is_dirty = false;
    flush(*connection, now);
  }
  dirty_.clear();
}

void Hub::flush(Connection& connection, TimePoint now) {
  if (connection.state == State::kConnecting || connection.state == State::kHandshaking) return settle(connection);
  std::size_t sent = 0;
  const auto rest = ByteView(std::as_bytes(std::span(connection.out))).subspan(connection.out_at);
  const auto io = rest.empty() ? Wire::Io::kOk : connection.wire.write(rest, sent);
  counters_.add(Count::kBytesOut, sent);
  connection.take_off(sent, now);
  connection.is_blocked = io == Wire::Io::kAgain;
  if (io == Wire::Io::kFailed || io == Wire::Io::kClosed)
    return close(connection, CloseReason::kReset, connection.wire.error());
  if (connection.queued() == 0 && connection.close_when_sent) {
    // Closed at once, the kernel would answer what was never read with a reset, and that may overtake our last words.
    connection.wire.finish();
    connection.is_finished = true;
    connection.close_when_sent = false;
    return drain(connection, connection.state == State::kDraining ? connection.ending : CloseReason::kAsked, now);
  }
  settle(connection);
}

}  // namespace carillon::stream
