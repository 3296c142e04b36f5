#pragma once
// What a packet's way costs on this box: one sent and one received, 172 bytes (20 ms of G.711 with its RTP header), in
// bursts through an io::Port as a shard moves them. Processor time of the calling thread, the kernel's share included.

#include <string>

#include "engine/base/result.h"
#include "engine/base/time.h"
#include "engine/config.h"

namespace carillon::self_test {

struct PacketCost {
  double ns = 0;              ///< for one out and one in, median of several runs
  std::uint64_t packets = 0;  ///< each way
  std::uint64_t lost = 0;
  std::uint32_t sockets = 0;
  std::string back_end;  ///< "uring", "mmsg", "net"
};

/// The kernel's UDP by the back end of the configuration (dpdk: the automatic one), over pairs of loopback sockets.
/// Takes about `time`. The error is a line for the operator.
Result<PacketCost, std::string> kernel_cost(const EngineConfig& config, Duration time);

/// Our own stack above frames in memory whose far side sends each packet back: what is ours of the kernel bypass,
/// without a device. Checksums in software.
PacketCost stack_cost(Duration time);

struct DeviceCost {
  double ns = 0;  ///< of one frame: asked for, written, given to the device
  std::uint64_t frames = 0, refused = 0;
  std::string driver;
};
/// The configured device of DPDK. Frames go to its own address, so that a switch drops them, at a tenth of a gigabit.
/// The error, a line for the operator, says why it cannot be measured: no link, in use, refused.
Result<DeviceCost, std::string> device_cost(const EngineConfig& config);

}  // namespace carillon::self_test
