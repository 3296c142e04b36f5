#pragma once
// Says something to each channel 50 times a second, spread smoothly over the 20 ms: a wheel of 100 µs slots, a channel
// in the slot of its number. A late wheel catches up slot by slot and says by how much it was late.

#include <cstdint>
#include <vector>

#include "tests/bench/far/sound.h"
#include "tests/bench/wire/dpdk_port.h"
#include "tests/bench/wire/frames.h"
#include "tests/bench/wire/tsc.h"

namespace carillon::bench {

class Speaker {
 public:
  struct Counts {
    std::uint64_t packets = 0;
    std::uint64_t slots_skipped = 0;  ///< more than a turn of the wheel late: not said at all
    Tsc late_longest = 0;
  };

  /// `share` of `channels` (0..1) are spoken to: those whose number modulo 1,000 is below it.
  Speaker(const Sound& sound, std::uint32_t channels, double share, const TscRate& rate);

  /// From now on `channel` is spoken to along `route`, if it is of those that are.
  void open(std::uint32_t channel, const Route& route);
  void close(std::uint32_t channel);
  /// Sends what is due; at most kSlotsPerTurn slots.
  void run_due(DpdkPort& port, Tsc now);

  const Counts& counts() const { return counts_; }
  void clear_counts() { counts_ = {}; }
  std::size_t spoken_to() const { return spoken_to_; }

 private:
  static constexpr std::uint32_t kSlots = 200;
  static constexpr int kSlotsPerTurn = 2;
  static constexpr std::size_t kHead = kUdpHead + 12;

  /// A channel's packet up to its payload, ready but for sequence, timestamp and checksum.
  struct alignas(64) Mouth {
    std::uint8_t head[kHead] = {};
    std::uint16_t sequence = 0;
    std::uint32_t timestamp = 0;
    std::uint32_t frame = 0;
    std::uint64_t sum = 0;        ///< of the checksummed words that never change
    std::uint32_t at = kNotOpen;  ///< place in its slot
    static constexpr std::uint32_t kNotOpen = 0xFFFF'FFFF;
  };

  void say(DpdkPort& port, Mouth& mouth);

  const Sound& sound_;
  std::uint32_t per_thousand_;
  Tsc slot_;  ///< cycles of one
  Tsc due_ = 0;
  std::uint32_t hand_ = 0;
  std::vector<Mouth> mouths_;
  std::vector<std::vector<std::uint32_t>> slots_;
  std::size_t spoken_to_ = 0;
  Counts counts_;
};

}  // namespace carillon::bench
