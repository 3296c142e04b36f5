// ICMP (RFC 792) and ICMPv6 (RFC 4443): echo, errors in and out. What is not answered here is the kernel's.

#include <algorithm>

#include "engine/net/checksum.h"
#include "engine/net/stack.h"

namespace carillon::net {
namespace {

enum Type4 : std::uint8_t { kEchoReply4 = 0, kUnreachable4 = 3, kEcho4 = 8, kTimeExceeded4 = 11, kParameter4 = 12 };
enum Type6 : std::uint8_t { kUnreachable6 = 1, kTooBig6 = 2, kParameter6 = 4, kEcho6 = 128, kEchoReply6 = 129 };
constexpr std::uint8_t kFragmentationNeeded = 4, kPortUnreachable4 = 3, kPortUnreachable6 = 4;
constexpr std::size_t kErrorMax4 = 576;  // RFC 1812 §4.3.2.3
constexpr std::size_t kErrorMax6 = kIpv6MtuMin;

/// Of a packet of ours that came back, cut short, in an error.
struct Quoted {
  Address source, target;
  std::uint16_t source_port = 0;
};

/// Nothing: not UDP, or too little of it.
std::optional<Quoted> read_quoted(ByteView wire, bool is_v4) {
  const std::byte* at = wire.data();
  if (wire.size() < (is_v4 ? kIpv4Header : kIpv6Header) + 4) return std::nullopt;
  if (!is_v4) {
    if (load_u8(at) >> 4 != 6 || load_u8(at + 6) != kUdp) return std::nullopt;
    return Quoted{Address::v6(at + 8), Address::v6(at + 24), load_be16(at + kIpv6Header)};
  }
  const std::size_t header = 4u * (load_u8(at) & 0x0F);
  const bool is_ours = load_u8(at) >> 4 == 4 && header >= kIpv4Header && header + 4 <= wire.size() &&
                       load_u8(at + 9) == kUdp && (load_be16(at + 6) & 0x1FFF) == 0;
  if (!is_ours) return std::nullopt;
  return Quoted{Address::v4(at + 12), Address::v4(at + 16), load_be16(at + header)};
}

}  // namespace

Stack::Fate Stack::take_icmp4(const Arrived& arrived, const Packet& packet) {
  if (packet.payload.size() < kIcmpHeader) return dropped(PacketError::kMalformed);
  if (!is_right(sum(packet.payload))) return dropped(PacketError::kChecksum);
  switch (load_u8(packet.payload.data())) {
    case kEcho4:
      return answer_echo(arrived, packet, kEchoReply4);
    case kUnreachable4:
    case kTimeExceeded4:
    case kParameter4:
      return take_error(arrived, packet);
    default:
      return give_kernel(arrived);
  }
}

Stack::Fate Stack::take_icmp6(const Arrived& arrived, const Packet& packet) {
  if (packet.payload.size() < kIcmpHeader) return dropped(PacketError::kMalformed);
  const auto size = static_cast<std::uint16_t>(packet.payload.size());
  if (!is_right(sum(packet.payload) + pseudo_header(packet.source, packet.target, kIcmp6, size)))
    return dropped(PacketError::kChecksum);
  const std::uint8_t type = load_u8(packet.payload.data());
  if (is_ndp(type)) return take_ndp(arrived, packet, type);
  if (packet.source.is_unspecified()) return dropped(PacketError::kMartian);
  if (!arrived.is_unicast || !find_local(packet.target)) return give_kernel(arrived);
  if (type == kEcho6) return answer_echo(arrived, packet, kEchoReply6);
  if (type >= kUnreachable6 && type <= kParameter6) return take_error(arrived, packet);
  return give_kernel(arrived);
}

/// In the frame that asked, back to whoever sent it.
Stack::Fate Stack::answer_echo(const Arrived& arrived, const Packet& packet, std::uint8_t reply) {
  if (!echoes_.take(now_)) {
    ++net_counters_.echo_limited;
    return Fate::kRelease;
  }
  io::Frame frame = arrived.frame;
  const auto asker = load_raw<MacAddress>(frame.data + 6);
  const bool is_v4 = packet.source.is_v4();
  const std::size_t size = packet.payload.size();
  const std::size_t start = ethernet_size_ + (is_v4 ? kIpv4Header : kIpv6Header);
  if ((asker[0] & 1) != 0 || start + size > frame.room) return dropped(PacketError::kMalformed);
  const std::uint8_t tos = is_v4 ? load_u8(packet.header.data() + 1)
                                 : static_cast<std::uint8_t>(load_be16(packet.header.data()) >> 4 & 0xFF);
  std::byte* const icmp = frame.data + start;
  std::memmove(icmp, packet.payload.data(), size);
  put_ethernet(frame.data, asker, is_v4 ? kIpv4 : kIpv6);
  put_ip(frame.data + ethernet_size_, packet.target, packet.source, is_v4 ? kIcmp : kIcmp6, kHopLimit, tos, size);
  store_u8(icmp, reply);
  put_icmp_checksum(icmp, size, packet.target, packet.source);
  frame.size = static_cast<std::uint16_t>(start + size);
  frame.flags = 0;
  push(frame);
  ++net_counters_.echo_answered;
  return Fate::kGone;
}

/// A packet of ours did not arrive. Believed only if it quotes one that an open socket may have sent.
Stack::Fate Stack::take_error(const Arrived& arrived, const Packet& packet) {
  const bool is_v4 = packet.source.is_v4();
  const std::byte* at = packet.payload.data();
  const std::uint8_t type = load_u8(at), code = load_u8(at + 1);
  const auto quoted = read_quoted(packet.payload.subspan(kIcmpHeader), is_v4);
  const Local* local = quoted ? find_local(quoted->source) : nullptr;
  if (!local) return give_kernel(arrived);
  if (local->sockets[quoted->source_port] == kNobody) {
    const auto owner = config_.owner(quoted->source_port);
    return owner && *owner != config_.shard && !arrived.was_passed ? pass_on(arrived, *owner) : give_kernel(arrived);
  }
  const bool is_too_big = is_v4 ? type == kUnreachable4 && code == kFragmentationNeeded : type == kTooBig6;
  if (!is_too_big) {
    ++net_counters_.unreachable_in;
    return Fate::kRelease;
  }
  ++net_counters_.too_big_in;
  if (!path_news_.take(now_)) return Fate::kRelease;
  const std::uint32_t mtu = is_v4 ? load_be16(at + 6) : load_be32(at + 4);
  if (learn_path(quoted->target, mtu))
    tell_all({.kind = News::Kind::kPathMtu,
              .is_solicited = false,
              .overrides = false,
              .creates = false,
              .mac = {},
              .value = mtu,
              .address = quoted->target});
  return Fate::kRelease;
}

/// True: what is built for this destination must be built anew, and will be.
bool Stack::learn_path(const Address& target, std::uint32_t mtu) {
  const std::uint32_t least = target.is_v4() ? kIpv4MtuMin : kIpv6MtuMin;
  mtu = std::max(mtu, least);
  if (mtu >= mtu_) return false;
  if (!paths_.learn(target, static_cast<std::uint16_t>(mtu), now_)) return false;
  if (const auto hop = next_hop(target)) neighbours_.invalidate(*hop);
  return true;
}

/// RFC 792, RFC 4443 §3.1: nobody has this port open. Without a kernel path only: with one, the kernel says it.
void Stack::send_port_unreachable(const Arrived& arrived, const Packet& packet) {
  if (!errors_.take(now_)) {
    ++net_counters_.errors_limited;
    return;
  }
  const auto asker = load_raw<MacAddress>(arrived.frame.data + 6);
  io::Frame* frame = (asker[0] & 1) == 0 ? new_frame() : nullptr;
  if (!frame) return;
  const bool is_v4 = packet.source.is_v4();
  const std::size_t header = (is_v4 ? kIpv4Header : kIpv6Header) + kIcmpHeader;
  const std::size_t quoted =
      std::min<std::size_t>(packet.header.size() + packet.payload.size(), (is_v4 ? kErrorMax4 : kErrorMax6) - header);
  std::byte* const ip = frame->data + put_ethernet(frame->data, asker, is_v4 ? kIpv4 : kIpv6);
  std::byte* const icmp = ip + header - kIcmpHeader;
  store_u8(icmp, is_v4 ? std::uint8_t{kUnreachable4} : std::uint8_t{kUnreachable6});
  store_u8(icmp + 1, is_v4 ? kPortUnreachable4 : kPortUnreachable6);
  store_be32(icmp + 4, 0);
  std::memcpy(icmp + kIcmpHeader, packet.header.data(), quoted);
  put_ip(ip, packet.target, packet.source, is_v4 ? kIcmp : kIcmp6, kHopLimit, 0, kIcmpHeader + quoted);
  put_icmp_checksum(icmp, kIcmpHeader + quoted, packet.target, packet.source);
  frame->size = static_cast<std::uint16_t>(ip - frame->data + header + quoted);
  push(*frame);
  ++net_counters_.errors_sent;
}

void Stack::put_icmp_checksum(std::byte* icmp, std::size_t size, const Address& source, const Address& target) const {
  store_raw<std::uint16_t>(icmp + 2, 0);
  const std::uint64_t pseudo =
      source.is_v4() ? 0 : pseudo_header(source, target, kIcmp6, static_cast<std::uint16_t>(size));
  store_raw(icmp + 2, checksum(sum(icmp, size) + pseudo));
}

}  // namespace carillon::net
