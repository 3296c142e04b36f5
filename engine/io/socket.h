#pragma once
// What both kernel back ends do alike: addresses as the kernel wants them, making UDP sockets, the table of open ones.

#include <netinet/in.h>

#include <cstdint>
#include <vector>

#include "engine/base/endpoint.h"
#include "engine/base/result.h"
#include "engine/io/config.h"
#include "engine/io/port.h"

namespace carillon::io {

/// A UDP address for the kernel, a quarter of sockaddr_storage: one is written per packet.
union SocketAddress {
  sockaddr any;
  sockaddr_in v4;
  sockaddr_in6 v6;
  std::byte room[32];
};

/// Fills `out` and returns its length.
inline socklen_t to_kernel(const Endpoint& endpoint, SocketAddress& out) {
  if (!endpoint.is_v6) {
    out.v4 = {};
    out.v4.sin_family = AF_INET;
    out.v4.sin_port = htons(endpoint.port);
    std::memcpy(&out.v4.sin_addr, endpoint.address.data(), 4);
    return sizeof out.v4;
  }
  out.v6 = {};
  out.v6.sin6_family = AF_INET6;
  out.v6.sin6_port = htons(endpoint.port);
  std::memcpy(&out.v6.sin6_addr, endpoint.address.data(), 16);
  return sizeof out.v6;
}

inline Endpoint from_kernel(const SocketAddress& address) {
  Endpoint endpoint;
  if (address.any.sa_family == AF_INET6) {
    endpoint.is_v6 = true;
    endpoint.port = ntohs(address.v6.sin6_port);
    std::memcpy(endpoint.address.data(), &address.v6.sin6_addr, 16);
  } else {
    endpoint.port = ntohs(address.v4.sin_port);
    std::memcpy(endpoint.address.data(), &address.v4.sin_addr, 4);
  }
  return endpoint;
}

/// The sockets of one port, indexed by SocketId. A slot's generation changes when it is closed, so that what the
/// kernel still reports about the old socket finds nothing. Memory is fixed at construction.
class SocketTable {
 public:
  struct Socket {
    int descriptor = -1;
    std::uint32_t generation = 1;
    Endpoint local, peer;
    bool armed = false;           // uring: a multishot receive runs in the kernel
    bool is_connectable = false;  // opened on an address and a port of its own: the kernel keeps both
    bool is_connected = false;    // to `peer`
  };

  explicit SocketTable(const PortConfig& config);
  ~SocketTable();
  SocketTable(const SocketTable&) = delete;

  /// Makes and binds a socket and gives it a slot.
  Result<SocketId, IoError> open(const Endpoint& local, bool shared);
  void close(SocketId socket);
  /// connect(): the kernel looks up route and receiver once instead of per packet. Port::expect() says what it costs.
  void expect(SocketId socket, const Endpoint& peer);
  void expect_any(SocketId socket);

  /// Nothing when it is not open.
  Socket* find(SocketId socket) {
    return socket.value < sockets_.size() && sockets_[socket.value].descriptor >= 0 ? &sockets_[socket.value] : nullptr;
  }
  Socket* find(std::uint32_t index, std::uint32_t generation) {
    Socket* socket = find(SocketId{index});
    return socket && socket->generation == generation ? socket : nullptr;
  }
  std::uint32_t capacity() const { return static_cast<std::uint32_t>(sockets_.size()); }

 private:
  Result<int, IoError> make(const Endpoint& local, bool shared, Endpoint& bound) const;

  PortConfig config_;
  std::vector<Socket> sockets_;
  std::vector<std::uint32_t> free_;
};

}  // namespace carillon::io
