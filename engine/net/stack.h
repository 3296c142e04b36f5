#pragma once
// One shard's IP stack: frames below (io::FramePort), UDP sockets above (io::Port). Runs on the shard's thread, as part
// of its receive(), transmit() and wait(); reads the time by the Clock it is given.

#include <memory>
#include <optional>
#include <vector>

#include "engine/io/frame_port.h"
#include "engine/io/port.h"
#include "engine/net/clock.h"
#include "engine/net/config.h"
#include "engine/net/counters.h"
#include "engine/net/exchange.h"
#include "engine/net/flow.h"
#include "engine/net/kernel_path.h"
#include "engine/net/neighbours.h"
#include "engine/net/packet.h"
#include "engine/net/path_mtu.h"
#include "engine/net/pending.h"
#include "engine/net/reassembly.h"
#include "engine/net/token_bucket.h"

namespace carillon::net {

/// What a Stack stands on; all of it outlives the Stack.
struct StackParts {
  io::FramePort& frames;
  Clock clock;
  Exchange* exchange = nullptr;  ///< with StackConfig::shards > 1
  KernelPath* kernel = nullptr;  ///< none, here and at kernel_shard: what we do not speak is dropped, closed ports are
                                 ///< answered by ICMP
};

/// Ethernet, ARP, NDP, IPv4, IPv6, UDP, ICMP.
///
/// in    Most frames are UDP to an open socket and take the short way: one look at the header, one at a table by port.
///       The frame stays ours until the next receive(), so nothing is copied.
/// out   Each socket keeps a ready header for its last peer (Flow); a packet is that, its payload, its length and its
///       checksums. A new peer, or news of its neighbour, takes the slow way once.
/// full  no buffer for a frame: dropped and counted. A batch gets the largest of its halves, quarters, … that the port
///       has buffers for.
///
/// No allocation after construction.
class Stack final : public io::Port {
 public:
  /// `config` has no fault().
  Stack(const StackConfig& config, const StackParts& parts);
  ~Stack() override;
  Stack(const Stack&) = delete;

  /// `local` is one of our addresses, or unspecified: all of its family. Port 0: a free one of this shard's block, else
  /// from 49,152 on. A port in another shard's block is kAddressInUse. `shared`: all shards open it, each for what
  /// comes its way; only its packets may come in fragments.
  Result<io::SocketId, io::IoError> open(const Endpoint& local, bool shared) override;
  void close(io::SocketId socket) override;
  Endpoint local(io::SocketId socket) const override;

  std::span<const io::Received> receive(int most) override;
  void transmit(std::span<const io::Outgoing> batch) override;
  void wait(TimePoint until) override { parts_.frames.wait(std::min(until, next_deadline())); }
  void wake() override { parts_.frames.wake(); }
  const io::PortCounters& counters() const override { return counters_; }
  std::size_t drops(std::span<io::NamedCount> out) const override;
  io::BufferLevel buffers() const override { return parts_.frames.buffers(); }
  const char* name() const override { return "net"; }

  /// When receive() must be called next if nothing comes in.
  TimePoint next_deadline() const;
  const NetCounters& net_counters() const { return net_counters_; }
  const Neighbours& neighbours() const { return neighbours_; }

 private:
  static constexpr std::uint32_t kNobody = 0xFFFF'FFFF;
  static constexpr int kNewsPerBurst = 64;
  static constexpr std::size_t kFromKernel = 32;
  static constexpr std::uint16_t kEphemeralFirst = 49'152;
  static constexpr int kAnnouncements = 2;                 // RFC 5227 §2.3, two seconds apart
  static constexpr std::uint32_t kPathNewsPerSecond = 10;  // each makes headers be built anew
  static constexpr Duration kLinkPoll = 100ms;             // the device may have to ask
  static constexpr Duration kAnnounceGap = 2s, kDefendGap = 10s;

  struct Local {
    Address address;
    std::uint8_t prefix = 0;
    std::vector<std::uint32_t> sockets;  // by port: SocketId or kNobody
    TimePoint defend_at = TimePoint::min();
  };
  struct Socket {
    Endpoint local;
    bool is_open = false, is_shared = false;
  };
  /// What becomes of a frame that came in.
  enum class Fate : std::uint8_t { kRelease, kKeep, kGone };
  /// A frame that came in and what is known of it.
  struct Arrived {
    io::Frame& frame;
    std::uint16_t type = 0;
    std::uint8_t network = 0;  // offset
    bool is_unicast = false;   // by its MAC address
    bool was_passed = false;   // by another shard: it has decided
    ByteView below() const { return frame.view().subspan(network); }
  };

  // sockets (stack.cpp)
  Local* find_local(const Address& address);
  const Local* find_local(const Address& address) const { return const_cast<Stack*>(this)->find_local(address); }
  const Local* on_link(const Address& address) const;
  bool is_free(const Endpoint& local) const;
  void bind(const Endpoint& local, std::uint32_t value);
  std::uint16_t choose_port(const Endpoint& local);
  void tick();
  void look_at_link();
  void poll_kernel();

  // in (stack_in.cpp)
  void take_passed(std::size_t most);
  void take(io::Frame& frame, bool was_passed);
  Fate sort(io::Frame& frame, bool was_passed);
  std::optional<Fate> take_plain_ipv4(const Arrived& arrived);
  std::optional<Fate> take_plain_ipv6(const Arrived& arrived);
  Fate take_ipv4(const Arrived& arrived);
  Fate take_ipv6(const Arrived& arrived);
  Fate take_ip(const Arrived& arrived, const Packet& packet);
  Fate take_udp(const Arrived& arrived, const Packet& packet);
  Fate deliver(const Arrived& arrived, const Local& local, const std::byte* source, bool is_v6, const std::byte* udp,
               std::size_t length);
  void hand_up(std::uint32_t socket, const std::byte* source, bool is_v6, const std::byte* udp, std::size_t length);
  Fate nobody_listens(const Arrived& arrived, const Packet& packet);
  Fate pass_on(const Arrived& arrived, std::uint32_t shard);
  bool has_kernel() const { return parts_.kernel || config_.kernel_shard.value_or(config_.shard) != config_.shard; }
  Fate give_kernel(const Arrived& arrived);
  Fate dropped(PacketError error);

