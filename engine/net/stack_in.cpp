// The way in: from a frame to a socket. The short way first, then everything else.

#include <algorithm>

#include "engine/base/check.h"
#include "engine/net/checksum.h"
#include "engine/net/stack.h"

namespace carillon::net {
namespace {

constexpr std::size_t kAhead = 4;  // frames whose bytes are on their way while one is read

void prefetch_packet(const std::byte* at) {
  for (std::size_t line = 0; line < 256; line += 64) __builtin_prefetch(at + line);
}

}  // namespace

std::span<const io::Received> Stack::receive(int most) {
  now_is_fresh_ = false;
  (void)now();
  if (!held_.empty()) parts_.frames.release(held_);
  held_.clear();
  for (const std::uint8_t slot : lent_) reassembly_.release(slot);
  lent_.clear();
  received_.clear();
  const auto room = static_cast<std::size_t>(std::clamp(most, 0, static_cast<int>(config_.batch)));
  tick();
  if (parts_.exchange) {
    hear_news();
    take_passed(room - room / 2);
  }
  const std::size_t count = parts_.frames.receive(std::span(in_).first(room - received_.size()));
  for (std::size_t i = 0; i < std::min(kAhead, count); ++i) prefetch_packet(in_[i].data);
  for (std::size_t i = 0; i < count; ++i) {
    if (i + kAhead < count) prefetch_packet(in_[i + kAhead].data);
    take(in_[i], false);
  }
  if (!done_.empty()) parts_.frames.release(done_);
  done_.clear();
  flush();
  for (; woken_shards_ != 0; woken_shards_ &= woken_shards_ - 1)
    parts_.exchange->wake(static_cast<std::uint32_t>(std::countr_zero(woken_shards_)));
  now_is_fresh_ = false;
  return received_;
}

void Stack::take_passed(std::size_t most) {
  const std::size_t count = parts_.exchange->take(std::span(in_).first(most));
  net_counters_.passed_in += count;
  for (std::size_t i = 0; i < count; ++i) take(in_[i], true);
}

void Stack::take(io::Frame& frame, bool was_passed) {
  const Fate fate = sort(frame, was_passed);
  if (fate == Fate::kKeep)
    held_.push_back(frame);
  else if (fate == Fate::kRelease)
    done_.push_back(frame);
}

/// By MAC address, VLAN and type.
Stack::Fate Stack::sort(io::Frame& frame, bool was_passed) {
  Arrived arrived{frame, 0, kEthernet, false, was_passed};
  const std::byte* at = frame.data;
  if (frame.size < kEthernet) return dropped(PacketError::kMalformed);
  arrived.is_unicast = std::memcmp(at, mac_.data(), 6) == 0;
  if (!arrived.is_unicast && (load_u8(at) & 1) == 0) {
    ++net_counters_.not_ours;  // a promiscuous device, a switch that floods
    return Fate::kRelease;
  }
  arrived.type = load_be16(at + 12);
  std::uint16_t vlan = 0;  // of an untagged frame, and of one that only has a priority
  if (arrived.type == kVlanTag) {
    if (frame.size < kEthernet + kVlanBytes) return dropped(PacketError::kMalformed);
    vlan = load_be16(at + 14) & 0x0FFF;
    arrived.type = load_be16(at + 16);
    arrived.network = kEthernet + kVlanBytes;
  }
  if (vlan != config_.vlan.value_or(0)) {
    ++net_counters_.wrong_vlan;
    return Fate::kRelease;
  }
  switch (arrived.type) {
    case kIpv4:
      if (const auto fate = take_plain_ipv4(arrived)) return *fate;
      return take_ipv4(arrived);
    case kIpv6:
      if (const auto fate = take_plain_ipv6(arrived)) return *fate;
      return take_ipv6(arrived);
    case kArp:
      return take_arp(arrived);
    default:
      return give_kernel(arrived);
  }
}

/// The short way: IPv4 without options, whole, UDP, to one of our addresses, right in every respect. Anything else
/// yields nothing and takes the long way, which says what is wrong with it.
std::optional<Stack::Fate> Stack::take_plain_ipv4(const Arrived& arrived) {
  const std::size_t size = arrived.frame.size - arrived.network;
  const std::byte* ip = arrived.frame.data + arrived.network;
  if (size < kIpv4Header + kUdpHeader || !arrived.is_unicast) return std::nullopt;
  const std::size_t total = load_be16(ip + 2);
  const bool is_plain =
      load_u8(ip) == 0x45 && load_u8(ip + 9) == kUdp && (load_be16(ip + 6) & 0x3FFF) == 0 && total <= size;
  if (!is_plain) return std::nullopt;
  const std::uint8_t net = load_u8(ip + 12);
  const std::byte* udp = ip + kIpv4Header;
  const std::size_t length = load_be16(udp + 4);
  if (net == 0 || net == 127 || net >= 224 || length < kUdpHeader || length + kIpv4Header > total) return std::nullopt;
  if (load_raw<std::uint16_t>(udp) == 0) return std::nullopt;
  const auto target = load_raw<std::uint32_t>(ip + 16), source = load_raw<std::uint32_t>(ip + 12);
  std::size_t index = 0;
  while (index < v4_keys_.size() && v4_keys_[index] != target) ++index;
  if (index == v4_keys_.size() || source == target) return std::nullopt;
  if (!(arrived.frame.flags & io::Frame::kChecksumGood)) {
    if (!is_right(sum(ip, kIpv4Header))) return std::nullopt;
    const bool has_sum = load_raw<std::uint16_t>(udp + 6) != 0;
    if (has_sum && !is_right(sum(udp, length) + sum(ip + 12, 8) + to_be16(kUdp) + load_raw<std::uint16_t>(udp + 4)))
      return std::nullopt;
  }
  return deliver(arrived, locals_[index], ip + 12, false, udp, length);
}

std::optional<Stack::Fate> Stack::take_plain_ipv6(const Arrived& arrived) {
  const std::size_t size = arrived.frame.size - arrived.network;
  const std::byte* ip = arrived.frame.data + arrived.network;
  if (size < kIpv6Header + kUdpHeader || !arrived.is_unicast) return std::nullopt;
  const std::size_t total = load_be16(ip + 4);
  if (load_u8(ip) >> 4 != 6 || load_u8(ip + 6) != kUdp || total + kIpv6Header > size) return std::nullopt;
  const std::uint8_t net = load_u8(ip + 8);
  const std::byte* udp = ip + kIpv6Header;
  const std::size_t length = load_be16(udp + 4);
  if (net == 0 || net == 0xFF || length < kUdpHeader || length > total) return std::nullopt;
  if (load_raw<std::uint16_t>(udp) == 0 || load_raw<std::uint16_t>(udp + 6) == 0) return std::nullopt;
  const Local* local = nullptr;
  for (const Local& ours : locals_)
    if (std::memcmp(ours.address.bytes.data(), ip + 24, 16) == 0) local = &ours;
  if (!local || std::memcmp(ip + 8, ip + 24, 16) == 0) return std::nullopt;
  if (!(arrived.frame.flags & io::Frame::kChecksumGood) &&
      !is_right(sum(udp, length) + sum(ip + 8, 32) + to_be16(kUdp) + load_raw<std::uint16_t>(udp + 4)))
    return std::nullopt;
  return deliver(arrived, *local, ip + 8, true, udp, length);
}

/// `udp` has been verified. Its port says whose it is.
Stack::Fate Stack::deliver(const Arrived& arrived, const Local& local, const std::byte* source, bool is_v6,
                           const std::byte* udp, std::size_t length) {
  const std::uint16_t port = load_be16(udp + 2);
  const std::uint32_t socket = local.sockets[port];
  if (socket == kNobody) {
    const auto owner = config_.owner(port);
    if (owner && *owner != config_.shard && !arrived.was_passed) return pass_on(arrived, *owner);
    const auto packet = is_v6 ? read_ipv6(arrived.below()) : read_ipv4(arrived.below(), true);
    return packet ? nobody_listens(arrived, *packet) : dropped(packet.error());
  }
  hand_up(socket, source, is_v6, udp, length);
  return Fate::kKeep;
}

void Stack::hand_up(std::uint32_t socket, const std::byte* source, bool is_v6, const std::byte* udp,
                    std::size_t length) {
  io::Received& received = received_.emplace_back();
  received.data = {udp + kUdpHeader, length - kUdpHeader};
  std::memcpy(received.peer.address.data(), source, is_v6 ? 16 : 4);
  received.peer.port = load_be16(udp);
  received.peer.is_v6 = is_v6;
  received.socket = io::SocketId{socket};
  received.arrival = now_;
  ++counters_.packets_in;
  counters_.bytes_in += received.data.size();
}

// ---- the long way

Stack::Fate Stack::dropped(PacketError error) {
  switch (error) {
    case PacketError::kMalformed:
      ++net_counters_.malformed;
      break;
    case PacketError::kChecksum:
      ++net_counters_.bad_checksum;
      break;
    case PacketError::kMartian:
      ++net_counters_.martian;
      break;
  }
  return Fate::kRelease;
}

Stack::Fate Stack::take_ipv4(const Arrived& arrived) {
  const auto packet = read_ipv4(arrived.below(), arrived.frame.flags & io::Frame::kChecksumGood);
  return packet ? take_ip(arrived, *packet) : dropped(packet.error());
}

Stack::Fate Stack::take_ipv6(const Arrived& arrived) {
  const auto packet = read_ipv6(arrived.below());
  return packet ? take_ip(arrived, *packet) : dropped(packet.error());
}

Stack::Fate Stack::take_ip(const Arrived& arrived, const Packet& packet) {
  if (find_local(packet.source)) return dropped(PacketError::kMartian);
  const bool is_v4 = packet.source.is_v4();
  if (!is_v4 && packet.protocol == kIcmp6 && !packet.is_fragment) return take_icmp6(arrived, packet);  // groups too
  if (!arrived.is_unicast || !find_local(packet.target)) return give_kernel(arrived);
  if (packet.protocol == kUdp) return packet.is_fragment ? take_fragment(arrived, packet) : take_udp(arrived, packet);
  if (is_v4 && packet.protocol == kIcmp && !packet.is_fragment) return take_icmp4(arrived, packet);
  return give_kernel(arrived);
}

Stack::Fate Stack::take_udp(const Arrived& arrived, const Packet& packet) {
  if (packet.source.is_unspecified()) return dropped(PacketError::kMartian);
  const auto udp = read_udp(packet, arrived.frame.flags & io::Frame::kChecksumGood);
  if (!udp) return dropped(udp.error());
  const std::byte* header = packet.payload.data();
  return deliver(arrived, *find_local(packet.target), packet.source.wire(), !packet.source.is_v4(), header,
                 load_be16(header + 4));
}

Stack::Fate Stack::nobody_listens(const Arrived& arrived, const Packet& packet) {
  ++net_counters_.no_socket;
  if (has_kernel()) return give_kernel(arrived);
  send_port_unreachable(arrived, packet);
  return Fate::kRelease;
}

Stack::Fate Stack::pass_on(const Arrived& arrived, std::uint32_t shard) {
  if (!parts_.exchange->pass(shard, arrived.frame)) {
    ++net_counters_.passed_full;
    return Fate::kRelease;
  }
  ++net_counters_.passed_on;
  woken_shards_ |= 1ull << shard;
  return Fate::kGone;
}

Stack::Fate Stack::give_kernel(const Arrived& arrived) {
  if (!has_kernel()) {
    ++net_counters_.not_ours;
    return Fate::kRelease;
  }
  if (!parts_.kernel) return pass_on(arrived, *config_.kernel_shard);  // from there it goes nowhere else
  ++net_counters_.to_kernel;
  parts_.kernel->to_kernel(arrived.frame);
  return Fate::kRelease;
}

}  // namespace carillon::net
