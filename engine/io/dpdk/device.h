#pragma once
// The kernel bypass: one Ethernet device of DPDK, polled, one queue per shard. The EAL lives once per process, so there
// is one Device at a time. What lies above frames is engine/net.

#include <cstdint>
#include <memory>
#include <string>

#include "engine/base/result.h"
#include "engine/io/dpdk/config.h"
#include "engine/io/frame_port.h"

namespace carillon::io::dpdk {

/// What the device said of itself at start.
struct DeviceInfo {
  std::string name, driver;  ///< "0000:3b:00.0", "net_memif"
  MacAddress mac{};
  std::uint16_t mtu = 0, queues = 0;
  bool has_checksums = false, has_rss = false;
};

struct PoolLevel {
  std::uint32_t used = 0, room = 0;
};

/// The started device and its pool of frames.
///
/// errors   a line for the operator: no such device, no hugepages, too few queues …
/// full     an empty pool: receive() finds nothing and allocate() answers false, both counted; calls go on when there
///          are buffers again
/// thread   open() anywhere, leaving the caller's affinity as it was; each queue by one thread, which its first
///          receive() names
/// loss of the peer while polling: memif unmaps its rings in a thread of the EAL; it is made to wait until no queue is
///          inside a burst (grace.h)
class Device {
 public:
  static Result<std::unique_ptr<Device>, std::string> open(const DeviceConfig& config);
  virtual ~Device() = default;

  /// One face per queue; each once, and gone before the device.
  virtual std::unique_ptr<FramePort> queue(std::uint16_t index) = 0;
  virtual const DeviceInfo& info() const = 0;
  virtual PoolLevel pool() const = 0;
};

}  // namespace carillon::io::dpdk
