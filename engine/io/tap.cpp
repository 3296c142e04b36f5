#include "engine/io/tap.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "engine/base/prefixed.h"

namespace carillon::io {
namespace {

constexpr int kBusyMs = 1, kIdleMs = 10;  ///< between two looks at the ring that the shard fills
constexpr int kIdleAfter = 1000;          ///< turns without a frame
constexpr int kBurst = 64;

/// Closes what is still open when a step of the set-up fails.
struct Descriptor {
  int value = -1;
  explicit Descriptor(int value) : value(value) {}
  ~Descriptor() {
    if (value >= 0) ::close(value);
  }
  Descriptor(const Descriptor&) = delete;
  int release() { return std::exchange(value, -1); }
};

std::string fault(const std::string& name, const char* what) {
  return "dpdk.tap: " + name + ": " + what + ": " + std::strerror(errno);
}

ifreq request(const std::string& name) {
  ifreq out{};
  std::memcpy(out.ifr_name, name.data(), std::min(name.size(), sizeof out.ifr_name - 1));
  return out;
}

/// IPv4 by SIOCSIFADDR (further ones as aliases), IPv6 by its own request.
bool add_address(const std::string& name, std::size_t index, const Prefixed& prefixed) {
  if (prefixed.address.is_v6) {
    const Descriptor socket(::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    struct {
      in6_addr address;
      std::uint32_t prefix;
      int index;
    } wanted{};
    std::memcpy(&wanted.address, prefixed.address.address.data(), 16);
    wanted.prefix = static_cast<std::uint32_t>(prefixed.bits);
    wanted.index = static_cast<int>(::if_nametoindex(name.c_str()));
    return ::ioctl(socket.value, SIOCSIFADDR, &wanted) == 0 || errno == EEXIST;
  }
  const Descriptor socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq wanted = request(index == 0 ? name : name + ":" + std::to_string(index));
  auto* address = reinterpret_cast<sockaddr_in*>(&wanted.ifr_addr);
  address->sin_family = AF_INET;
  std::memcpy(&address->sin_addr, prefixed.address.address.data(), 4);
  if (::ioctl(socket.value, SIOCSIFADDR, &wanted) != 0) return false;
  const std::uint32_t mask = prefixed.bits == 0 ? 0 : ~std::uint32_t{0} << (32 - prefixed.bits);
  address->sin_addr.s_addr = htonl(mask);
  return ::ioctl(socket.value, SIOCSIFNETMASK, &wanted) == 0;
}

std::string set_up(const TapConfig& config) {
  const Descriptor socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq wanted = request(config.name);
  wanted.ifr_hwaddr.sa_family = ARPHRD_ETHER;
  std::memcpy(wanted.ifr_hwaddr.sa_data, config.mac.data(), config.mac.size());
  if (::ioctl(socket.value, SIOCSIFHWADDR, &wanted) != 0) return fault(config.name, "MAC address");
  wanted = request(config.name);
  wanted.ifr_mtu = config.mtu;
  if (::ioctl(socket.value, SIOCSIFMTU, &wanted) != 0) return fault(config.name, "MTU");
  for (std::size_t i = 0; i < config.addresses.size(); ++i) {
    const auto prefixed = Prefixed::parse(config.addresses[i]);
    if (!prefixed) return "dpdk.tap: no address: " + config.addresses[i];
    if (!add_address(config.name, i, *prefixed)) return fault(config.name, config.addresses[i].c_str());
  }
  wanted = request(config.name);
  if (::ioctl(socket.value, SIOCGIFFLAGS, &wanted) != 0) return fault(config.name, "flags");
  wanted.ifr_flags |= IFF_UP;
  if (::ioctl(socket.value, SIOCSIFFLAGS, &wanted) != 0) return fault(config.name, "up");
  return {};
}

}  // namespace

Result<std::unique_ptr<Tap>, std::string> Tap::open(const TapConfig& config, std::uint32_t shards) {
  if (config.name.empty() || config.name.size() >= IFNAMSIZ) return std::string("dpdk.tap: a name of 1 to 15 bytes");
  Descriptor device(::open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK));
  if (device.value < 0) return fault(config.name, "/dev/net/tun");
  ifreq wanted = request(config.name);
  wanted.ifr_flags = IFF_TAP | IFF_NO_PI;
  if (::ioctl(device.value, TUNSETIFF, &wanted) != 0) return fault(config.name, "cannot be made");
  if (std::string why = set_up(config); !why.empty()) return why;
  return Result<std::unique_ptr<Tap>, std::string>(std::unique_ptr<Tap>(new Tap(device.release(), shards)));
}

Tap::Tap(int descriptor, std::uint32_t shards) : descriptor_(descriptor) {
  for (std::uint32_t i = 0; i < shards; ++i) ends_.push_back(std::make_unique<End>());
  thread_ = std::thread([this] { run(); });
}

Tap::~Tap() {
  is_stopping_ = true;
  thread_.join();
  ::close(descriptor_);
}

void Tap::push(std::uint32_t shard, ByteView frame) {
  End& end = *ends_[shard];
  if (frame.size() > kFrameMax) {
    ++end.counters.refused;
    return;
  }
  end.packet.size = static_cast<std::uint16_t>(frame.size());
  std::memcpy(end.packet.bytes.data(), frame.data(), frame.size());
  ++(end.ring.push(end.packet) ? end.counters.to_kernel : end.counters.full);
}

std::size_t Tap::pop(ByteSpan out) {
  if (!from_.pop(*popped_) || popped_->size > out.size()) return 0;
  std::memcpy(out.data(), popped_->bytes.data(), popped_->size);
  ++ends_.front()->counters.from_kernel;
  return popped_->size;
}

void Tap::run() {
  const auto packet = std::make_unique<Packet>();
  int idle = 0;
  while (!is_stopping_.load(std::memory_order_relaxed)) {
    bool had_some = false;
    for (const auto& end : ends_)
      for (int i = 0; i < kBurst && write_some(*end, *packet); ++i) had_some = true;
    for (int i = 0; i < kBurst && read_some(*packet); ++i) had_some = true;
    idle = had_some ? 0 : std::min(idle + 1, kIdleAfter);
    if (had_some) continue;
    pollfd one{descriptor_, static_cast<short>(from_.room() > 0 ? POLLIN : 0), 0};
    (void)::poll(&one, 1, idle < kIdleAfter ? kBusyMs : kIdleMs);
  }
}

/// What the shard handed over. The kernel refuses it while the interface is down: dropped.
bool Tap::write_some(End& end, Packet& packet) {
  if (!end.ring.pop(packet)) return false;
  (void)!::write(descriptor_, packet.bytes.data(), packet.size);
  return true;
}

bool Tap::read_some(Packet& packet) {
  if (from_.room() == 0) return false;  // the kernel keeps it, and drops by itself
  const ssize_t size = ::read(descriptor_, packet.bytes.data(), packet.bytes.size());
  if (size <= 0) return false;
  packet.size = static_cast<std::uint16_t>(size);
  return from_.push(packet);
}

}  // namespace carillon::io
