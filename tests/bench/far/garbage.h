#pragma once
// A storm of frames that no engine can make sense of, for tests of what it does to calls that run: bytes drawn at
// random in the shape of every protocol that a stack takes apart, each of them broken somewhere or from nobody it
// knows.

#include <cstdint>

#include "tests/bench/far/options.h"
#include "tests/bench/wire/dpdk_port.h"
#include "tests/bench/wire/tsc.h"

namespace carillon::bench {

class Garbage {
 public:
  /// `seed` replays the same frames.
  Garbage(const FarOptions& options, rte_ether_addr own, const TscRate& rate, std::uint64_t seed = 1)
      : options_(options), own_(own), rate_(rate), state_(seed) {}

  /// The engine's MAC address, of the first frame that came from it.
  void hear(Bytes frame);
  /// From now on options.garbage frames, evenly over options.garbage_seconds. Without effect while one blows.
  void start(Tsc now);
  bool is_blowing() const { return sent_ < wanted_; }
  /// Sends what is due; what our own stalls held up follows in bursts.
  void run_due(DpdkPort& port, Tsc now);
  std::uint64_t sent() const { return sent_all_; }

 private:
  static constexpr std::uint64_t kKinds = 9, kTurnMax = 256;  ///< frames per turn: speech must still be in time

  std::uint64_t draw();
  std::uint64_t draw(std::uint64_t below) { return draw() % below; }
  void fill(std::uint8_t* at, std::size_t size);
  void make_frame(DpdkPort& port);
  std::size_t make_datagram(std::uint8_t* at, std::size_t size, std::uint16_t port);
  std::size_t shape(std::uint8_t* at, std::uint64_t kind, std::size_t size);

  const FarOptions& options_;
  const rte_ether_addr own_;
  const TscRate& rate_;
  std::uint64_t state_;
  rte_ether_addr engine_{};
  bool is_engine_known_ = false;
  Tsc started_ = 0;
  std::uint64_t wanted_ = 0, sent_ = 0, sent_all_ = 0;
};

}  // namespace carillon::bench
