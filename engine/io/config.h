#pragma once

#include <cstdint>
#include <string>

namespace carillon::io {

enum class BackEnd : std::uint8_t { kAutomatic, kUring, kMmsg };

/// One port of the kernel back ends: its memory and how its sockets are set up.
struct PortConfig {
  BackEnd back_end = BackEnd::kAutomatic;   ///< kAutomatic: uring, and mmsg where io_uring is refused
  std::uint32_t sockets_max = 8192;         ///< open() answers kFull beyond; also bounded by RLIMIT_NOFILE
  std::uint32_t receive_buffers = 2048;     ///< packets held between kernel and owner; a power of two, at most 32768
  std::uint32_t receive_bytes = 4096;       ///< longest payload taken in: SIP over UDP may be fragmented, RTP never is
  std::uint32_t batch = 256;                ///< sends per system call and packets per receive(), at most
  std::uint32_t socket_buffer = 256 << 10;  ///< bytes, SO_RCVBUF and SO_SNDBUF of a media socket
  std::uint32_t shared_socket_buffer = 4 << 20;  ///< the same of a shared socket: all SIP of a shard meets there
  std::uint8_t media_tos = 0xB8;                 ///< DSCP EF (RFC 4594 §4.1), sockets that are not shared
  std::uint8_t signalling_tos = 0xA0;            ///< DSCP CS5 (RFC 4594 §4.2), shared sockets

  /// The first fault as "field: reason", or empty.
  std::string fault() const;
};

}  // namespace carillon::io
