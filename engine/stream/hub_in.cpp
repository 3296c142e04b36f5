// The way in: who is let in, what is read and to which shard it goes.

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "engine/base/check.h"
#include "engine/stream/hub.h"

namespace carillon::stream {
namespace {

constexpr int kAcceptsPerTurn = 64;
constexpr int kReadsPerTurn = 8;  // of one connection: others have their turn
constexpr Duration kDescriptorPause = 100ms;
constexpr std::string_view kPong = "\r\n";

CloseReason reason_of(FramingError error) {
  switch (error) {
    case FramingError::kNotSip:
      return CloseReason::kNotSip;
    case FramingError::kHeadTooLong:
      return CloseReason::kHeadTooLong;
    case FramingError::kNoLength:
      return CloseReason::kNoLength;
    case FramingError::kBadLength:
      return CloseReason::kBadLength;
    case FramingError::kTooLong:
      return CloseReason::kTooLong;
    case FramingError::kNone:
      break;
  }
  return CloseReason::kNone;
}

}  // namespace

void Hub::accept(std::size_t listener, TimePoint now) {
  for (int i = 0; i < kAcceptsPerTurn && !is_paused_; ++i) {
    Endpoint peer;
    const int fd = accept_on(listeners_[listener].fd, peer);
    if (fd < 0) {
      // level-triggered: what cannot be accepted now would wake us for nothing
      if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
        pause_accepts(now + kDescriptorPause);
      return;
    }
    admit(listener, fd, peer, now);
  }
}

// Beyond accepts_per_second the rest waits in the kernel's backlog.
void Hub::take_token(TimePoint now) {
  const double rate = config_.accepts_per_second;
  const double gained = std::chrono::duration<double>(now - tokens_at_).count() * rate;
  tokens_ = std::min(rate, tokens_ + gained);
  tokens_at_ = now;
  tokens_ -= 1;
  if (tokens_ >= 1) return;
  pause_accepts(now + std::chrono::duration_cast<Duration>(std::chrono::duration<double>((1 - tokens_) / rate)));
}

void Hub::pause_accepts(TimePoint until) {
  if (!is_paused_) counters_.add(Count::kAcceptPauses);
  is_paused_ = true;
  paused_until_ = until;
  for (const auto& listener : listeners_) ::epoll_ctl(epoll_, EPOLL_CTL_DEL, listener.fd, nullptr);
}

void Hub::resume_accepts() {
  is_paused_ = false;
  for (std::uint32_t i = 0; i < listeners_.size(); ++i) {
    epoll_event event{.events = EPOLLIN, .data = {.u64 = Handle{i, 0}.bits()}};
    ::epoll_ctl(epoll_, EPOLL_CTL_ADD, listeners_[i].fd, &event);
  }
}

void Hub::admit(std::size_t listener, int fd, const Endpoint& peer, TimePoint now) {
  const auto source = source_of(peer);
  const auto known = sources_.find(source);
  if (known != sources_.end() && known->second >= config_.per_source_max) {
    ::close(fd);  // takes no token: one source does not keep the others out
    return counters_.add(Count::kRefusedSource);
  }
  take_token(now);
  const Handle handle =
      connections_.add(fd, config_.listeners[listener].transport, contexts_[listener], config_.framing);
  if (!handle) {
    ::close(fd);
    return counters_.add(Count::kRefusedFull);
  }
  counters_.add(Count::kAccepted);
  ++sources_[source];
  Connection& connection = *connections_.find(handle);
  connection.self = handle;
  connection.listener = static_cast<std::uint8_t>(listener);
  connection.peer = peer;
  connection.local = local_of(fd);
  connection.since = connection.heard = now;
  connection.interest = EPOLLIN;
  epoll_event event{.events = EPOLLIN, .data = {.u64 = handle.bits()}};
  if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) return close(connection, CloseReason::kFull);
  if (!is_secure(connection.transport)) opened(connection, now);
  settle(connection);
}

void Hub::serve(Connection& connection, std::uint32_t events, TimePoint now) {
  switch (connection.state) {
    case State::kConnecting:
      if (const int error = connect_result(connection.wire.fd()); error != 0)
        return close(connection, CloseReason::kConnect, std::string("connect: ") + std::strerror(error));
      connection.state = State::kHandshaking;
      connection.local = local_of(connection.wire.fd());
      return advance(connection, now);
    case State::kHandshaking:
      return advance(connection, now);
    case State::kDraining:
      if ((events & (EPOLLHUP | EPOLLERR)) != 0) return close(connection, connection.ending);
      return flush(connection, now);
    case State::kUpgrading:
    case State::kOpen:
      break;
  }
  const Handle handle = connection.self;
  if ((events & EPOLLOUT) != 0) flush(connection, now);
  if (!connections_.find(handle)) return;
  if ((events & ~EPOLLOUT) != 0 || connection.wire.wants_write()) read(connection, now);
}

