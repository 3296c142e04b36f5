#include "engine/io/dpdk/grace.h"

#include <linux/membarrier.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstring>

#include "engine/base/check.h"

namespace carillon::io::dpdk {
namespace {

// Constant-initialised: munmap is called before main() too.
constinit std::array<std::atomic<const Burst*>, 128> bursts{};
constinit std::atomic<bool> is_guarded{false};

int membarrier(int command) { return static_cast<int>(::syscall(SYS_membarrier, command, 0, 0)); }

[[maybe_unused]] bool is_interrupt_thread() {  // under a sanitizer nobody asks
  char name[16] = {};
  ::prctl(PR_GET_NAME, name);
  return std::strncmp(name, "eal-intr-thread", 15) == 0;  // as the EAL names it
}

}  // namespace

Burst::Burst() {
  for (auto& place : bursts) {
    const Burst* nobody = nullptr;
    if (place.compare_exchange_strong(nobody, this)) return;
  }
  CHECK(!"more than 128 polling queues");
}

Burst::~Burst() {
  for (auto& place : bursts) {
    const Burst* self = this;
    if (place.compare_exchange_strong(self, nullptr)) return;
  }
}

void wait_for_bursts() {
  // A queue's store of its turn may still be on its way while it reads the driver's state: after the barrier either we
  // see the turn or it sees the state.
  membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED);
  for (const auto& place : bursts) {
    const Burst* burst = place.load();
    if (!burst) continue;
    const std::uint64_t turn = burst->turn();
    if (turn % 2 == 0) continue;
    while (place.load() == burst && burst->turn() == turn) ::sched_yield();
  }
}

void guard_interrupt_thread() {
  membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED);
  is_guarded = true;
}

}  // namespace carillon::io::dpdk

/// In place of libc's, for the drivers too: they look names up in the program first. Sanitizers bring their own.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
extern "C" __attribute__((visibility("default"))) int munmap(void* address, std::size_t length) noexcept {
  using namespace carillon::io::dpdk;
  if (is_guarded.load(std::memory_order_relaxed) && is_interrupt_thread()) wait_for_bursts();
  return static_cast<int>(::syscall(SYS_munmap, address, length));
}
#endif
