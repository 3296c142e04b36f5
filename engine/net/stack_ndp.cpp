// Neighbour discovery for IPv6 (RFC 4861): solicitations, advertisements, and the router's if we are told to listen.

#include <algorithm>

#include "engine/net/checksum.h"
#include "engine/net/stack.h"

namespace carillon::net {
namespace {

enum Type : std::uint8_t { kRouterSolicitation = 133, kRouterAdvertisement, kSolicitation, kAdvertisement, kRedirect };
constexpr std::uint8_t kSourceMac = 1, kTargetMac = 2;  // options (§4.6.1)
constexpr std::uint8_t kSolicited = 0x40, kOverride = 0x20;
constexpr std::size_t kTarget = 8, kNeighbourBytes = 24, kRouterBytes = 16;

struct Options {
  bool is_right = true;
  std::optional<MacAddress> mac;
};

/// The link-layer address among options, each a multiple of 8 bytes and none empty (§4.6).
Options read_options(ByteView wire, std::uint8_t wanted) {
  Options options;
  while (!wire.empty()) {
    const std::size_t size = wire.size() < 8 ? 0 : 8u * load_u8(wire.data() + 1);
    if (size == 0 || size > wire.size()) return {false, std::nullopt};
    if (load_u8(wire.data()) == wanted && size == 8) options.mac = load_raw<MacAddress>(wire.data() + 2);
    wire = wire.subspan(size);
  }
  if (options.mac && ((*options.mac)[0] & 1) != 0) return {false, std::nullopt};
  return options;
}

}  // namespace

bool Stack::is_ndp(std::uint8_t type) { return type >= kRouterSolicitation && type <= kRedirect; }

/// §7.1, §6.1: a hop limit of 255 shows that it comes from this link.
Stack::Fate Stack::take_ndp(const Arrived& arrived, const Packet& packet, std::uint8_t type) {
  const ByteView body = packet.payload;
  if (packet.hops != 255 || load_u8(body.data() + 1) != 0) return dropped(PacketError::kMalformed);
  if (load_raw<MacAddress>(arrived.frame.data + 6) == mac_) return Fate::kRelease;  // our own, mirrored
  ++net_counters_.ndp_in;
  switch (type) {
    case kSolicitation:
      return take_solicitation(arrived, packet);
    case kAdvertisement:
      return take_advertisement(arrived, packet);
    case kRouterAdvertisement:
      return take_router(arrived, packet);
    default:  // redirects are not followed: the gateway is the operator's word
      return give_kernel(arrived);
  }
}

Stack::Fate Stack::take_solicitation(const Arrived& arrived, const Packet& packet) {
  if (packet.payload.size() < kNeighbourBytes) return dropped(PacketError::kMalformed);
  const Address target = Address::v6(packet.payload.data() + kTarget);
  const Options options = read_options(packet.payload.subspan(kNeighbourBytes), kSourceMac);
  const bool is_probe = packet.source.is_unspecified();
  if (!options.is_right || target.is_multicast() || (is_probe && options.mac) ||
      (is_probe && packet.target != solicited_node(target)))
    return dropped(PacketError::kMalformed);
  if (!find_local(target)) return give_kernel(arrived);
  if (is_probe) {  // another host is about to take our address (RFC 4862 §5.4.3): it must hear that we have it
    ++net_counters_.address_conflicts;
    send_advertisement(target, Address{kAllNodes}, multicast_mac(Address{kAllNodes}), kOverride);
    return Fate::kRelease;
  }
  const auto asker = options.mac.value_or(load_raw<MacAddress>(arrived.frame.data + 6));
  if ((asker[0] & 1) != 0) return dropped(PacketError::kMalformed);
  if (options.mac && on_link(packet.source)) hear({packet.source, asker, false, true, true});
  send_advertisement(target, packet.source, asker, kSolicited | kOverride);
  return Fate::kRelease;
}

Stack::Fate Stack::take_advertisement(const Arrived& arrived, const Packet& packet) {
  if (packet.payload.size() < kNeighbourBytes) return dropped(PacketError::kMalformed);
  const Address target = Address::v6(packet.payload.data() + kTarget);
  const std::uint8_t flags = load_u8(packet.payload.data() + 4);
  const Options options = read_options(packet.payload.subspan(kNeighbourBytes), kTargetMac);
  const bool is_solicited = (flags & kSolicited) != 0;
  if (!options.is_right || target.is_multicast() || (is_solicited && packet.target.is_multicast()))
    return dropped(PacketError::kMalformed);
  if (Local* ours = find_local(target)) {
    ++net_counters_.address_conflicts;
    defend(*ours);
    return Fate::kRelease;
  }
  if (options.mac && on_link(target)) hear({target, *options.mac, is_solicited, (flags & kOverride) != 0, false});
  return has_kernel() ? give_kernel(arrived) : Fate::kRelease;
}

Stack::Fate Stack::take_router(const Arrived& arrived, const Packet& packet) {
  if (packet.payload.size() < kRouterBytes || !packet.source.is_link_local()) return dropped(PacketError::kMalformed);
  const Options options = read_options(packet.payload.subspan(kRouterBytes), kSourceMac);
  if (!options.is_right) return dropped(PacketError::kMalformed);
  if (config_.learns_router) {
    const std::uint32_t lifetime = load_be16(packet.payload.data() + 6);
    if (options.mac && on_link(packet.source)) hear({packet.source, *options.mac, false, true, true});
    learn_router(packet.source, lifetime);
    tell_all({.kind = News::Kind::kRouter,
              .is_solicited = false,
              .overrides = false,
              .creates = false,
              .mac = {},
              .value = lifetime,
              .address = packet.source});
  }
  return has_kernel() ? give_kernel(arrived) : Fate::kRelease;
}

/// §6.3.4, the default router only: addresses are the operator's.
void Stack::learn_router(const Address& router, std::uint32_t lifetime_seconds) {
  if (lifetime_seconds == 0 && router != router_) return;
  if (router != router_) neighbours_.invalidate(router_);  // what leads there is built anew
  router_ = router;
  router_ends_ = now_ + std::chrono::seconds(lifetime_seconds);
  if (lifetime_seconds == 0) neighbours_.invalidate(router_);
}

/// To the solicited-node group of `target`, or just to it when its MAC address is known.
void Stack::send_solicitation(const Address& source, const Address& target, const MacAddress* known) {
  const Address group = solicited_node(target);
  send_ndp(kSolicitation, 0, target, source, known ? target : group, known ? *known : multicast_mac(group), kSourceMac);
}

void Stack::send_advertisement(const Address& about, const Address& to, const MacAddress& mac, std::uint8_t flags) {
  send_ndp(kAdvertisement, flags, about, about, to, mac, kTargetMac);
}

void Stack::advertise(const Address& ours) {
  send_advertisement(ours, Address{kAllNodes}, multicast_mac(Address{kAllNodes}), kOverride);
}

void Stack::send_ndp(std::uint8_t type, std::uint8_t flags, const Address& about, const Address& source,
                     const Address& to, const MacAddress& mac, std::uint8_t option) {
  io::Frame* frame = new_frame();
  if (!frame) return;
  constexpr std::size_t kSize = kNeighbourBytes + 8;
  std::byte* const ip = frame->data + put_ethernet(frame->data, mac, kIpv6);
  put_ip(ip, source, to, kIcmp6, 255, 0, kSize);
  std::byte* const body = ip + kIpv6Header;
  store_u8(body, type);
  store_u8(body + 1, 0);
  store_be32(body + 4, static_cast<std::uint32_t>(flags) << 24);
  store_raw(body + kTarget, about.bytes);
  store_u8(body + kNeighbourBytes, option);
  store_u8(body + kNeighbourBytes + 1, 1);
  store_raw(body + kNeighbourBytes + 2, mac_);
  put_icmp_checksum(body, kSize, source, to);
  frame->size = static_cast<std::uint16_t>(body - frame->data + kSize);
  push(*frame);
}

}  // namespace carillon::net