// One step of the handshake.
void Hub::advance(Connection& connection, TimePoint now) {
  switch (connection.wire.handshake()) {
    case Wire::Io::kAgain:
      return settle(connection);
    case Wire::Io::kClosed:
      return close(connection, CloseReason::kTls, "TLS: closed within the handshake");
    case Wire::Io::kFailed:
      return close(connection, CloseReason::kTls, connection.wire.error());
    case Wire::Io::kOk:
      break;
  }
  if (is_secure(connection.transport)) {
    counters_.add(Count::kHandshakes);
    if (connection.is_ours && !connection.wire.is_for(connection.target.name))
      return close(connection, CloseReason::kName,
                   "the other side's certificate is not for " + std::string(connection.target.name.view()));
    const X509* certificate = connection.wire.peer_certificate();
    connection.is_verified = certificate != nullptr;
    connection.domain.assign(domain_of(certificate));
  }
  opened(connection, now);
  const Handle handle = connection.self;
  flush(connection, now);
  // what came with the handshake's last bytes lies in TLS, where epoll does not see it
  if (connections_.find(handle)) read(connection, now);
}

void Hub::opened(Connection& connection, TimePoint now) {
  connection.state = is_web_socket(connection.transport) ? State::kUpgrading : State::kOpen;
  connection.heard = connection.progress = now;
  if (connection.is_ours) counters_.add(Count::kConnected);
}

void Hub::read(Connection& connection, TimePoint now) {
  if (connection.state != State::kOpen && connection.state != State::kUpgrading) return;
  for (int i = 0; i < kReadsPerTurn; ++i) {
    std::size_t got = 0;
    switch (connection.wire.read(scratch_, got)) {
      case Wire::Io::kAgain:
        return settle(connection);
      case Wire::Io::kClosed:
        return ended_by_peer(connection, now);
      case Wire::Io::kFailed:
        return close(connection, connection.is_within_message() ? CloseReason::kCutShort : CloseReason::kReset,
                     connection.wire.error());
      case Wire::Io::kOk:
        break;
    }
    connection.heard = now;
    counters_.add(Count::kBytesIn, got);
    if (!take(connection, ByteView(scratch_).first(got), now)) return;
    count_held(connection);
    if (held_ > config_.held_max) return close(connection, CloseReason::kMemory);
    if (!is_secure(connection.transport) && got < scratch_.size()) return settle(connection);
  }
  settle(connection);
  if (!connection.has_unread) unread_.push_back(connection.self);
  connection.has_unread = true;
}

// False, here and below: the connection reads no more, and may be gone.
bool Hub::take(Connection& connection, ByteView bytes, TimePoint now) {
  if (connection.state == State::kUpgrading) return take_upgrade(connection, bytes, now);
  if (connection.socket_reader) {
    connection.socket_reader->add(bytes, now);
    return take_socket_events(connection, now);
  }
  connection.framer.add(bytes, now);
  return take_frames(connection, now);
}

bool Hub::take_frames(Connection& connection, TimePoint now) {
  for (;;) {
    const Frame frame = connection.framer.next();
    switch (frame.kind) {
      case Frame::Kind::kNothing:
        return true;
      case Frame::Kind::kMessage:
        deliver(connection, Incoming::Kind::kMessage, CloseReason::kNone, frame.bytes, now);
        break;
      case Frame::Kind::kPing:
        counters_.add(Count::kPings);
        if (!queue(connection, bytes_of(kPong), 0, 0, now)) return false;
        break;
      case Frame::Kind::kRefused:
        const CloseReason reason = reason_of(frame.error);
        if (frame.bytes.empty()) return close(connection, reason), false;
        deliver(connection, Incoming::Kind::kRefused, reason, frame.bytes, now);
        return drain(connection, reason, now), false;
    }
  }
}

void Hub::deliver(Connection& connection, Incoming::Kind kind, CloseReason reason, ByteView bytes, TimePoint now) {
  const auto shard = seams_.steer(bytes, connection.self) % static_cast<std::uint32_t>(channels_.size());
  Incoming incoming{.kind = kind, .reason = reason, .transport = connection.transport};
  incoming.is_verified = connection.is_verified;
  incoming.is_ours = connection.is_ours;
  incoming.listener = connection.listener;
  incoming.flow = connection.self;
  incoming.arrival = now;
  incoming.peer = connection.peer;
  incoming.local = connection.local;
  incoming.domain = connection.domain;
  if (!channels_[shard]->hand_over(incoming, bytes)) return counters_.add(Count::kToShardFull);
  counters_.add(Count::kMessagesIn);
  to_wake_[shard] = true;
  connection.shards.set(shard);
}

// Half closed: whoever asked and then shut its sending side may still hear the answer.
void Hub::ended_by_peer(Connection& connection, TimePoint now) {
  if (connection.is_within_message()) return close(connection, CloseReason::kCutShort);
  if (connection.shards.none() && connection.queued() == 0) return close(connection, CloseReason::kPeer);
  drain(connection, CloseReason::kPeer, now);
}

}  // namespace carillon::stream
