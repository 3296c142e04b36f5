#include "engine/net/stack.h"

#include <algorithm>

#include "engine/base/check.h"

namespace carillon::net {

Stack::Stack(const StackConfig& config, const StackParts& parts)
    : config_(config),
      parts_(parts),
      mac_(parts.frames.mac()),
      device_sums_(parts.frames.offers_checksums()),
      ethernet_size_(static_cast<std::uint8_t>(kEthernet + (config.vlan ? kVlanBytes : 0))),
      mtu_(std::clamp<std::uint16_t>(parts.frames.mtu(), kIpv4MtuMin, 1500)),  // frames promise room for no more
      sockets_(config.sockets_max),
      flows_(config.sockets_max),
      neighbours_(config.neighbours_max, config.hash_seed),
      pending_(config.neighbours_max, config.pending_max),
      paths_(config.hash_seed),
      errors_(config.errors_per_second),
      echoes_(config.echo_per_second),
      path_news_(kPathNewsPerSecond),
      in_(config.batch),
      fresh_(config.batch),
      scratch_(65'536),
      ip6_id_(static_cast<std::uint32_t>(config.hash_seed >> 32)) {
  CHECK(config.fault().empty());
  CHECK(config.shards == 1 || parts.exchange);
  const auto add = [&](const Address& address, std::uint8_t prefix) {
    locals_.push_back({address, prefix, std::vector<std::uint32_t>(65'536, kNobody), TimePoint::min()});
    v4_keys_.push_back(address.is_v4() ? load_raw<std::uint32_t>(address.wire()) : 0);
  };
  for (const LocalAddress& local : config.addresses) add(Address::of(local.address), local.prefix);
  const bool has_v6 = std::ranges::any_of(locals_, [](const Local& local) { return !local.address.is_v4(); });
  if (const Address own = link_local(mac_); has_v6 && !find_local(own)) add(own, 64);

  free_sockets_.reserve(config.sockets_max);
  for (std::uint32_t i = config.sockets_max; i > 0; --i) free_sockets_.push_back(i - 1);
  for (auto* frames : {&held_, &done_, &out_}) frames->reserve(config.batch + kFromKernel);
  received_.reserve(config.batch);
  lent_.reserve(Reassembly::kDatagrams);
}

Stack::~Stack() { parts_.frames.release(held_); }

// ---- sockets

Stack::Local* Stack::find_local(const Address& address) {
  const auto found = std::ranges::find(locals_, address, &Local::address);
  return found == locals_.end() ? nullptr : &*found;
}

const Stack::Local* Stack::on_link(const Address& address) const {
  for (const Local& local : locals_)
    if (local.address.shares_prefix(address, local.prefix)) return &local;
  return nullptr;
}

bool Stack::is_free(const Endpoint& endpoint) const {
  const Address wanted = Address::of(endpoint);
  for (const Local& local : locals_) {
    const bool meant = endpoint.is_unspecified() ? local.address.is_v4() != endpoint.is_v6 : local.address == wanted;
    if (meant && local.sockets[endpoint.port] != kNobody) return false;
  }
  return true;
}

void Stack::bind(const Endpoint& endpoint, std::uint32_t value) {
  const Address wanted = Address::of(endpoint);
  for (Local& local : locals_)
    if (endpoint.is_unspecified() ? local.address.is_v4() != endpoint.is_v6 : local.address == wanted)
      local.sockets[endpoint.port] = value;
}

/// 0 when all are taken.
std::uint16_t Stack::choose_port(const Endpoint& local) {
  std::uint32_t first = kEphemeralFirst, count = 65'536 - kEphemeralFirst;
  if (config_.port_block_bits != 0) {
    count = 1u << config_.port_block_bits;
    first = config_.port_block_first + config_.shard * count;
  }
  Endpoint tried = local;
  for (std::uint32_t i = 0; i < count; ++i) {
    tried.port = static_cast<std::uint16_t>(first + next_port_++ % count);
    if (is_free(tried)) return tried.port;
  }
  return 0;
}

Result<io::SocketId, io::IoError> Stack::open(const Endpoint& local, bool shared) {
  const bool is_any = local.is_unspecified();
  const bool has_address = std::ranges::any_of(locals_, [&](const Local& ours) {
    return is_any ? ours.address.is_v4() != local.is_v6 : ours.address == Address::of(local);
  });
  if (!has_address) return io::IoError::kNoSuchAddress;
  if (free_sockets_.empty()) return io::IoError::kFull;
  Endpoint bound = local;
  if (bound.port == 0 && (bound.port = choose_port(local)) == 0) return io::IoError::kFull;
  if (const auto owner = config_.owner(bound.port); owner && *owner != config_.shard && !shared)
    return io::IoError::kAddressInUse;
  if (!is_free(bound)) return io::IoError::kAddressInUse;
  const std::uint32_t index = free_sockets_.back();
  free_sockets_.pop_back();
  sockets_[index] = {bound, true, shared};
  flows_[index] = {};
  bind(bound, index);
  return io::SocketId{index};
}

void Stack::close(io::SocketId socket) {
  if (socket.value >= sockets_.size() || !sockets_[socket.value].is_open) return;
  bind(sockets_[socket.value].local, kNobody);
  sockets_[socket.value] = {};
  flows_[socket.value] = {};
  free_sockets_.push_back(socket.value);
}

Endpoint Stack::local(io::SocketId socket) const {
  return socket.value < sockets_.size() ? sockets_[socket.value].local : Endpoint{};
}

// ---- time

/// Once per burst, and then only if somebody asks.
TimePoint Stack::now() {
  if (!now_is_fresh_) now_ = std::max(now_, parts_.clock.now());
  now_is_fresh_ = true;
  return now_;
}

TimePoint Stack::next_deadline() const {
  TimePoint next = std::min(neighbours_.deadline(), reassembly_.deadline());
  if (announcements_left_ > 0) next = std::min(next, announce_at_);
  if (parts_.kernel) next = std::min(next, kernel_at_);
  return next;
}

/// What is due at now_.
void Stack::tick() {
  if (now_ >= link_at_) look_at_link();
  if (announcements_left_ > 0 && now_ >= announce_at_) announce();
  Neighbours::Due due;
  while (neighbours_.fire(now_, due)) {
    if (due.kind != Neighbours::Due::Kind::kFailed) {
      ask(due.index, due.kind == Neighbours::Due::Kind::kAskAll);
      continue;
    }
    ++net_counters_.neighbours_failed;
    while (!pending_.pop(due.index).bytes.empty()) ++net_counters_.pending_dropped;
  }
  net_counters_.fragments_expired += reassembly_.expire(now_);
  if (parts_.kernel && now_ >= kernel_at_) poll_kernel();
}

void Stack::look_at_link() {
  link_at_ = now_ + kLinkPoll;
  const bool has_link = parts_.frames.has_link();
  if (has_link == has_link_) return;
  has_link_ = has_link;
  announcements_left_ = has_link ? kAnnouncements : 0;  // whoever was told before may have lost us
  announce_at_ = now_;
}

void Stack::poll_kernel() {
  kernel_at_ = now_ + config_.kernel_poll;
  flush();
  out_.resize(kFromKernel);
  const std::size_t count = parts_.kernel->from_kernel(out_);
  out_.resize(count);
  net_counters_.from_kernel += count;
}

// What was lost, not what was merely handled; and what the device below has lost.
std::size_t Stack::drops(std::span<io::NamedCount> out) const {
  const io::FrameCounters& frames = parts_.frames.counters();
  const NetCounters& net = net_counters_;
  const io::NamedCount all[] = {
      {"net_not_ours", net.not_ours + net.wrong_vlan},
      {"net_malformed", net.malformed + net.martian + frames.broken},
      {"net_checksum", net.bad_checksum},
      {"net_no_socket", net.no_socket},
      {"net_fragments", net.fragments_refused + net.fragments_overlap + net.fragments_expired + net.fragments_full},
      {"net_between_shards", net.passed_full + net.news_full},
      {"net_no_buffer", net.no_frame + frames.no_buffer},
      {"net_no_route", net.no_route + net.neighbours_full + net.neighbours_failed},
      {"net_waiting", net.pending_dropped + net.too_long},
      {"net_device_full", frames.send_refused},
      {"net_device_missed", frames.missed},
      {"net_tap_full", parts_.kernel ? parts_.kernel->dropped() : 0}};
  const std::size_t count = std::min(out.size(), std::size(all));
  std::copy_n(all, count, out.begin());
  return count;
}

}  // namespace carillon::net
