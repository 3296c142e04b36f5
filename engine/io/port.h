#pragma once
// io moves packet batches. A shard owns one Port and is the only thread that calls it, `wake` apart.

#include <cstdint>
#include <span>
#include <string_view>

#include "engine/base/bytes.h"
#include "engine/base/endpoint.h"
#include "engine/base/result.h"
#include "engine/base/time.h"

namespace carillon::io {

/// Index into the port's table of open sockets; small and reused, so it can index the owner's own arrays.
struct SocketId {
  std::uint32_t value = 0;
  friend constexpr bool operator==(SocketId, SocketId) = default;
};

enum class IoError : std::uint8_t { kAddressInUse, kNoSuchAddress, kNoRights, kFull, kSystem };

/// One UDP payload that came in. `data` is valid until the next receive() on the same port.
struct Received {
  ByteView data;
  Endpoint peer;
  SocketId socket;
  TimePoint arrival;
};

/// One UDP payload to send: `head` then `body`. Both must stay valid until transmit() returns; a prompt's encoded
/// frames leave by reference.
struct Outgoing {
  SocketId socket;
  Endpoint peer;
  ByteView head;
  ByteView body;
};

/// Plain integers, written by the port's thread only.
struct PortCounters {
  std::uint64_t packets_in = 0, bytes_in = 0, packets_out = 0, bytes_out = 0;
  std::uint64_t truncated = 0;     ///< longer than a receive buffer: dropped
  std::uint64_t send_refused = 0;  ///< the kernel or the wire would not take it: dropped
  std::uint64_t receive_full = 0;  ///< no buffer was free: the kernel kept or dropped it
};

struct NamedCount {
  std::string_view name;
  std::uint64_t count = 0;
};
/// Of the buffers that packets lie in; room 0: not known.
struct BufferLevel {
  std::uint32_t used = 0, room = 0;
};

class Port {
 public:
  virtual ~Port() = default;

  /// Binds a UDP socket. `shared` sets SO_REUSEPORT, so that each shard has its own socket on the SIP port.
  virtual Result<SocketId, IoError> open(const Endpoint& local, bool shared) = 0;
  virtual void close(SocketId socket) = 0;
  /// A hint: from now on only `peer` matters to this socket. A port that profits from it (kernel sockets: a tenth less
  /// processor time) may drop what others send, uncounted, and the kernel then answers them with ICMP "port
  /// unreachable"; others act as before. Sends go wherever they are addressed, as ever. For media whose source is
  /// locked: until then strangers must be heard. A system call, so once per call and not per packet. Ignored for
  /// shared sockets and for those opened on any address or any port.
  virtual void expect(SocketId, const Endpoint& /*peer*/) {}
  /// Takes the hint back: everybody is heard again. Nothing when there is none.
  virtual void expect_any(SocketId) {}
  /// Where it is bound (the port chosen by the kernel for port 0).
  virtual Endpoint local(SocketId socket) const = 0;

  /// At most `most` packets that have come in; never blocks.
  virtual std::span<const Received> receive(int most) = 0;
  /// Sends the batch now. What cannot be sent is dropped and counted (UDP). On return the views are free.
  virtual void transmit(std::span<const Outgoing> batch) = 0;
  /// Sleeps until a packet is there, wake() is called or `until` has come, whichever is first. While many packets
  /// come, they and a wake() may be left to gather for half a millisecond.
  virtual void wait(TimePoint until) = 0;
  /// Ends the present or the next wait(); any thread.
  virtual void wake() = 0;

  virtual const PortCounters& counters() const = 0;
  /// What it has dropped besides, by reason, as far as `out` has room; returns how many. About once a second.
  virtual std::size_t drops(std::span<NamedCount> out) const {
    (void)out;
    return 0;
  }
  /// About once a second.
  virtual BufferLevel buffers() const { return {}; }
  /// "uring", "mmsg", "sim": what really runs, for logs and status.
  virtual const char* name() const = 0;
};

}  // namespace carillon::io
