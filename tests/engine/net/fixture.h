#pragma once
// One Stack over frames in memory and simulated time: 10.0.0.1/24 and 2001:db8::1/64 at 02:00:00:00:00:01, gateways
// .254 and ::fe. The far side is a test's own bytes.

#include <gmock/gmock.h>

#include <memory>
#include <optional>

#include "engine/net/stack.h"
#include "tests/engine/net/frames.h"

namespace carillon::net {

inline const Bytes kUs = mac(1), kPeer = mac(2), kRouterMac = mac(0xFE), kEverybody = repeat(6, 0xFF);
inline const Bytes kOur4 = ip4(10, 0, 0, 1), kPeer4 = ip4(10, 0, 0, 2), kRouter4 = ip4(10, 0, 0, 254),
                   kFar4 = ip4(192, 0, 2, 7);
inline const Bytes kOur6 = ip6(1), kPeer6 = ip6(2), kRouter6 = ip6(0xFE), kFar6 = ip6(7, 9);

inline Endpoint endpoint(const Bytes& address, std::uint16_t port) {
  Endpoint endpoint;
  std::copy(address.begin(), address.end(), endpoint.address.begin());
  endpoint.port = port;
  endpoint.is_v6 = address.size() == 16;
  return endpoint;
}
inline Address address(const Bytes& bytes) { return Address::of(endpoint(bytes, 0)); }

struct Got {
  Bytes data;
  Endpoint peer;
  io::SocketId socket;
  TimePoint arrival;
};

class StackTest : public testing::Test {
 protected:
  StackTest() : port_(pool_, mac_address(1)) {
    config_.addresses = {{endpoint(kOur4, 0), 24}, {endpoint(kOur6, 0), 64}};
    config_.gateway_v4 = endpoint(kRouter4, 0);
    config_.gateway_v6 = endpoint(kRouter6, 0);
    config_.sockets_max = 64;
    config_.neighbours_max = 16;
    config_.pending_max = 16;
  }
  ~StackTest() override {
    stack_.reset();
    EXPECT_EQ(pool_.out(), 0u) << "a frame was kept";
  }

  Stack& stack() {
    if (!stack_) {
      EXPECT_EQ(config_.fault(), "");
      stack_ = std::make_unique<Stack>(config_, StackParts{port_, clock(), nullptr, kernel_});
    }
    return *stack_;
  }
  Clock clock() {
    return {[](void* context) { return *static_cast<TimePoint*>(context); }, &now_};
  }
  /// Past the announcements of the start.
  Stack& settled() {
    for (int i = 0; i < 4; ++i, now_ += 2s) receive();
    port_.take_sent();
    return stack();
  }
  std::vector<Got> receive(int most = 256) {
    std::vector<Got> got;
    for (const io::Received& packet : stack().receive(most)) {
      const auto* data = reinterpret_cast<const std::uint8_t*>(packet.data.data());
      got.push_back({Bytes(data, data + packet.data.size()), packet.peer, packet.socket, packet.arrival});
    }
    return got;
  }
  std::vector<Got> arrive(const Bytes& frame, std::uint8_t flags = 0) {
    port_.arrive(frame, flags);
    return receive();
  }
  void send(io::SocketId socket, const Endpoint& peer, const Bytes& head, const Bytes& body = {}) {
    const io::Outgoing out{socket, peer, std::as_bytes(std::span(head)), std::as_bytes(std::span(body))};
    stack().transmit(std::span(&out, 1));
  }
  io::SocketId open(const Bytes& address, std::uint16_t port, bool shared = false) {
    const auto socket = stack().open(endpoint(address, port), shared);
    EXPECT_TRUE(socket.has_value());
    return socket.value_or(io::SocketId{});
  }
  /// From now on the peer is known, without a word on the wire left behind.
  void meet(const Bytes& mac = kPeer, const Bytes& ip = kPeer4) {
    arrive(ethernet(kUs, mac, 0x0806, arp(1, mac, ip, repeat(6), kOur4)));
    port_.take_sent();
  }
  Bytes udp_frame(const Bytes& from, const Bytes& to, std::size_t from_port, std::size_t to_port,
                  const Bytes& payload) {
    if (to.size() == 4)
      return ethernet(kUs, kPeer, 0x0800, ipv4(from, to, 17, udp(from, to, from_port, to_port, payload)));
    return ethernet(kUs, kPeer, 0x86DD, ipv6(from, to, 17, udp(from, to, from_port, to_port, payload)));
  }
  const NetCounters& counters() { return stack().net_counters(); }

  FramePool pool_{64};
  MemoryPort port_;
  StackConfig config_;
  KernelPath* kernel_ = nullptr;
  TimePoint now_{1h};
  std::unique_ptr<Stack> stack_;
};

}  // namespace carillon::net
