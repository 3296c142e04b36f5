#pragma once
// The exception path's kernel side: a tap device with our MAC and IP addresses, so that TCP, TLS and management on the
// same wire reach the kernel while a shard polls the device. A thread of its own does the reading and writing; the
// shard sees two rings, so its step makes no system call.

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "engine/base/bytes.h"
#include "engine/base/result.h"
#include "engine/base/ring.h"
#include "engine/io/frame_port.h"

namespace carillon::io {

struct TapConfig {
  std::string name;  ///< of the interface, 15 bytes at most
  MacAddress mac{};
  std::uint16_t mtu = 1500;
  std::vector<std::string> addresses{};  ///< "192.0.2.10/24", set on the interface
};

struct TapCounters {
  std::uint64_t to_kernel = 0, from_kernel = 0, full = 0, refused = 0;
};

/// cost    per frame in the shard: one copy into a ring. The thread sleeps while nothing comes; what the shard hands it
///         is written within a millisecond
/// full    kRoom frames each way; the rest is dropped and counted: TCP sends it again
/// errors  a line for the operator: no /dev/net/tun, no CAP_NET_ADMIN, a name that is taken
class Tap {
 public:
  static constexpr std::size_t kRoom = 512, kFrameMax = 1522;

  static Result<std::unique_ptr<Tap>, std::string> open(const TapConfig& config, std::uint32_t shards);
  ~Tap();
  Tap(const Tap&) = delete;

  /// To the kernel; each shard has a ring of its own.
  void push(std::uint32_t shard, ByteView frame);
  /// One frame that the kernel sends: its size, or 0. `out` has room for kFrameMax bytes. One shard only.
  std::size_t pop(ByteSpan out);
  bool has_frames() { return from_.size() > 0; }
  const TapCounters& counters(std::uint32_t shard) const { return ends_[shard]->counters; }

 private:
  struct Packet {
    std::uint16_t size = 0;
    std::array<std::byte, kFrameMax> bytes;
  };
  struct End {  // a shard's
    Ring<Packet> ring{kRoom};
    Packet packet;
    TapCounters counters;
  };
  Tap(int descriptor, std::uint32_t shards);
  void run();
  bool write_some(End& end, Packet& packet);
  bool read_some(Packet& packet);

  const int descriptor_;
  std::vector<std::unique_ptr<End>> ends_;
  Ring<Packet> from_{kRoom};
  std::unique_ptr<Packet> popped_ = std::make_unique<Packet>();
  std::atomic<bool> is_stopping_{false};
  std::thread thread_;
};

}  // namespace carillon::io
