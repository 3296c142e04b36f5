#pragma once
// The carrier's sockets: one for SIP, one per call for RTP. Reads in batches, takes the kernel's time of arrival.

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/bytes.h"
#include "engine/base/endpoint.h"
#include "engine/base/random.h"
#include "engine/base/time.h"
#include "tests/carrier/mouth.h"

namespace carillon::carrier {

/// A bound, non-blocking UDP socket; closed when it goes.
class UdpSocket {
 public:
  UdpSocket() = default;
  explicit UdpSocket(int fd) : fd_(fd) {}
  UdpSocket(UdpSocket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UdpSocket& operator=(UdpSocket&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~UdpSocket();

  /// Empty with errno set when the address cannot be had.
  static std::optional<UdpSocket> bind(const Endpoint& local, int receive_bytes);
  Endpoint local() const;
  int fd() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  void send(const Endpoint& to, std::string_view text);
  void send(const Endpoint& to, const RtpOut& packet);

 private:
  int fd_ = -1;
};

/// Up to 32 datagrams at a time from any socket; the views live until the next read.
class Receiver {
 public:
  struct Datagram {
    ByteView bytes;
    Endpoint from;
    TimePoint arrival;
  };
  Receiver();
  std::span<const Datagram> read(const UdpSocket& socket);

 private:
  static constexpr std::size_t kBatch = 32, kSize = 9216;
  std::vector<std::byte> buffer_;
  std::array<Datagram, kBatch> datagrams_;
};

/// Even RTP ports of a range, one per call, in turn so that a late packet rarely meets the next call.
class RtpPorts {
 public:
  RtpPorts(Endpoint address, std::uint16_t first, std::uint16_t last);
  /// Empty when every port is taken.
  std::optional<UdpSocket> open();

 private:
  Endpoint address_;
  std::uint16_t first_, last_, next_;
};

}  // namespace carillon::carrier
