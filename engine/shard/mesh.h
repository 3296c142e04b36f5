#pragma once
// The rings between shards: a SIP datagram that came in at the wrong one, and registrations that all must know.

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "engine/base/endpoint.h"
#include "engine/base/fixed_text.h"
#include "engine/base/ring.h"
#include "engine/base/time.h"
#include "engine/io/port.h"

namespace carillon::shard {

struct Passed {
  enum class Kind : std::uint8_t { kDatagram, kBinding } kind = Kind::kDatagram;
  Endpoint peer;  ///< who sent it; where the phone is reached
  std::uint32_t size = 0;
  std::array<std::byte, 8192> data;  ///< kDatagram; longer ones are dropped and counted
  FixedText<48> endpoint;            ///< kBinding
  FixedText<256> contact;
  Duration expires{0};
};

/// One ring for each ordered pair of shards, made before they run.
///
/// full  push() answers false: the datagram is dropped and counted, SIP sends it again; so does a phone its REGISTER
class Mesh {
 public:
  explicit Mesh(std::uint32_t shards) : shards_(shards), ports_(shards) {
    for (std::uint32_t i = 0; i < shards * shards; ++i) rings_.push_back(std::make_unique<Ring<Passed>>(kRoom));
  }
  std::uint32_t shards() const { return shards_; }
  /// So that a sleeping shard can be woken; before the shards run.
  void set_port(std::uint32_t shard, io::Port* port) { ports_[shard] = port; }

  bool push(std::uint32_t from, std::uint32_t to, const Passed& passed) {
    if (!ring(from, to).push(passed)) return false;
    if (ports_[to]) ports_[to]->wake();
    return true;
  }
  bool pop(std::uint32_t from, std::uint32_t to, Passed& passed) { return ring(from, to).pop(passed); }

 private:
  static constexpr std::size_t kRoom = 128;
  Ring<Passed>& ring(std::uint32_t from, std::uint32_t to) { return *rings_[from * shards_ + to]; }

  std::uint32_t shards_;
  std::vector<io::Port*> ports_;
  std::vector<std::unique_ptr<Ring<Passed>>> rings_;
};

}  // namespace carillon::shard
