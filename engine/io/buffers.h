#pragma once

#include <liburing.h>
#include <sys/mman.h>

#include <cerrno>
#include <cstdint>
#include <vector>

#include "engine/base/check.h"

namespace carillon::io {

/// A queue with fixed room. The caller's bound makes overflow our own fault.
template <class T>
class FixedQueue {
 public:
  explicit FixedQueue(std::size_t capacity) : slots_(capacity) {}
  void push(const T& value) {
    CHECK(size_ < slots_.size());
    slots_[(head_ + size_++) % slots_.size()] = value;
  }
  bool pop(T& value) {
    if (size_ == 0) return false;
    value = slots_[head_];
    head_ = (head_ + 1) % slots_.size();
    --size_;
    return true;
  }
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

 private:
  std::vector<T> slots_;
  std::size_t head_ = 0, size_ = 0;
};

/// The buffers that the kernel fills for every multishot receive of one ring (io_uring_register_buf_ring).
/// The kernel takes them in order; we give each back when its packet has been used.
class BufferRing {
 public:
  static constexpr std::uint16_t kGroup = 0;

  /// `count` a power of two. A cache line is added to each buffer so that their starts do not fall into one set.
  BufferRing(std::uint32_t count, std::size_t bytes)
      : count_(count),
        bytes_(bytes),
        stride_((bytes + 127) / 64 * 64),
        size_(count * sizeof(io_uring_buf) + count * stride_) {}
  ~BufferRing() {
    if (memory_) ::munmap(memory_, size_);
  }
  BufferRing(const BufferRing&) = delete;

  /// Zero or a negative errno.
  int register_with(io_uring& ring) {
    void* memory = ::mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return -ENOMEM;
    // packets land all over these megabytes: a tenth less per packet received; refused, it still works
    (void)::madvise(memory, size_, MADV_HUGEPAGE);
    memory_ = static_cast<std::byte*>(memory);
    ring_ = static_cast<io_uring_buf_ring*>(memory);
    io_uring_buf_ring_init(ring_);
    io_uring_buf_reg registration{};
    registration.ring_addr = reinterpret_cast<std::uint64_t>(ring_);
    registration.ring_entries = count_;
    registration.bgid = kGroup;
    if (const int result = io_uring_register_buf_ring(&ring, &registration, 0); result < 0) return result;
    for (std::uint32_t i = 0; i < count_; ++i) add(static_cast<std::uint16_t>(i), static_cast<int>(i));
    io_uring_buf_ring_advance(ring_, static_cast<int>(count_));
    return 0;
  }

  std::byte* at(std::uint16_t buffer) { return memory_ + count_ * sizeof(io_uring_buf) + buffer * stride_; }
  /// The kernel has filled one.
  void taken() { ++out_; }
  void give_back(std::uint16_t buffer) {
    CHECK(out_ > 0);
    --out_;
    add(buffer, 0);
    io_uring_buf_ring_advance(ring_, 1);
  }
  std::uint32_t out() const { return out_; }
  std::uint32_t count() const { return count_; }

 private:
  void add(std::uint16_t buffer, int offset) {
    io_uring_buf_ring_add(ring_, at(buffer), static_cast<unsigned>(bytes_), buffer, io_uring_buf_ring_mask(count_),
                          offset);
  }

  std::uint32_t count_, out_ = 0;
  std::size_t bytes_, stride_, size_;
  std::byte* memory_ = nullptr;
  io_uring_buf_ring* ring_ = nullptr;
};

}  // namespace carillon::io
