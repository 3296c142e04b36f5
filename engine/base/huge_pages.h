#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <new>
#include <utility>

namespace carillon {

/// Zeroed memory for a large table. From 1 MiB on it lies on 2 MiB boundaries and asks for transparent huge pages: a
/// walk over tens of thousands of rows then needs some dozens of address translations instead of as many as there are
/// rows. Where the kernel gives none it is ordinary memory.
///
/// errors  std::bad_alloc, at start-up
class HugePages {
 public:
  HugePages() = default;
  explicit HugePages(std::size_t bytes) : size_(bytes >= kWorthIt ? (bytes + kPage - 1) / kPage * kPage : bytes) {
    if (size_ == 0) return;
    const std::size_t extra = bytes >= kWorthIt ? kPage : 0;
    mapped_size_ = size_ + extra;
    mapped_ = ::mmap(nullptr, mapped_size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapped_ == MAP_FAILED) throw std::bad_alloc();
    auto start = reinterpret_cast<std::uintptr_t>(mapped_);
    if (extra != 0) start = (start + kPage - 1) / kPage * kPage;
    data_ = reinterpret_cast<std::byte*>(start);
    if (extra != 0) (void)::madvise(data_, size_, MADV_HUGEPAGE);
  }
  ~HugePages() {
    if (mapped_) ::munmap(mapped_, mapped_size_);
  }
  HugePages(HugePages&& other) noexcept
      : size_(std::exchange(other.size_, 0)),
        mapped_size_(std::exchange(other.mapped_size_, 0)),
        mapped_(std::exchange(other.mapped_, nullptr)),
        data_(std::exchange(other.data_, nullptr)) {}
  HugePages& operator=(HugePages&&) = delete;

  std::byte* data() const { return data_; }

 private:
  static constexpr std::size_t kPage = 2 << 20, kWorthIt = 1 << 20;
  std::size_t size_ = 0, mapped_size_ = 0;
  void* mapped_ = nullptr;
  std::byte* data_ = nullptr;
};

}  // namespace carillon
