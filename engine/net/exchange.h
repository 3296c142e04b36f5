#pragma once
// What the stacks of several shards over one device say to each other: frames that the device gave to the wrong one,
// and news that all must hear, since the device gives an ARP reply to any of them.

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "engine/base/ring.h"
#include "engine/io/frame_port.h"
#include "engine/net/address.h"

namespace carillon::net {

/// One of: a neighbour was heard, a path's MTU shrank, a router advertised itself.
struct News {
  enum class Kind : std::uint8_t { kNeighbour, kPathMtu, kRouter } kind = Kind::kNeighbour;
  bool is_solicited = false;  ///< kNeighbour: an answer
  bool overrides = false;     ///< kNeighbour: another MAC address may replace the known one
  bool creates = false;       ///< kNeighbour: it spoke to us, so it is worth an entry
  MacAddress mac{};           ///< kNeighbour
  std::uint32_t value = 0;    ///< kPathMtu: bytes; kRouter: lifetime in seconds
  Address address;
};

/// One shard's end.
class Exchange {
 public:
  virtual ~Exchange() = default;
  /// Hands the frame over; false when there is no room, and then it is still the caller's.
  virtual bool pass(std::uint32_t shard, const io::Frame& frame) = 0;
  virtual std::size_t take(std::span<io::Frame> out) = 0;
  virtual bool tell(std::uint32_t shard, const News& news) = 0;
  virtual bool hear(News& news) = 0;
  /// After a burst of the above: that shard may sleep.
  virtual void wake(std::uint32_t shard) = 0;
};

/// Two rings for each ordered pair of shards, made before they run.
///
/// full  pass() and tell() answer false: the frame is dropped and counted, news is heard again when it is asked for
///       again.
class ExchangeRings {
 public:
  static constexpr std::size_t kFrames = 1024, kNews = 256;

  explicit ExchangeRings(std::uint32_t shards, std::size_t frames = kFrames);
  ~ExchangeRings();
  ExchangeRings(const ExchangeRings&) = delete;
  /// So that a sleeping shard can be woken; before the shards run.
  void set_port(std::uint32_t shard, io::FramePort* port) { ports_[shard] = port; }
  Exchange& end(std::uint32_t shard);

 private:
  class End;
  struct Pair {
    Pair(std::size_t frames, std::size_t news) : frames(frames), news(news) {}
    Ring<io::Frame> frames;
    Ring<News> news;
  };
  Pair& pair(std::uint32_t from, std::uint32_t to) { return *pairs_[from * shards_ + to]; }

  std::uint32_t shards_;
  std::vector<io::FramePort*> ports_;
  std::vector<std::unique_ptr<Pair>> pairs_;
  std::vector<std::unique_ptr<End>> ends_;
};

}  // namespace carillon::net
