// The way out: from a payload to a frame. A ready header where there is one, else the slow way once.

#include <algorithm>

#include "engine/base/check.h"
#include "engine/net/checksum.h"
#include "engine/net/stack.h"

namespace carillon::net {
namespace {

constexpr std::size_t kFlowsAhead = 12, kFramesAhead = 4;

/// The RTP header is 12 bytes: a copy of known size costs no call.
void copy(std::byte* to, ByteView from) {
  if (from.size() == 12)
    std::memcpy(to, from.data(), 12);
  else if (from.size() == 160)
    std::memcpy(to, from.data(), 160);
  else if (!from.empty())
    std::memcpy(to, from.data(), from.size());
}

}  // namespace

void Stack::transmit(std::span<const io::Outgoing> batch) {
  now_is_fresh_ = false;
  while (!batch.empty()) {
    const std::size_t count = get_frames(std::min<std::size_t>(batch.size(), config_.batch));
    if (count == 0) {
      net_counters_.no_frame += batch.size();
      counters_.send_refused += batch.size();
      break;
    }
    send_some(batch.first(count));
    batch = batch.subspan(count);
  }
  flush();
}

/// Fills the start of fresh_: with `most`, or the largest half of a half that the port has.
std::size_t Stack::get_frames(std::size_t most) {
  for (; most != 0; most /= 2)
    if (parts_.frames.allocate(std::span(fresh_).first(most))) return most;
  return 0;
}

void Stack::send_some(std::span<const io::Outgoing> batch) {
  std::size_t used = 0;
  for (std::size_t i = 0; i < batch.size(); ++i) {
    if (i + kFlowsAhead < batch.size()) {
      const io::Outgoing& ahead = batch[i + kFlowsAhead];
      if (ahead.socket.value < flows_.size()) {
        const auto* flow = reinterpret_cast<const std::byte*>(&flows_[ahead.socket.value]);
        __builtin_prefetch(flow);
        if (ahead.peer.is_v6) __builtin_prefetch(flow + 64);
      }
    }
    if (used + kFramesAhead < batch.size())
      for (std::size_t line = 0; line < 256; line += 64) __builtin_prefetch(fresh_[used + kFramesAhead].data + line, 1);
    const io::Outgoing& out = batch[i];
    if (out.socket.value >= flows_.size()) {
      ++counters_.send_refused;
      continue;
    }
    Flow& flow = flows_[out.socket.value];
    const bool is_ready = flow.generation == neighbours_.generation(flow.neighbour) &&
                          out.head.size() + out.body.size() <= flow.payload_max && flow.leads_to(out.peer);
    if (!is_ready && !prepare(out, flow)) continue;
    io::Frame& frame = fresh_[used++];
    frame.size = static_cast<std::uint16_t>(write(flow, out, frame.data));
    frame.flags = sum_flags(flow);
    frame.network_offset = flow.ip_offset;
    push(frame);
    ++counters_.packets_out;
    counters_.bytes_out += out.head.size() + out.body.size();
  }
  if (used < batch.size()) parts_.frames.release(std::span(fresh_).subspan(used, batch.size() - used));
}

/// Header and payload; returns the frame's size. At least 80 bytes of room.
std::size_t Stack::write(const Flow& flow, const io::Outgoing& out, std::byte* at) {
  const std::size_t payload = out.head.size() + out.body.size();
  const auto length = static_cast<std::uint16_t>(kUdpHeader + payload);
  std::byte* const data = at + flow.header_size;
  std::byte* const udp = data - kUdpHeader;
  std::byte* const ip = at + flow.ip_offset;
  std::memcpy(at, flow.header.data(), 48);
  if (flow.is_v6()) std::memcpy(at + 48, flow.header.data() + 48, Flow::kHeaderMax - 48);
  copy(data, out.head);
  copy(data + out.head.size(), out.body);
  store_be16(udp + 4, length);
  std::uint64_t udp_sum = std::uint64_t{flow.udp_sum} + to_be16(length);
  if (device_sums_)
    store_raw(udp + 6, fold(udp_sum));
  else
    store_raw(udp + 6, udp_checksum(udp_sum + to_be16(length) + sum(data, payload)));
  if (flow.is_v6()) {
    store_be16(ip + 4, length);
    return flow.header_size + payload;
  }
  const std::uint16_t total = to_be16(static_cast<std::uint16_t>(kIpv4Header + length)), id = to_be16(++ip_id_);
  store_raw(ip + 2, total);
  store_raw(ip + 4, id);
  if (!device_sums_) store_raw(ip + 10, checksum(std::uint64_t{flow.ip_sum} + total + id));
  return flow.header_size + payload;
}

// ---- the slow way

/// Builds the header anew. False: the packet has been dealt with (it waits, or is dropped and counted).
bool Stack::prepare(const io::Outgoing& out, Flow& flow) {
  const Socket& socket = sockets_[out.socket.value];
  const std::size_t payload = out.head.size() + out.body.size();
  if (!socket.is_open || out.peer.port == 0 || out.peer.is_v6 != socket.local.is_v6) {
    ++counters_.send_refused;
    return false;
  }
  if (payload > 65'535 - kIpv4Header - kUdpHeader) {
    ++net_counters_.too_long;
    ++counters_.send_refused;
    return false;
  }
  const auto verdict = build(flow, socket, out.peer);
  if (verdict == Neighbours::Verdict::kFull) {
    ++counters_.send_refused;
    return false;
  }
  if (payload > flow.payload_max) {
    send_fragments(flow, out, verdict == Neighbours::Verdict::kWait);
    return false;
  }
  if (verdict == Neighbours::Verdict::kReady) return true;
  hold(flow, out);
  return false;
}

void Stack::hold(const Flow& flow, const io::Outgoing& out) {
  const std::size_t size = flow.header_size + out.head.size() + out.body.size();
  const ByteSpan slot = pending_.put(flow.neighbour, size, sum_flags(flow), net_counters_.pending_dropped);
  if (!slot.empty()) write(flow, out, slot.data());
}

std::optional<Address> Stack::next_hop(const Address& target) const {
  if (target.is_multicast() || target.is_unspecified() || target.is_martian_source() || find_local(target))
    return std::nullopt;
  if (on_link(target)) return target;
  const Endpoint& gateway = target.is_v4() ? config_.gateway_v4 : config_.gateway_v6;
  if (target.is_link_local()) return std::nullopt;
  if (!gateway.is_unspecified()) return Address::of(gateway);
  if (!target.is_v4() && router_ends_ > now_) return router_;
  return std::nullopt;
}

/// The socket's own address, or for one that has all of them the one nearest to `target`.
std::optional<Address> Stack::source_for(const Socket& socket, const Address& target) const {
  if (!socket.local.is_unspecified()) return Address::of(socket.local);
  if (const Local* near = on_link(target)) return near->address;
  for (const Local& local : locals_)
    if (local.address.is_v4() == target.is_v4()) return local.address;
  return std::nullopt;
}

/// kFull: no way there, counted. kWait: all but the MAC address is there.
Neighbours::Verdict Stack::build(Flow& flow, const Socket& socket, const Endpoint& peer) {
  flow = {};
  const Address target = Address::of(peer);
  const auto hop = next_hop(target);
  const auto source = source_for(socket, target);
  if (!hop || !source) {
    ++net_counters_.no_route;
    return Neighbours::Verdict::kFull;
  }
  const auto used = neighbours_.use(*hop, now());
  if (used.verdict == Neighbours::Verdict::kFull) {
    ++net_counters_.neighbours_full;
    return used.verdict;
  }
  ++net_counters_.templates_built;
  if (used.asks) ask(used.index, used.verdict == Neighbours::Verdict::kWait);
  const bool is_v6 = peer.is_v6;
  const std::uint8_t tos = socket.is_shared ? config_.signalling_tos : config_.media_tos;
  const std::size_t ip_header = is_v6 ? kIpv6Header : kIpv4Header;
  std::byte* const at = flow.header.data();
  std::byte* const ip = at + ethernet_size_;
  std::byte* const udp = ip + ip_header;
  put_ethernet(at, neighbours_.mac(used.index), is_v6 ? kIpv6 : kIpv4);
  if (is_v6) {
    store_be32(ip, 6u << 28 | static_cast<std::uint32_t>(tos) << 20);
    store_u8(ip + 6, kUdp);
    store_u8(ip + 7, kHopLimit);
  } else {
    store_u8(ip, 0x45);
    store_u8(ip + 1, tos);
    store_be16(ip + 6, 0x4000);  // do not fragment: whole packets here need no unique id (RFC 6864)
    store_u8(ip + 8, kHopLimit);
    store_u8(ip + 9, kUdp);
  }
  std::memcpy(ip + (is_v6 ? 8 : 12), source->wire(), source->wire_size());
  std::memcpy(ip + (is_v6 ? 24 : 16), target.wire(), target.wire_size());
  store_be16(udp, socket.local.port);
  store_be16(udp + 2, peer.port);
  flow.ip_sum = is_v6 ? 0 : fold(sum(ip, kIpv4Header));
  flow.udp_sum = fold(pseudo_header(*source, target, kUdp, 0) + (device_sums_ ? 0 : sum(udp, 4)));
  flow.neighbour = used.index;
  flow.generation = neighbours_.generation(used.index) - (used.verdict == Neighbours::Verdict::kWait ? 1 : 0);
  flow.peer_port = peer.port;
  flow.ip_offset = ethernet_size_;
  flow.header_size = static_cast<std::uint8_t>(ethernet_size_ + ip_header + kUdpHeader);
  const std::uint16_t path = paths_.find(target, now_);
  flow.payload_max = static_cast<std::uint16_t>((path != 0 ? path : mtu_) - ip_header - kUdpHeader);
  return used.verdict;
}

// ---- frames

/// Returns the size of what it wrote: where the network header goes.
std::size_t Stack::put_ethernet(std::byte* at, const MacAddress& to, std::uint16_t type) const {
  std::memcpy(at, to.data(), 6);
  std::memcpy(at + 6, mac_.data(), 6);
  if (!config_.vlan) {
    store_be16(at + 12, type);
    return kEthernet;
  }
  store_be16(at + 12, kVlanTag);
  store_be16(at + 14, *config_.vlan);
  store_be16(at + 16, type);
  return kEthernet + kVlanBytes;
}

/// A header without options, complete; `payload` bytes follow.
void Stack::put_ip(std::byte* at, const Address& source, const Address& target, std::uint8_t protocol,
                   std::uint8_t hops, std::uint8_t tos, std::size_t payload) {
  if (!source.is_v4()) {
    store_be32(at, 6u << 28 | static_cast<std::uint32_t>(tos) << 20);
    store_be16(at + 4, static_cast<std::uint16_t>(payload));
    store_u8(at + 6, protocol);
    store_u8(at + 7, hops);
    store_raw(at + 8, source.bytes);
    store_raw(at + 24, target.bytes);
    return;
  }
  store_u8(at, 0x45);
  store_u8(at + 1, tos);
  store_be16(at + 2, static_cast<std::uint16_t>(kIpv4Header + payload));
  store_be16(at + 4, ++ip_id_);
  store_be16(at + 6, 0);
  store_u8(at + 8, hops);
  store_u8(at + 9, protocol);
  store_be16(at + 10, 0);
  std::memcpy(at + 12, source.wire(), 4);
  std::memcpy(at + 16, target.wire(), 4);
  store_raw(at + 10, checksum(sum(at, kIpv4Header)));
}

/// One for ourselves; push() it next. Null: the port has none, counted.
io::Frame* Stack::new_frame() {
  if (parts_.frames.allocate(std::span(&made_, 1))) return &made_;
  ++net_counters_.no_frame;
  return nullptr;
}

void Stack::push(const io::Frame& frame) {
  if (out_.size() >= config_.batch) flush();
  out_.push_back(frame);
  if (frame.size >= 60) return;
  std::memset(frame.data + frame.size, 0, 60 - frame.size);  // the shortest Ethernet frame
  out_.back().size = 60;
}

void Stack::flush() {
  if (!out_.empty()) parts_.frames.transmit(out_);
  out_.clear();
}

}  // namespace carillon::net
