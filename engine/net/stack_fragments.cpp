// Datagrams longer than a frame: SIP over UDP, in both directions. RTP never is.

#include <algorithm>

#include "engine/net/checksum.h"
#include "engine/net/stack.h"

namespace carillon::net {

/// All fragments of a datagram meet on one shard. Only those for a shared socket are put together.
Stack::Fate Stack::take_fragment(const Arrived& arrived, const Packet& packet) {
  if (packet.source.is_unspecified()) return dropped(PacketError::kMartian);
  if (config_.shards > 1 && !arrived.was_passed) {
    const auto meets = static_cast<std::uint32_t>(packet.source.hash(packet.fragment_id) % config_.shards);
    if (meets != config_.shard) return pass_on(arrived, meets);
  }
  if (packet.fragment_offset == 0 && !is_wanted(packet)) {
    ++net_counters_.fragments_refused;
    reassembly_.refuse(packet, now_);
    return Fate::kRelease;
  }
  const auto taken = reassembly_.take(packet, now_);
  net_counters_.fragments_full += taken.evicted;
  switch (taken.verdict) {
    case Reassembly::Verdict::kWaits:
      break;
    case Reassembly::Verdict::kRefused:
      ++net_counters_.fragments_refused;
      break;
    case Reassembly::Verdict::kOverlap:
      ++net_counters_.fragments_overlap;
      break;
    case Reassembly::Verdict::kComplete:
      take_whole(taken.slot);
      break;
  }
  return Fate::kRelease;
}

/// Does this first fragment go to a socket that takes such?
bool Stack::is_wanted(const Packet& first) const {
  if (first.payload.size() < kUdpHeader) return false;
  const std::uint32_t socket = find_local(first.target)->sockets[load_be16(first.payload.data() + 2)];
  return socket != kNobody && sockets_[socket].is_shared;
}

void Stack::take_whole(std::uint8_t slot) {
  const Packet& packet = reassembly_.whole(slot);
  const auto udp = read_udp(packet, false);
  const std::uint32_t socket = udp ? find_local(packet.target)->sockets[udp->target_port] : kNobody;
  if (socket == kNobody) {  // closed since, or broken
    if (!udp) dropped(udp.error());
    reassembly_.release(slot);
    return;
  }
  ++net_counters_.reassembled;
  lent_.push_back(slot);
  hand_up(socket, packet.source.wire(), !packet.source.is_v4(), packet.payload.data(),
          udp->payload.size() + kUdpHeader);
}

// ---- out

/// The UDP datagram as a whole in scratch_, then cut (RFC 791 §3.2, RFC 8200 §4.5).
void Stack::send_fragments(const Flow& flow, const io::Outgoing& out, bool waits) {
  const std::size_t payload = out.head.size() + out.body.size(), length = kUdpHeader + payload;
  const std::size_t ip_header = flow.is_v6() ? kIpv6Header : kIpv4Header;
  std::byte* const whole = scratch_.data();
  std::memcpy(whole, flow.header.data() + flow.header_size - kUdpHeader, 4);
  store_be16(whole + 4, static_cast<std::uint16_t>(length));
  store_be16(whole + 6, 0);
  std::ranges::copy(out.head, whole + kUdpHeader);
  std::ranges::copy(out.body, whole + kUdpHeader + out.head.size());
  const std::byte* addresses = flow.header.data() + flow.ip_offset + (flow.is_v6() ? 8 : 12);
  const std::uint64_t pseudo =
      sum(addresses, flow.is_v6() ? 32 : 8) + to_be16(kUdp) + to_be16(static_cast<std::uint16_t>(length));
  store_raw(whole + 6, udp_checksum(sum(whole, length) + pseudo));

  const std::size_t mtu = flow.payload_max + ip_header + kUdpHeader;
  const std::size_t header = ip_header + (flow.is_v6() ? kFragmentHeader : 0);
  const std::size_t step = (mtu - header) / 8 * 8;
  const std::uint32_t id = flow.is_v6() ? ++ip6_id_ : ++ip_id_;
  bool is_complete = true;
  for (std::size_t at = 0; at < length; at += step) {
    const ByteView part(whole + at, std::min(step, length - at));
    is_complete &= send_fragment(flow, part, at, at + part.size() < length, id, waits);
  }
  ++net_counters_.fragmented;
  if (waits) return;  // counted when it leaves
  ++(is_complete ? counters_.packets_out : counters_.send_refused);
  if (is_complete) counters_.bytes_out += payload;
}

bool Stack::send_fragment(const Flow& flow, ByteView part, std::size_t offset, bool more, std::uint32_t id,
                          bool waits) {
  const std::size_t ip_header = flow.is_v6() ? kIpv6Header : kIpv4Header;
  const std::size_t header = flow.ip_offset + ip_header + (flow.is_v6() ? kFragmentHeader : 0);
  const std::size_t size = header + part.size();
  io::Frame* frame = nullptr;
  std::byte* at = nullptr;
  if (waits)
    at = pending_.put(flow.neighbour, size, 0, net_counters_.pending_dropped).data();
  else if ((frame = new_frame()))
    at = frame->data;
  if (!at) return false;
  std::memcpy(at, flow.header.data(), flow.ip_offset + ip_header);
  std::byte* const ip = at + flow.ip_offset;
  if (flow.is_v6()) {
    store_be16(ip + 4, static_cast<std::uint16_t>(kFragmentHeader + part.size()));
    store_u8(ip + 6, kFragment);
    std::byte* const extension = ip + kIpv6Header;
    store_be16(extension, kUdp << 8);
    store_be16(extension + 2, static_cast<std::uint16_t>(offset | (more ? 1 : 0)));
    store_be32(extension + 4, id);
  } else {
    store_be16(ip + 2, static_cast<std::uint16_t>(kIpv4Header + part.size()));
    store_be16(ip + 4, static_cast<std::uint16_t>(id));
    store_be16(ip + 6, static_cast<std::uint16_t>(offset / 8 | (more ? 0x2000 : 0)));
    store_be16(ip + 10, 0);
    store_raw(ip + 10, checksum(sum(ip, kIpv4Header)));
  }
  std::memcpy(at + header, part.data(), part.size());
  if (!frame) return true;
  frame->size = static_cast<std::uint16_t>(size);
  push(*frame);
  return true;
}

}  // namespace carillon::net
