#pragma once
// The stream thread: SIP over TCP and TLS between kernel sockets and the shards' rings. Made at start, before the
// shards run; stopped after them.

#include <cstdint>
#include <memory>
#include <string>

#include "engine/stream/channel.h"
#include "engine/stream/config.h"
#include "engine/stream/counters.h"
#include "engine/stream/hub.h"

namespace carillon::stream {

class Streams {
 public:
  /// Reads certificates and binds the listeners; errors in words for the operator. `shards` 1..kShardsMax.
  static Result<std::unique_ptr<Streams>, std::string> make(StreamsConfig config, std::uint32_t shards, Seams seams);
  /// Stops the thread.
  ~Streams();

  /// Starts the thread. Call once.
  void start();
  /// Ends it: what is queued leaves as far as the kernel takes it, TLS says good-bye.
  void stop();

  /// A shard's end of its rings: for that shard's thread alone.
  Channel& channel(std::uint32_t shard) { return hub_->channel(shard); }
  /// Any thread, after Channel::send(): with StreamsConfig::shards_wake the thread sleeps until then. One atomic store;
  /// a system call only when the thread sleeps.
  void wake() { hub_->wake(); }

  /// New certificates for a listener, or for our own calls: read here, in the caller's thread; used for handshakes from
  /// then on. Connections that stand are left alone. On an error the old ones stay. One thread at a time.
  Result<bool, std::string> reload(std::size_t listener, const TlsServerConfig& config);
  Result<bool, std::string> reload_client(const TlsClientConfig& config);

  /// Any thread.
  std::uint64_t count(Count count) const;
  std::uint64_t count(CloseReason reason) const { return hub_->counters().of(reason); }
  /// Where a listener is bound, with the port that the kernel chose.
  Endpoint local(std::size_t listener) const { return hub_->local(listener); }

 private:
  struct Parts;
  explicit Streams(std::unique_ptr<Hub> hub);
  Result<bool, std::string> post(std::size_t context, std::shared_ptr<const TlsContext> fresh);
  void run();

  std::unique_ptr<Hub> hub_;
  std::unique_ptr<Parts> parts_;
};

}  // namespace carillon::stream
