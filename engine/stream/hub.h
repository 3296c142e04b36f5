#pragma once
// All connections: who may come, what comes in goes to a shard, what shards send goes out, and what takes too long
// ends. One thread owns it (Streams); it reads no clock, so tests turn it by hand over real sockets.

#include <sys/epoll.h>

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "engine/base/pool.h"
#include "engine/base/timers.h"
#include "engine/stream/channel.h"
#include "engine/stream/config.h"
#include "engine/stream/connection.h"
#include "engine/stream/counters.h"

namespace carillon::stream {

/// Decisions that are the engine's. All are called on the stream thread.
struct Seams {
  /// Which shard has this message, or this head, of this flow. A number over the shards is taken modulo.
  std::function<std::uint32_t(ByteView message, Flow flow)> steer{};
  /// Things have been handed to this shard: end its sleep. May be empty.
  std::function<void(std::uint32_t shard)> wake{};
  /// What an operator wants to know ("192.0.2.7:4711: TLS: …"), at most once a second. May be empty.
  std::function<void(const std::string& text)> note{};
};

class Hub {
 public:
  using Contexts = std::vector<std::shared_ptr<const TlsContext>>;  // one per listener (null: plain), then the client's

  /// Opens the listeners; the error is for the operator.
  static Result<std::unique_ptr<Hub>, std::string> make(StreamsConfig config, std::uint32_t shards, Seams seams);
  ~Hub();
  Hub(const Hub&) = delete;

  /// Sleeps until there is work, at most `most`.
  void wait(Duration most);
  /// How long wait() may sleep at `now`.
  Duration sleep_time(TimePoint now) const;
  /// Does what wait() found, what shards want sent, and what is due.
  void work(TimePoint now);
  /// Says good-bye to all. Nothing may be called after.
  void stop();

  /// Any thread.
  void wake();
  Channel& channel(std::uint32_t shard) { return *channels_[shard]; }
  const Counters& counters() const { return counters_; }
  std::uint64_t refused_by_rings() const;
  Endpoint local(std::size_t listener) const { return listeners_[listener].local; }
  /// Handshakes from now on; connections that stand stay as they are. Stream thread.
  void use(std::size_t context, std::shared_ptr<const TlsContext> fresh);

  std::size_t connections() const { return connections_.size(); }
  std::size_t held() const { return held_; }
  const StreamsConfig& config() const { return config_; }

 private:
  using State = Connection::State;
  struct Listening {
    int fd = -1;
    Endpoint local;
  };
  struct TargetHash {
    std::size_t operator()(const Target& target) const {
      return EndpointHash{}(target.peer) ^ std::hash<std::string_view>{}(target.name) ^
             static_cast<std::size_t>(target.transport);
    }
  };

  Hub(StreamsConfig config, std::uint32_t shards, Seams seams);
  std::string open();

  // hub_in.cpp
  void accept(std::size_t listener, TimePoint now);
  void take_token(TimePoint now);
  void pause_accepts(TimePoint until);
  void resume_accepts();
  void admit(std::size_t listener, int fd, const Endpoint& peer, TimePoint now);
  void serve(Connection& connection, std::uint32_t events, TimePoint now);
  void advance(Connection& connection, TimePoint now);
  void opened(Connection& connection, TimePoint now);
  void read(Connection& connection, TimePoint now);
  bool take(Connection& connection, ByteView bytes, TimePoint now);
  bool take_frames(Connection& connection, TimePoint now);
  void deliver(Connection& connection, Incoming::Kind kind, CloseReason reason, ByteView bytes, TimePoint now);
  void ended_by_peer(Connection& connection, TimePoint now);

  // hub_web.cpp
  bool take_upgrade(Connection& connection, ByteView bytes, TimePoint now);
  bool take_socket_events(Connection& connection, TimePoint now);
  bool take_socket_message(Connection& connection, ByteView bytes, TimePoint now);
  bool end_socket(Connection& connection, std::uint16_t code, CloseReason reason, TimePoint now);
  bool queue_frame(Connection& connection, Opcode opcode, ByteView payload, TimePoint now);

  // hub_out.cpp
  void take_from_shards(TimePoint now);
  void send(std::uint32_t shard, const Outgoing& wanted, ByteView bytes, TimePoint now);
  Connection* connection_to(const Target& target, TimePoint now, CloseReason& reason, std::string& why);
  bool queue_message(Connection& connection, ByteView bytes, std::uint64_t tag, std::uint32_t shard, TimePoint now);
  bool queue(Connection& connection, ByteView bytes, std::uint64_t tag, std::uint32_t shard, TimePoint now);
  void undelivered(std::uint32_t shard, std::uint64_t tag, Flow flow, CloseReason reason, std::string_view why);
  void flush(Connection& connection, TimePoint now);
  void flush_dirty(TimePoint now);

  // hub.cpp
  void drain(Connection& connection, CloseReason reason, TimePoint now);
  void close(Connection& connection, CloseReason reason, std::string_view why = {});
  void settle(Connection& connection);
  void arm(Connection& connection);
  void expire(Handle handle, TimePoint now);
  void watch(Connection& connection);
  void count_held(Connection& connection);
  void hand(std::uint32_t shard, const Incoming& incoming, ByteView bytes);
  void forget_target(Connection& connection);
  void note(const Connection& connection, CloseReason reason, std::string_view why);

  const StreamsConfig config_;
  const Seams seams_;
  Contexts contexts_;
  Counters counters_;
  std::vector<std::unique_ptr<Channel>> channels_;
  std::vector<Listening> listeners_;
  Pool<Connection> connections_;
  Timers<Handle> timers_;
  std::unordered_map<Endpoint, std::uint32_t, EndpointHash> sources_;  // accepted connections by address, port 0
  std::unordered_map<Target, Handle, TargetHash> targets_;             // ours, reused
  std::vector<Handle> dirty_, unread_, serving_;
  std::vector<bool> to_wake_;
  std::vector<std::byte> scratch_;
  std::string frame_;  // the WebSocket frame that is being queued
  std::array<epoll_event, 256> events_;
  int event_count_ = 0;
  int epoll_ = -1, doorbell_ = -1;
  std::size_t held_ = 0;
  double tokens_ = 0;
  TimePoint now_{}, tokens_at_{}, paused_until_{}, noted_at_{};
  bool is_paused_ = false, has_noted_ = false;
  std::atomic<bool> is_asleep_{false}, is_woken_{false};
};

/// The source that a bound counts by: an IPv4 address, an IPv6 /64.
Endpoint source_of(Endpoint peer);

}  // namespace carillon::stream
