#pragma once
// One DPDK port with one queue each way, for a program with one loop on one core.

#include <rte_ether.h>
#include <rte_mbuf.h>

#include <array>
#include <cstdint>
#include <span>

#include "engine/io/dpdk/grace.h"
#include "tests/bench/wire/frames.h"

namespace carillon::bench {

/// Starts EAL with the arguments before "--"; what follows is left in argc and argv, with the program's name in front.
/// Ends the program where EAL will not start.
void start_eal(int& argc, char**& argv);
/// Ends the program at once. Closing a memif races with the EAL's interrupt thread, which then reads what is freed; the
/// end of the process closes it just as well.
[[noreturn]] void end_eal(int status);

inline Bytes bytes_of(const rte_mbuf* frame) {
  return {rte_pktmbuf_mtod(frame, const std::uint8_t*), rte_pktmbuf_data_len(frame)};
}

/// The first port that EAL has, started. Frames to send are gathered and go in bursts.
class DpdkPort {
 public:
  static constexpr std::uint16_t kBurst = 64;
  struct Counts {
    std::uint64_t received = 0, sent = 0;
    std::uint64_t tx_refused = 0;  ///< the peer's ring stayed full: thrown away
    std::uint64_t tx_waits = 0;    ///< tries that a full ring cost; no frame was lost by them
    std::uint64_t no_mbuf = 0;     ///< the pool was empty: nothing was sent
  };

  /// Ends the program when there is no port or it will not start.
  explicit DpdkPort(unsigned mbufs);
  DpdkPort(const DpdkPort&) = delete;
  DpdkPort& operator=(const DpdkPort&) = delete;

  rte_ether_addr mac() const { return mac_; }
  bool is_up() const;
  std::uint64_t rx_missed() const;  ///< as the driver counts it
  const Counts& counts() const { return counts_; }
  void clear_counts() { counts_ = {}; }

  /// Up to kBurst frames, owned by the caller. Valid until the next call.
  std::span<rte_mbuf*> receive();
  static void release(std::span<rte_mbuf*> frames) {
    rte_pktmbuf_free_bulk(frames.data(), static_cast<unsigned>(frames.size()));
  }

  /// An empty frame of `size` bytes, or nullptr (counted).
  rte_mbuf* make(std::size_t size);
  /// Takes the frame; it leaves with the burst.
  void send(rte_mbuf* frame) {
    outbox_[waiting_++] = frame;
    if (waiting_ == kBurst) flush();
  }
  void flush();

 private:
  std::uint16_t id_ = 0;
  rte_ether_addr mac_{};
  rte_mempool* pool_ = nullptr;
  io::dpdk::Burst burst_;  ///< a peer may go while we poll
  Counts counts_;
  std::array<rte_mbuf*, kBurst> inbox_{}, outbox_{};
  std::uint16_t waiting_ = 0;
};

}  // namespace carillon::bench
