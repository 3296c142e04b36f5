#pragma once
// The rings between shards: a SIP datagram that came in at the wrong one, registrations that all must know, and what
// bridged legs of two shards say to each other.

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "engine/base/endpoint.h"
#include "engine/base/fixed_text.h"
#include "engine/base/ring.h"
#include "engine/base/time.h"
#include "engine/call/across.h"
#include "engine/io/port.h"
#include "engine/sip/config.h"

namespace carillon::shard {

struct Passed {
  enum class Kind : std::uint8_t { kDatagram, kBinding } kind = Kind::kDatagram;
  Endpoint peer;  ///< who sent it; where the phone is reached
  std::uint32_t size = 0;
  std::array<std::byte, 8192> data;  ///< kDatagram; longer ones are dropped and counted
  FixedText<48> endpoint;            ///< kBinding
  FixedText<sip::kContactBytesMax> contact;
  Duration expires{0};
  std::uint16_t q = 1000;
  bool is_reminder = false;
};

/// Two rings for each ordered pair of shards, made before they run.
///
/// full  push() answers false: the datagram is dropped and counted, SIP sends it again; a registration is told again
/// later.
///       Crossings: see class Crossings
class Mesh {
 public:
  /// `crossings`: room between two shards; a frame takes one place for as long as the other shard is not stepped.
  explicit Mesh(std::uint32_t shards, std::size_t crossings = 1024)
      : shards_(shards),
        crossings_max_(crossings),
        ports_(shards),
        rings_(shards * shards),
        crossings_(shards * shards) {
    for (std::uint32_t i = 0; i < shards * shards; ++i) {
      if (i / shards == i % shards) continue;  // to itself
      rings_[i] = std::make_unique<Ring<Passed>>(kRoom);
      crossings_[i] = std::make_unique<Ring<call::Crossing>>(crossings);
    }
  }
  std::uint32_t shards() const { return shards_; }
  std::size_t crossings_max() const { return crossings_max_; }
  /// So that a sleeping shard can be woken; before the shards run.
  void set_port(std::uint32_t shard, io::Port* port) { ports_[shard] = port; }

  bool push(std::uint32_t from, std::uint32_t to, const Passed& passed) {
    if (!ring(from, to).push(passed)) return false;
    wake(to);
    return true;
  }
  void wake(std::uint32_t shard) {
    if (ports_[shard]) ports_[shard]->wake();
  }
  bool pop(std::uint32_t from, std::uint32_t to, Passed& passed) { return ring(from, to).pop(passed); }
  /// Is there something to pop? The reader may ask.
  bool has_passed(std::uint32_t from, std::uint32_t to) { return ring(from, to).size() > 0; }
  Ring<call::Crossing>& crossings(std::uint32_t from, std::uint32_t to) { return *crossings_[from * shards_ + to]; }

 private:
  static constexpr std::size_t kRoom = 128;
  Ring<Passed>& ring(std::uint32_t from, std::uint32_t to) { return *rings_[from * shards_ + to]; }

  std::uint32_t shards_;
  std::size_t crossings_max_;
  std::vector<io::Port*> ports_;
  std::vector<std::unique_ptr<Ring<Passed>>> rings_;
  std::vector<std::unique_ptr<Ring<call::Crossing>>> crossings_;
};

}  // namespace carillon::shard
