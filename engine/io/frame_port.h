#pragma once
// What lies below engine/net: link-layer frames in bursts, in buffers that the port lends. One queue of a device per
// shard; the shard's thread is the only one that calls it, `wake` apart. engine/net makes an io::Port of it.

#include <array>
#include <cstdint>
#include <span>

#include "engine/base/bytes.h"
#include "engine/base/time.h"
#include "engine/io/port.h"

namespace carillon::io {

using MacAddress = std::array<std::uint8_t, 6>;

/// One Ethernet frame, without the check sequence, in a buffer of its port. Whoever holds it hands it on to
/// transmit() or release(), of this queue or of another one of the same device.
struct Frame {
  enum : std::uint8_t {
    kChecksumGood = 1,  ///< in: the device has verified the IPv4 and UDP checksums
    kChecksumBad = 2,   ///< in: … and found one wrong
    kWantsChecksums =
        4,      ///< out: the device fills them in (only if it offers_checksums()); UDP's holds the pseudo-header's
    kIsV6 = 8,  ///< out, beside kWantsChecksums: which header is there
  };
  std::byte* data = nullptr;  ///< the destination MAC address
  std::uint16_t size = 0;     ///< bytes from `data`
  std::uint16_t room = 0;     ///< bytes that fit from `data`
  std::uint8_t flags = 0;
  std::uint8_t network_offset = 14;  ///< out, beside kWantsChecksums: where the IP header starts (18 with a VLAN tag)
  void* buffer = nullptr;            ///< the port's own

  ByteView view() const { return {data, size}; }
};

/// Plain integers, written by the queue's thread only.
struct FrameCounters {
  std::uint64_t frames_in = 0, bytes_in = 0, frames_out = 0, bytes_out = 0;
  std::uint64_t no_buffer = 0;     ///< asked for a buffer and the pool was empty
  std::uint64_t send_refused = 0;  ///< the device would not take it: dropped
  std::uint64_t missed = 0;        ///< in: the device had no buffer or no room for it, as far as it tells
  std::uint64_t broken = 0;        ///< in: in several segments, or shorter than an Ethernet header: dropped
  std::uint64_t link_changes = 0;
};

class FramePort {
 public:
  virtual ~FramePort() = default;

  /// Fills `out` from its start with what has come in; never blocks. The caller owns the frames.
  virtual std::size_t receive(std::span<Frame> out) = 0;
  /// Buffers to write frames into (size 0, room at least 1,518 + 4). All that were asked for, or none: the pool is
  /// empty, which is counted.
  virtual bool allocate(std::span<Frame> out) = 0;
  /// Sends them all now; takes ownership. What the device does not take is dropped and counted.
  virtual void transmit(std::span<const Frame> frames) = 0;
  virtual void release(std::span<const Frame> frames) = 0;

  /// Polls return at once; a port that can sleep does, until a frame is there, wake() is called or `until` has come.
  virtual void wait(TimePoint until) = 0;
  virtual void wake() = 0;

  virtual MacAddress mac() const = 0;
  virtual std::uint16_t mtu() const = 0;  ///< of the IP packet
  virtual bool offers_checksums() const = 0;
  virtual bool has_link() const = 0;
  virtual const FrameCounters& counters() const = 0;
  /// Of the pool that receive() and allocate() draw from; about once a second.
  virtual BufferLevel buffers() const { return {}; }
  /// "dpdk net_memif", "frames in memory", for logs and status.
  virtual const char* name() const = 0;
};

}  // namespace carillon::io
