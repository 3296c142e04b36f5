#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "engine/io/frame_port.h"

namespace carillon::net {

/// The exception path: a tap that shares our MAC and IP addresses, so that TCP and whatever we do not speak reaches the
/// kernel. Called by its Stack's thread only.
class KernelPath {
 public:
  virtual ~KernelPath() = default;
  /// Copies what it needs: the frame stays the caller's. Full: dropped, and counted over there.
  virtual void to_kernel(const io::Frame& frame) = 0;
  /// Frames that to_kernel() had no room for.
  virtual std::uint64_t dropped() const { return 0; }
  /// What the kernel wants to send, in buffers of this Stack's FramePort; the caller owns them and sends them as they
  /// are. Never blocks. Asked once per StackConfig::kernel_poll.
  virtual std::size_t from_kernel(std::span<io::Frame> out) = 0;
};

}  // namespace carillon::net
