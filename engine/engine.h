#pragma once
// The whole engine wired together: disk, shards, link. Only this and main.cpp know everyone.

#include <array>
#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "engine/call/trunk_limits.h"
#include "engine/config.h"
#include "engine/io/port.h"
#include "engine/link/server.h"
#include "engine/network.h"
#include "engine/record/disk.h"
#include "engine/shard/mesh.h"
#include "engine/shard/recorder.h"
#include "engine/shard/shard.h"

namespace carillon {

class Engine {
 public:
  /// Starts disk, shards and link, in this order. The error is a line for the operator.
  static Result<std::unique_ptr<Engine>, std::string> start(const EngineConfig& config);
  /// Ends all calls with a stated cause (up to 2 s), then stops shards, link and disk, so that nothing is lost.
  ~Engine();

  /// "SIP 127.0.0.1:5060 (uring), 1 shard, recordings by uring direct, link unix:/run/…"
  std::string description() const;
  /// Why a back end stands in for the one that was wanted; empty: it does not.
  const std::string& warning() const { return warning_; }
  /// What new calls are held to beside the measured headroom: a line for the log.
  const std::string& promise() const { return promise_; }
  /// Every shard has stepped since the last call. A shard that sleeps steps once a second. The main thread's.
  bool has_stepped();

 private:
  /// Steps of one shard, on a line of the cache that nobody else writes.
  struct alignas(64) Turns {
    std::atomic<std::uint64_t> count{0};
    std::uint64_t seen = 0;  // by has_stepped()
  };
  struct Core {
    std::unique_ptr<io::Port> port;
    std::unique_ptr<call::ShardRings> rings;
    std::unique_ptr<shard::Recorder> recorder;
    std::unique_ptr<shard::Shard> shard;
    std::unique_ptr<Turns> turns;
    std::thread thread;
  };
  explicit Engine(const EngineConfig& config);

  static std::size_t crossings_max(const EngineConfig& config);
  std::string start_disk();
  std::string start_network();
  std::string start_shards();
  shard::ShardConfig shard_config(std::uint32_t index) const;
  void take_promise();
  std::string start_link();
  void run(std::size_t index);

  const EngineConfig config_;
  std::string warning_, promise_;
  std::uint32_t legs_promised_ = 0;  // per shard; 0: no promise
  std::unique_ptr<record::Disk> disk_;
  call::TrunkBoard trunks_;
  shard::Mesh mesh_;
  std::unique_ptr<Network> network_;
  std::vector<Core> cores_;
  std::unique_ptr<link::Server> link_;
  const std::array<std::uint8_t, 32> nonce_key_;
  std::atomic<bool> is_stopping_{false};
};

}  // namespace carillon
