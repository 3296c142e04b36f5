#pragma once

#include <array>
#include <atomic>
#include <string>

#include "engine/io/dpdk/device.h"
#include "engine/io/dpdk/grace.h"
#include "engine/io/frame_port.h"

struct rte_mempool;
struct rte_mbuf;

namespace carillon::io::dpdk {

/// One pair of queues as a FramePort. Polls: wait() returns at once.
///
/// cost   receive and transmit: one call of the driver per 64 frames; nothing allocates, no system call beyond the
///        driver's own (none on memif and hardware; AF_XDP kicks the kernel)
class Queue final : public FramePort {
 public:
  Queue(std::uint16_t port, std::uint16_t queue, rte_mempool* pool, const DeviceInfo& info);
  ~Queue() override;

  std::size_t receive(std::span<Frame> out) override;
  bool allocate(std::span<Frame> out) override;
  void transmit(std::span<const Frame> frames) override;
  void release(std::span<const Frame> frames) override;
  void wait(TimePoint) override {}
  void wake() override {}

  MacAddress mac() const override { return mac_; }
  std::uint16_t mtu() const override { return mtu_; }
  bool offers_checksums() const override { return has_checksums_; }
  bool has_link() const override;
  const FrameCounters& counters() const override;
  BufferLevel buffers() const override;
  const char* name() const override { return name_.c_str(); }

 private:
  static constexpr std::size_t kBurst = 64;

  bool take(rte_mbuf* buffer, Frame& frame);
  void send(std::span<rte_mbuf*> buffers);

  const std::uint16_t port_, queue_;
  rte_mempool* const pool_;
  const MacAddress mac_;
  const std::uint16_t mtu_;
  const bool has_checksums_;
  const std::string name_;
  bool is_joined_ = false;
  mutable bool had_link_ = false;
  mutable FrameCounters counters_;
  Burst burst_;
};

}  // namespace carillon::io::dpdk
