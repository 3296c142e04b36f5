// Who is on the link: ARP, what is heard of neighbours, and what waits for them.

#include "engine/net/stack.h"

namespace carillon::net {
namespace {

constexpr std::uint16_t kRequest = 1, kReply = 2;

}  // namespace

/// RFC 826. Learns from whoever asks for us, updates whom it knows, and creates nothing else.
Stack::Fate Stack::take_arp(const Arrived& arrived) {
  const ByteView wire = arrived.below();
  if (wire.size() < kArpBytes) return dropped(PacketError::kMalformed);
  const std::byte* at = wire.data();
  if (load_be32(at) != (1u << 16 | kIpv4) || load_be16(at + 4) != (6 << 8 | 4)) return dropped(PacketError::kMalformed);
  ++net_counters_.arp_in;
  const std::uint16_t operation = load_be16(at + 6);
  const auto mac = load_raw<MacAddress>(at + 8);
  const Address sender = Address::v4(at + 14), target = Address::v4(at + 24);
  if ((mac[0] & 1) != 0 || mac == MacAddress{}) return dropped(PacketError::kMalformed);
  if (sender.is_martian_source()) return dropped(PacketError::kMartian);
  if (mac == mac_) return Fate::kRelease;  // our own, mirrored
  if (Local* ours = find_local(sender)) {
    ++net_counters_.address_conflicts;
    defend(*ours);
    return Fate::kRelease;
  }
  const bool is_for_us = find_local(target) != nullptr;
  const bool is_probe = sender.is_unspecified();  // RFC 5227 §2.1.1
  if (!is_probe && on_link(sender))
    hear({sender, mac, operation == kReply && is_for_us, true, operation == kRequest && is_for_us});
  if (operation == kRequest && is_for_us) {
    send_arp(kReply, mac, target, mac, sender);
    return Fate::kRelease;
  }
  return has_kernel() ? give_kernel(arrived) : Fate::kRelease;
}

void Stack::send_arp(std::uint16_t operation, const MacAddress& to, const Address& sender, const MacAddress& target_mac,
                     const Address& target) {
  io::Frame* frame = new_frame();
  if (!frame) return;
  std::byte* const at = frame->data + put_ethernet(frame->data, to, kArp);
  store_be32(at, 1u << 16 | kIpv4);
  store_be16(at + 4, 6 << 8 | 4);
  store_be16(at + 6, operation);
  store_raw(at + 8, mac_);
  std::memcpy(at + 14, sender.wire(), 4);
  store_raw(at + 18, target_mac);
  std::memcpy(at + 24, target.wire(), 4);
  frame->size = static_cast<std::uint16_t>(at - frame->data + kArpBytes);
  push(*frame);
}

void Stack::ask(std::uint16_t neighbour, bool all) {
  const Address target = neighbours_.address(neighbour);
  const Local* near = on_link(target);
  if (!near) return;
  if (!target.is_v4()) return send_solicitation(near->address, target, all ? nullptr : &neighbours_.mac(neighbour));
  send_arp(kRequest, all ? kBroadcastMac : neighbours_.mac(neighbour), near->address, {}, target);
}

/// Gratuitous ARP (RFC 5227 §2.3) or an unsolicited advertisement (RFC 4861 §7.2.6) for each address of ours, by one
/// shard for all.
void Stack::announce() {
  announce_at_ = now_ + kAnnounceGap;
  --announcements_left_;
  if (config_.shard != 0) return;
  for (const Local& local : locals_) announce(local.address);
}

void Stack::announce(const Address& ours) {
  if (ours.is_v4())
    send_arp(kRequest, kBroadcastMac, ours, {}, ours);
  else
    advertise(ours);
}

/// RFC 5227 §2.4 (b): say once whose it is, then be quiet for a while, or two hosts shout for ever.
void Stack::defend(Local& local) {
  if (now_ < local.defend_at) return;
  local.defend_at = now_ + kDefendGap;
  announce(local.address);
}

// ---- what is heard

void Stack::hear(const Neighbours::Heard& heard) {
  if (const auto index = neighbours_.heard(heard, now_); index != Neighbours::kNone) send_waiting(index);
  tell_all({.kind = News::Kind::kNeighbour,
            .is_solicited = heard.is_solicited,
            .overrides = heard.overrides,
            .creates = heard.creates,
            .mac = heard.mac,
            .value = 0,
            .address = heard.address});
}

void Stack::tell_all(const News& news) {
  for (std::uint32_t shard = 0; shard < config_.shards; ++shard) {
    if (shard == config_.shard) continue;
    if (!parts_.exchange->tell(shard, news)) ++net_counters_.news_full;
    woken_shards_ |= 1ull << shard;
  }
}

void Stack::hear_news() {
  News news;
  for (int i = 0; i < kNewsPerBurst && parts_.exchange->hear(news); ++i) {
    if (news.kind == News::Kind::kPathMtu) {
      learn_path(news.address, news.value);
      continue;
    }
    if (news.kind == News::Kind::kRouter) {
      learn_router(news.address, news.value);
      continue;
    }
    const auto index =
        neighbours_.heard({news.address, news.mac, news.is_solicited, news.overrides, news.creates}, now_);
    if (index != Neighbours::kNone) send_waiting(index);
  }
}

void Stack::send_waiting(std::uint16_t neighbour) {
  for (auto packet = pending_.pop(neighbour); !packet.bytes.empty(); packet = pending_.pop(neighbour)) {
    io::Frame* frame = new_frame();
    if (!frame || packet.bytes.size() > frame->room) {
      if (frame) parts_.frames.release(std::span(frame, 1));
      ++net_counters_.pending_dropped;
      continue;
    }
    std::memcpy(frame->data, packet.bytes.data(), packet.bytes.size());
    std::memcpy(frame->data, neighbours_.mac(neighbour).data(), 6);
    frame->size = static_cast<std::uint16_t>(packet.bytes.size());
    frame->flags = packet.flags;
    frame->network_offset = ethernet_size_;
    push(*frame);
    ++counters_.packets_out;
    const std::size_t header = neighbours_.address(neighbour).is_v4() ? kIpv4Header : kIpv6Header;
    counters_.bytes_out += packet.bytes.size() - ethernet_size_ - header - kUdpHeader;
  }
}

}  // namespace carillon::net