  // ICMP (stack_icmp.cpp)
  Fate take_icmp4(const Arrived& arrived, const Packet& packet);
  Fate take_icmp6(const Arrived& arrived, const Packet& packet);
  Fate answer_echo(const Arrived& arrived, const Packet& packet, std::uint8_t reply);
  Fate take_error(const Arrived& arrived, const Packet& packet);
  bool learn_path(const Address& target, std::uint32_t mtu);
  void send_port_unreachable(const Arrived& arrived, const Packet& packet);
  void put_icmp_checksum(std::byte* icmp, std::size_t size, const Address& source, const Address& target) const;

  // fragments (stack_fragments.cpp)
  Fate take_fragment(const Arrived& arrived, const Packet& packet);
  bool is_wanted(const Packet& first) const;
  void take_whole(std::uint8_t slot);
  void send_fragments(const Flow& flow, const io::Outgoing& out, bool waits);
  bool send_fragment(const Flow& flow, ByteView part, std::size_t offset, bool more, std::uint32_t id, bool waits);

  // neighbours of IPv6 (stack_ndp.cpp)
  static bool is_ndp(std::uint8_t type);
  Fate take_ndp(const Arrived& arrived, const Packet& packet, std::uint8_t type);
  Fate take_solicitation(const Arrived& arrived, const Packet& packet);
  Fate take_advertisement(const Arrived& arrived, const Packet& packet);
  Fate take_router(const Arrived& arrived, const Packet& packet);
  void learn_router(const Address& router, std::uint32_t lifetime_seconds);
  void send_solicitation(const Address& source, const Address& target, const MacAddress* known);
  void send_advertisement(const Address& about, const Address& to, const MacAddress& mac, std::uint8_t flags);
  void advertise(const Address& ours);
  void send_ndp(std::uint8_t type, std::uint8_t flags, const Address& about, const Address& source, const Address& to,
                const MacAddress& mac, std::uint8_t option);

  // neighbours (stack_link.cpp)
  Fate take_arp(const Arrived& arrived);
  void hear(const Neighbours::Heard& heard);
  void hear_news();
  void tell_all(const News& news);
  void send_waiting(std::uint16_t neighbour);
  void ask(std::uint16_t neighbour, bool all);
  void send_arp(std::uint16_t operation, const MacAddress& to, const Address& sender, const MacAddress& target_mac,
                const Address& target);
  void announce();
  void announce(const Address& ours);
  void defend(Local& local);

  // out (stack_out.cpp)
  std::size_t get_frames(std::size_t most);
  void send_some(std::span<const io::Outgoing> batch);
  bool prepare(const io::Outgoing& out, Flow& flow);
  Neighbours::Verdict build(Flow& flow, const Socket& socket, const Endpoint& peer);
  std::optional<Address> source_for(const Socket& socket, const Address& target) const;
  std::optional<Address> next_hop(const Address& target) const;
  std::size_t write(const Flow& flow, const io::Outgoing& out, std::byte* at);
  std::uint8_t sum_flags(const Flow& flow) const {
    if (!device_sums_) return 0;
    return io::Frame::kWantsChecksums | (flow.is_v6() ? io::Frame::kIsV6 : 0);
  }
  void hold(const Flow& flow, const io::Outgoing& out);
  std::size_t put_ethernet(std::byte* at, const MacAddress& to, std::uint16_t type) const;
  void put_ip(std::byte* at, const Address& source, const Address& target, std::uint8_t protocol, std::uint8_t hops,
              std::uint8_t tos, std::size_t payload);
  io::Frame* new_frame();
  void push(const io::Frame& frame);
  void flush();
  TimePoint now();

  const StackConfig config_;
  const StackParts parts_;
  const MacAddress mac_;
  const bool device_sums_;
  const std::uint8_t ethernet_size_;
  const std::uint16_t mtu_;

  std::vector<Local> locals_;
  std::vector<std::uint32_t> v4_keys_;  // of locals_, in wire order; 0 where it is IPv6
  std::vector<Socket> sockets_;
  std::vector<Flow> flows_;
  std::vector<std::uint32_t> free_sockets_;
  Neighbours neighbours_;
  Pending pending_;
  Reassembly reassembly_;
  PathMtu paths_;
  TokenBucket errors_, echoes_, path_news_;
  Address router_;  // learnt
  TimePoint router_ends_ = TimePoint::min();

  std::vector<io::Frame> in_, held_, done_, out_, fresh_;
  io::Frame made_;
  std::vector<io::Received> received_;
  std::uint64_t woken_shards_ = 0;  // bits: they got something in this burst
  std::vector<std::uint8_t> lent_;  // slots of reassembly_ that the last receive() shows
  std::vector<std::byte> scratch_;  // a whole datagram, before it is cut
  std::uint32_t ip6_id_;
  std::uint16_t ip_id_ = 0, next_port_ = 0;
  TimePoint now_{}, link_at_ = TimePoint::min(), announce_at_ = TimePoint::min(), kernel_at_ = TimePoint::min();
  int announcements_left_ = kAnnouncements;
  bool has_link_ = false, now_is_fresh_ = false;
  io::PortCounters counters_;
  NetCounters net_counters_;
};

}  // namespace carillon::net
