// Counts allocations for the tests beside it: the global operator new lives alone in its file.

#include <atomic>
#include <cstdlib>
#include <new>

#include "tests/engine/net/allocations.h"

namespace {
std::atomic<std::uint64_t> count;
}

std::uint64_t allocations_so_far() { return count; }

void* operator new(std::size_t size) {
  ++count;
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
