#pragma once

#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>

namespace carillon::io {

/// Wakes one sleeping thread from any other. Costs the waker a system call only when the thread really sleeps.
class Wakeup {
 public:
  Wakeup() : descriptor_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
  ~Wakeup() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  Wakeup(const Wakeup&) = delete;

  int descriptor() const { return descriptor_; }

  /// Any thread. Sequentially consistent against fall_asleep(): one of the two sees the other's store.
  void wake() {
    woken_.store(true);
    if (!asleep_.load()) return;
    const std::uint64_t one = 1;
    (void)!::write(descriptor_, &one, sizeof one);  // fails only when the counter is full, and then it is readable
  }
  /// Owner: false when wake() was called since the last stand_up(), and then it must not sleep.
  bool fall_asleep() {
    asleep_.store(true);
    return !woken_.load();
  }
  bool woken() const { return woken_.load(); }
  void stand_up() {
    asleep_.store(false);
    woken_.exchange(false);  // a read too: what the waker wrote before is visible from here on
  }
  void drain() {
    std::uint64_t count;
    (void)!::read(descriptor_, &count, sizeof count);
  }

 private:
  int descriptor_;
  std::atomic<bool> woken_{false}, asleep_{false};
};

}  // namespace carillon::io
