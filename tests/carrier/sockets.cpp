#include "tests/carrier/sockets.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>

namespace carillon::carrier {

UdpSocket::~UdpSocket() {
  if (fd_ >= 0) ::close(fd_);
}

std::optional<UdpSocket> UdpSocket::bind(const Endpoint& local, int receive_bytes) {
  UdpSocket socket(::socket(local.is_v6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket) return std::nullopt;
  const int on = 1;
  ::setsockopt(socket.fd_, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
  ::setsockopt(socket.fd_, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof receive_bytes);
  sockaddr_storage address{};
  const socklen_t length = local.to(address);
  if (::bind(socket.fd_, reinterpret_cast<const sockaddr*>(&address), length) != 0) return std::nullopt;
  return socket;
}

Endpoint UdpSocket::local() const {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  ::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &length);
  return Endpoint::from(address);
}

// A datagram that the kernel refuses is a lost datagram: SIP sends again, RTP goes on.
void UdpSocket::send(const Endpoint& to, std::string_view text) {
  sockaddr_storage address{};
  const socklen_t length = to.to(address);
  (void)::sendto(fd_, text.data(), text.size(), 0, reinterpret_cast<const sockaddr*>(&address), length);
}

void UdpSocket::send(const Endpoint& to, const RtpOut& packet) {
  sockaddr_storage address{};
  const socklen_t length = to.to(address);
  iovec parts[2] = {{const_cast<std::uint8_t*>(packet.header.data()), packet.header.size()},
                    {const_cast<std::uint8_t*>(packet.payload.data()), packet.payload.size()}};
  msghdr message{};
  message.msg_name = &address;
  message.msg_namelen = length;
  message.msg_iov = parts;
  message.msg_iovlen = 2;
  (void)::sendmsg(fd_, &message, 0);
}

Receiver::Receiver() : buffer_(kBatch * kSize) {}

std::span<const Receiver::Datagram> Receiver::read(const UdpSocket& socket) {
  std::array<mmsghdr, kBatch> messages{};
  std::array<iovec, kBatch> parts;
  std::array<sockaddr_storage, kBatch> sources;
  alignas(cmsghdr) std::array<std::array<char, 64>, kBatch> controls;
  for (std::size_t i = 0; i < kBatch; ++i) {
    parts[i] = {buffer_.data() + i * kSize, kSize};
    msghdr& header = messages[i].msg_hdr;
    header.msg_name = &sources[i];
    header.msg_namelen = sizeof sources[i];
    header.msg_iov = &parts[i];
    header.msg_iovlen = 1;
    header.msg_control = controls[i].data();
    header.msg_controllen = controls[i].size();
  }
  const int count = ::recvmmsg(socket.fd(), messages.data(), kBatch, 0, nullptr);
  if (count <= 0) return {};
  timespec wall{};
  ::clock_gettime(CLOCK_REALTIME, &wall);
  const TimePoint now = MonoClock::now();
  for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
    msghdr& header = messages[i].msg_hdr;
    datagrams_[i] = {{buffer_.data() + i * kSize, messages[i].msg_len}, Endpoint::from(sources[i]), now};
    for (cmsghdr* part = CMSG_FIRSTHDR(&header); part; part = CMSG_NXTHDR(&header, part)) {
      if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SO_TIMESTAMPNS) continue;
      timespec stamp{};
      std::memcpy(&stamp, CMSG_DATA(part), sizeof stamp);
      const Duration age = std::chrono::seconds(wall.tv_sec - stamp.tv_sec) + Duration(wall.tv_nsec - stamp.tv_nsec);
      if (age > 0ns && age < 10s) datagrams_[i].arrival = now - age;
    }
  }
  return std::span(datagrams_).first(static_cast<std::size_t>(count));
}

RtpPorts::RtpPorts(Endpoint address, std::uint16_t first, std::uint16_t last)
    : address_(address), first_(static_cast<std::uint16_t>(first + first % 2)), last_(last), next_(first_) {}

std::optional<UdpSocket> RtpPorts::open() {
  for (int tries = (last_ - first_) / 2 + 1; tries > 0; --tries) {
    Endpoint local = address_;
    local.port = next_;
    next_ = next_ + 2 > last_ ? first_ : static_cast<std::uint16_t>(next_ + 2);
    if (auto socket = UdpSocket::bind(local, 1 << 18)) return socket;
    if (errno != EADDRINUSE) return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace carillon::carrier
