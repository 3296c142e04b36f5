#pragma once
// A grace period between polling queues and memory that a driver takes away behind their back.
//
// DPDK's memif driver unmaps the shared rings in the EAL's interrupt thread as soon as its peer is gone, while a shard
// may be in the middle of a burst: a read of unmapped memory. The driver marks itself disconnected first, so nothing
// happens to bursts that begin afterwards. Hence: munmap() of this program waits, when the EAL's interrupt thread calls
// it, until every burst that had begun is over.

#include <atomic>
#include <cstdint>

namespace carillon::io::dpdk {

/// One polling queue, as the interrupt thread sees it.
class Burst {
 public:
  Burst();  ///< joins the list; at most 128 at a time, made and destroyed outside bursts
  ~Burst();
  Burst(const Burst&) = delete;

  /// Around each call into the driver. Two plain stores.
  void enter() { turn_.store(turn_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed); }
  void leave() { turn_.store(turn_.load(std::memory_order_relaxed) + 1, std::memory_order_release); }
  /// Odd inside a burst.
  std::uint64_t turn() const { return turn_.load(std::memory_order_acquire); }

 private:
  alignas(64) std::atomic<std::uint64_t> turn_{0};
};

/// Waits until every burst that has begun is over. Never from a thread that is inside one.
void wait_for_bursts();

/// The EAL's interrupt thread exists from now on: its unmapping waits. Before that, and in other threads, nothing does.
void guard_interrupt_thread();

}  // namespace carillon::io::dpdk
