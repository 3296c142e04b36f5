#include "engine/stream/hub.h"

#include <fmt/format.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>

#include "engine/base/check.h"

namespace carillon::stream {
namespace {

constexpr int kBacklog = 1024;
constexpr std::size_t kScratch = 64u << 10;
constexpr int kTimersPerTurn = 1000;
constexpr Duration kNoteEvery = 1s;
// epoll's words: a connection's handle has a generation, these have none
constexpr std::uint64_t kDoorbell = 0xFFFF'FFFF;

}  // namespace

Endpoint source_of(Endpoint peer) {
  peer.port = 0;
  if (peer.is_v6) std::fill(peer.address.begin() + 8, peer.address.end(), std::uint8_t{0});
  return peer;
}

Result<std::unique_ptr<Hub>, std::string> Hub::make(StreamsConfig config, std::uint32_t shards, Seams seams) {
  if (auto fault = config.fault(); !fault.empty()) return fault;
  CHECK(shards > 0 && shards <= kShardsMax);
  CHECK(seams.steer);
  std::unique_ptr<Hub> hub(new Hub(std::move(config), shards, std::move(seams)));
  if (auto fault = hub->open(); !fault.empty()) return fault;
  return hub;
}

Hub::Hub(StreamsConfig config, std::uint32_t shards, Seams seams)
    : config_(std::move(config)),
      seams_(std::move(seams)),
      connections_(config_.connections_max),
      timers_(config_.connections_max, TimePoint{}),
      to_wake_(shards),
      scratch_(kScratch),
      tokens_(config_.accepts_per_second) {
  for (std::uint32_t i = 0; i < shards; ++i)
    channels_.push_back(std::make_unique<Channel>(config_.channel_items, config_.channel_bytes));
}

std::string Hub::open() {
  epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
  doorbell_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (epoll_ < 0 || doorbell_ < 0) return "no file descriptor left";
  epoll_event event{.events = EPOLLIN, .data = {.u64 = kDoorbell}};
  ::epoll_ctl(epoll_, EPOLL_CTL_ADD, doorbell_, &event);
  for (const auto& listener : config_.listeners) {
    std::shared_ptr<const TlsContext> tls;
    if (is_secure(listener.transport)) {
      auto made = TlsContext::server(listener.tls);
      if (!made) return made.error();
      tls = std::move(*made);
    }
    contexts_.push_back(std::move(tls));
    const auto fd = listen_on(listener.local, kBacklog);
    if (!fd) return fd.error();
    listeners_.push_back({*fd, local_of(*fd)});
  }
  auto client = TlsContext::client(config_.client);
  if (!client) return client.error();
  contexts_.push_back(std::move(*client));
  resume_accepts();
  return {};
}

Hub::~Hub() {
  for (const auto& listener : listeners_) ::close(listener.fd);
  if (doorbell_ >= 0) ::close(doorbell_);
  if (epoll_ >= 0) ::close(epoll_);
}

void Hub::use(std::size_t context, std::shared_ptr<const TlsContext> fresh) {
  contexts_[context] = std::move(fresh);
  counters_.add(Count::kReloads);
}

std::uint64_t Hub::refused_by_rings() const {
  std::uint64_t sum = 0;
  for (const auto& channel : channels_) sum += channel->refused();
  return sum;
}

// As io::Wakeup: the waker pays a system call only when the thread sleeps.
void Hub::wake() {
  is_woken_.store(true);
  if (!is_asleep_.load()) return;
  const std::uint64_t one = 1;
  (void)!::write(doorbell_, &one, sizeof one);
}

Duration Hub::sleep_time(TimePoint now) const {
  if (!unread_.empty()) return Duration{0};
  TimePoint until = std::min(timers_.next(), is_paused_ ? paused_until_ : TimePoint::max());
  const Duration longest = config_.shards_wake ? Duration{1s} : config_.poll_time;
  return std::clamp<Duration>(until == TimePoint::max() ? longest : until - now, Duration{0}, longest);
}

void Hub::wait(Duration most) {
  is_asleep_.store(true);
  if (is_woken_.load()) most = Duration{0};
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(most).count();
  event_count_ = ::epoll_wait(epoll_, events_.data(), static_cast<int>(events_.size()), static_cast<int>(ms));
  is_asleep_.store(false);
  is_woken_.exchange(false);  // a read too: what the waker wrote before is visible from here on
}

void Hub::work(TimePoint now) {
  now_ = now;
  timers_.fire(now, kTimersPerTurn, [&](Handle handle) { expire(handle, now); });
  if (is_paused_ && now >= paused_until_) resume_accepts();
  std::swap(serving_, unread_);
  for (const Handle handle : serving_) {
    Connection* connection = connections_.find(handle);
    if (!connection) continue;
    connection->has_unread = false;
    read(*connection, now);
  }
  serving_.clear();
  for (int i = 0; i < event_count_; ++i) {
    const Handle handle = Handle::from_bits(events_[static_cast<std::size_t>(i)].data.u64);
    if (Connection* connection = connections_.find(handle)) {
      serve(*connection, events_[static_cast<std::size_t>(i)].events, now);
    } else if (handle.generation == 0 && handle.index < listeners_.size()) {
      accept(handle.index, now);
    } else if (handle.bits() == kDoorbell) {
      std::uint64_t count = 0;
      (void)!::read(doorbell_, &count, sizeof count);
    }
  }
  event_count_ = 0;
  take_from_shards(now);
  flush_dirty(now);
  for (std::uint32_t shard = 0; shard < to_wake_.size(); ++shard) {
    if (to_wake_[shard] && seams_.wake) seams_.wake(shard);
    to_wake_[shard] = false;
  }
}

void Hub::stop() {
  flush_dirty(now_);
  connections_.each([&](Handle, Connection& connection) {
    connection.wire.finish();
    close(connection, CloseReason::kStopping);
  });
}

// After whatever has happened to a connection that lives on: epoll, timer and the bound over all follow.
void Hub::settle(Connection& connection) {
  count_held(connection);
  watch(connection);
  arm(connection);
}

void Hub::count_held(Connection& connection) {
  held_ += connection.held() - connection.held_before;
  connection.held_before = connection.held();
}

void Hub::watch(Connection& connection) {
  const bool reads = connection.state != State::kConnecting && connection.state != State::kDraining;
  const bool writes =
      connection.state == State::kConnecting || connection.is_blocked || (reads && connection.wire.wants_write());
  const std::uint32_t interest = (reads ? EPOLLIN : 0u) | (writes ? EPOLLOUT : 0u);
  if (interest == connection.interest) return;
  epoll_event event{.events = interest, .data = {.u64 = connection.self.bits()}};
  ::epoll_ctl(epoll_, EPOLL_CTL_MOD, connection.wire.fd(), &event);
  connection.interest = interest;
}

// The timer may stand early: then it looks again. So a message does not move it.
void Hub::arm(Connection& connection) {
  const TimePoint deadline = connection.deadline(config_);
  if (connection.timer && connection.armed <= deadline) return;
  timers_.cancel(connection.timer);
  connection.timer = timers_.schedule(deadline, connection.self);
  connection.armed = deadline;
  CHECK(connection.timer);  // one for each connection there can be
}

void Hub::expire(Handle handle, TimePoint now) {
  Connection* connection = connections_.find(handle);
  if (!connection) return;
  connection->timer = {};
  if (connection->deadline(config_) > now) return arm(*connection);
  const CloseReason reason = connection->overdue(config_, now);
  if (connection->state == State::kOpen || connection->state == State::kDraining) connection->wire.finish();
  close(*connection, reason);
}

// Reads no more; what is queued, and what shards still answer, may leave.
void Hub::drain(Connection& connection, CloseReason reason, TimePoint now) {
  connection.state = State::kDraining;
  connection.ending = reason;
  connection.since = now;
  forget_target(connection);
  settle(connection);
}

void Hub::forget_target(Connection& connection) {
  const auto found = targets_.find(connection.target);
  if (connection.is_ours && found != targets_.end() && found->second == connection.self) targets_.erase(found);
}

void Hub::close(Connection& connection, CloseReason reason, std::string_view why) {
  counters_.add(reason);
  note(connection, reason, why);
  for (const auto& pending : connection.pending)
    undelivered(pending.shard, pending.tag, connection.self, reason, why.empty() ? name_of(reason) : why);
  Incoming gone{.kind = Incoming::Kind::kClosed, .reason = reason, .transport = connection.transport};
  gone.flow = connection.self;
  gone.peer = connection.peer;
  gone.is_ours = connection.is_ours;
  gone.arrival = now_;
  for (std::uint32_t shard = 0; shard < channels_.size(); ++shard)
    if (connection.shards[shard]) hand(shard, gone, {});
  forget_target(connection);
  if (!connection.is_ours) {
    const auto source = sources_.find(source_of(connection.peer));
    if (source != sources_.end() && --source->second == 0) sources_.erase(source);
  }
  timers_.cancel(connection.timer);
  held_ -= connection.held_before;
  connections_.remove(connection.self);
}

void Hub::hand(std::uint32_t shard, const Incoming& incoming, ByteView bytes) {
  if (!channels_[shard]->hand_over(incoming, bytes)) return counters_.add(Count::kToShardFull);
  to_wake_[shard] = true;
}

// A scanner must not fill the log: what it does is counted, and one line a second tells of it.
void Hub::note(const Connection& connection, CloseReason reason, std::string_view why) {
  const bool is_trouble = reason == CloseReason::kTls || reason == CloseReason::kName ||
                          reason == CloseReason::kConnect || reason == CloseReason::kConnectTime ||
                          reason == CloseReason::kSlowReader || reason == CloseReason::kMemory;
  if (!is_trouble || !seams_.note || (has_noted_ && now_ - noted_at_ < kNoteEvery)) return;
  has_noted_ = true;
  noted_at_ = now_;
  seams_.note(fmt::format("{} {}: {}", connection.is_ours ? "to" : "from", connection.peer.text(),
                          why.empty() ? name_of(reason) : why));
}

}  // namespace carillon::stream
