#include "engine/io/socket.h"

#include <netinet/ip.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

namespace carillon::io {
namespace {

IoError error_of(int error) {
  switch (error) {
    case EADDRINUSE:
      return IoError::kAddressInUse;
    case EADDRNOTAVAIL:
    case EAFNOSUPPORT:
      return IoError::kNoSuchAddress;
    case EACCES:
    case EPERM:
      return IoError::kNoRights;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
      return IoError::kFull;
    default:
      return IoError::kSystem;
  }
}

void set(int descriptor, int level, int option, int value) {
  // best effort: a socket with a smaller buffer or an unmarked packet still works
  (void)::setsockopt(descriptor, level, option, &value, sizeof value);
}

void set_buffer(int descriptor, int option, int forced, std::uint32_t bytes) {
  const int value = static_cast<int>(bytes);
  if (::setsockopt(descriptor, SOL_SOCKET, forced, &value, sizeof value) != 0)  // CAP_NET_ADMIN: past rmem_max
    set(descriptor, SOL_SOCKET, option, value);
}

}  // namespace

std::string PortConfig::fault() const {
  const auto power_of_two = [](std::uint32_t n) { return n != 0 && (n & (n - 1)) == 0; };
  if (sockets_max == 0 || sockets_max > 1u << 20) return "sockets_max: 1 to 1048576";
  if (!power_of_two(receive_buffers) || receive_buffers > 32768)
    return "receive_buffers: a power of two, at most 32768";
  if (receive_bytes < 512 || receive_bytes > 65535) return "receive_bytes: 512 to 65535";
  if (batch == 0 || batch > 4096) return "batch: 1 to 4096";
  if (batch > receive_buffers / 4) return "batch: at most a quarter of receive_buffers";
  return {};
}

SocketTable::SocketTable(const PortConfig& config) : config_(config), sockets_(config.sockets_max) {
  free_.reserve(sockets_.size());
  for (std::uint32_t i = config.sockets_max; i > 0; --i) free_.push_back(i - 1);
}

SocketTable::~SocketTable() {
  for (const Socket& socket : sockets_)
    if (socket.descriptor >= 0) ::close(socket.descriptor);
}

Result<SocketId, IoError> SocketTable::open(const Endpoint& local, bool shared) {
  if (free_.empty()) return IoError::kFull;
  Endpoint bound;
  const auto descriptor = make(local, shared, bound);
  if (!descriptor) return descriptor.error();
  const std::uint32_t index = free_.back();
  free_.pop_back();
  Socket& socket = sockets_[index];
  socket.descriptor = *descriptor;
  socket.local = bound;
  socket.armed = socket.is_connected = false;
  socket.is_connectable = !shared && !local.is_unspecified() && local.port != 0;
  return SocketId{index};
}

void SocketTable::close(SocketId id) {
  Socket* socket = find(id);
  if (!socket) return;
  ::close(socket->descriptor);
  socket->descriptor = -1;
  socket->generation = (socket->generation + 1) & 0xFF'FFFF;
  free_.push_back(id.value);
}

void SocketTable::expect(SocketId id, const Endpoint& peer) {
  Socket* socket = find(id);
  if (!socket || !socket->is_connectable || (socket->is_connected && socket->peer == peer)) return;
  SocketAddress address;
  const socklen_t size = to_kernel(peer, address);
  if (peer.is_unspecified() || peer.port == 0 || ::connect(socket->descriptor, &address.any, size) != 0) {
    expect_any(id);  // no route, or not an address of that kind: whoever hears less than asked for hears nobody
    return;
  }
  socket->peer = peer;
  socket->is_connected = true;
}

// Linux keeps address and port of a disconnected socket only where bind() named them.
void SocketTable::expect_any(SocketId id) {
  Socket* socket = find(id);
  if (!socket || !socket->is_connected) return;
  const sockaddr nobody{.sa_family = AF_UNSPEC, .sa_data = {}};
  (void)::connect(socket->descriptor, &nobody, sizeof nobody);
  socket->is_connected = false;
}

Result<int, IoError> SocketTable::make(const Endpoint& local, bool shared, Endpoint& bound) const {
  const int descriptor = ::socket(local.is_v6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_UDP);
  if (descriptor < 0) return error_of(errno);
  const std::uint32_t buffer = shared ? config_.shared_socket_buffer : config_.socket_buffer;
  set_buffer(descriptor, SO_RCVBUF, SO_RCVBUFFORCE, buffer);
  set_buffer(descriptor, SO_SNDBUF, SO_SNDBUFFORCE, buffer);
  const int tos = shared ? config_.signalling_tos : config_.media_tos;
  if (local.is_v6) {
    set(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    set(descriptor, IPPROTO_IPV6, IPV6_TCLASS, tos);
  } else {
    set(descriptor, IPPROTO_IP, IP_TOS, tos);
  }
  if (shared) set(descriptor, SOL_SOCKET, SO_REUSEPORT, 1);
  SocketAddress address;
  socklen_t size = to_kernel(local, address);
  if (::bind(descriptor, &address.any, size) != 0) {
    const int error = errno;
    ::close(descriptor);
    return error_of(error);
  }
  size = sizeof address;
  if (::getsockname(descriptor, &address.any, &size) == 0) bound = from_kernel(address);
  return descriptor;
}

}  // namespace carillon::io
