// Any frames into a Stack that has sockets, neighbours, a half reassembled datagram and packets that wait. Whatever
// comes, no frame is lost or lent twice, what is handed up lies inside a frame or the reassembly, what is sent is a
// whole frame from us, and tables keep their bounds.
//
// The input is a list of frames: a byte of device flags and steps of time, two of length, the frame.

#include <algorithm>

#include "engine/net/stack.h"
#include "tests/engine/net/frames.h"

namespace carillon::net {
namespace {

Endpoint endpoint_of(const Bytes& bytes, std::uint16_t port) {
  Endpoint endpoint;
  std::ranges::copy(bytes, endpoint.address.begin());
  endpoint.port = port;
  endpoint.is_v6 = bytes.size() == 16;
  return endpoint;
}

class NoTap final : public KernelPath {
 public:
  void to_kernel(const io::Frame& frame) override { CHECK(frame.size <= FramePool::kRoom); }
  std::size_t from_kernel(std::span<io::Frame>) override { return 0; }
};

struct World {
  World(bool has_tap, bool has_vlan) : port(pool, mac_address(1)) {
    StackConfig config;
    config.addresses = {{endpoint_of(ip4(10, 0, 0, 1), 0), 24}, {endpoint_of(ip6(1), 0), 64}};
    config.gateway_v4 = endpoint_of(ip4(10, 0, 0, 254), 0);
    config.learns_router = true;
    if (has_vlan) config.vlan = 42;
    config.sockets_max = 8;
    config.neighbours_max = 8;
    config.pending_max = 8;
    config.batch = 16;
    stack = std::make_unique<Stack>(config,
                                    StackParts{port,
                                               {[](void* context) { return *static_cast<TimePoint*>(context); }, &now},
                                               nullptr,
                                               has_tap ? &tap : nullptr});
    sip = {*stack->open(endpoint_of(ip4(10, 0, 0, 1), 5060), true), *stack->open(endpoint_of(ip6(1), 5060), true)};
    rtp = {*stack->open(endpoint_of(ip4(10, 0, 0, 1), 20000), false), *stack->open(endpoint_of(ip6(1), 20000), false)};
    turn();
  }
  void turn() {
    for (const io::Received& received : stack->receive(16)) {
      CHECK(received.socket.value < 4);
      CHECK(received.peer.port != 0);
      CHECK(received.data.size() <= Reassembly::kBytes);
      std::uint8_t all = 0;  // every byte may be read
      for (const std::byte byte : received.data) all ^= std::to_integer<std::uint8_t>(byte);
      seen ^= all;
      const io::Outgoing answer{received.socket, received.peer, received.data, {}};
      stack->transmit(std::span(&answer, 1));
    }
    for (const Bytes& frame : port.take_sent()) {
      CHECK(frame.size() >= 60);
      CHECK(frame.size() <= 1518);
      CHECK(std::equal(frame.begin() + 6, frame.begin() + 12, mac(1).begin()));
    }
    CHECK(stack->neighbours().size() <= 8);
  }
  FramePool pool{64};
  MemoryPort port;
  NoTap tap;
  TimePoint now{1h};
  std::unique_ptr<Stack> stack;
  std::array<io::SocketId, 2> sip, rtp;
  std::uint8_t seen = 0;
};

void run(World& world, std::span<const std::uint8_t> input) {
  const Bytes payload = repeat(3000, 0x55);
  const ByteView body = std::as_bytes(std::span(payload));
  const std::array<io::Outgoing, 4> out = {{{world.rtp[0], endpoint_of(ip4(10, 0, 0, 2), 4000), body.first(172), {}},
                                            {world.rtp[1], endpoint_of(ip6(2), 4000), body.first(172), {}},
                                            {world.sip[0], endpoint_of(ip4(192, 0, 2, 7), 5060), body, {}},
                                            {world.sip[1], endpoint_of(ip6(7, 9), 5060), body, {}}}};
  world.stack->transmit(out);
  while (input.size() >= 3) {
    const std::uint8_t control = input[0];
    const std::size_t size = std::min<std::size_t>({input[1] * 256u + input[2], input.size() - 3, FramePool::kRoom});
    world.port.arrive(Bytes(input.begin() + 3, input.begin() + 3 + static_cast<std::ptrdiff_t>(size)),
                      control & (io::Frame::kChecksumGood | io::Frame::kChecksumBad));
    input = input.subspan(3 + size);
    world.now += 500ms * (control >> 4);
    world.turn();
    if (control & 4) world.stack->transmit(out);
  }
  CHECK(world.stack->receive(16).empty());
  world.port.take_sent();
  CHECK(world.pool.out() == 0);
}

}  // namespace
}  // namespace carillon::net

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace carillon::net;
  if (size == 0) return 0;
  World world(data[0] & 1, data[0] & 2);
  run(world, std::span(data, size).subspan(1));
  return 0;
}
