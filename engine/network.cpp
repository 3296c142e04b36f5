#include "engine/network.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <thread>

#include "engine/io/make_port.h"
#include "engine/io/socket.h"

namespace carillon {
namespace {

constexpr Duration kPortWaitMax = 3s;

// Shards share the SIP port (SO_REUSEPORT); a second engine would share it as well and be given half of all messages.
// Empty when nobody has it.
std::string taken(const Endpoint& sip) {
  io::SocketAddress address;
  const socklen_t length = io::to_kernel(sip, address);
  const int descriptor = ::socket(address.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return {};
  const bool is_bound = ::bind(descriptor, &address.any, length) == 0;
  const int error = errno;
  ::close(descriptor);
  if (is_bound) return {};
  return fmt::format("sip.port: {}: {}", sip.text(), std::strerror(error));
}

/// Sockets of the kernel, as many ports as there are shards.
class KernelNetwork final : public Network {
 public:
  explicit KernelNetwork(const EngineConfig& config) : config_(config) {
    port_.back_end = config.io.back_end == "uring"  ? io::BackEnd::kUring
                     : config.io.back_end == "mmsg" ? io::BackEnd::kMmsg
                                                    : io::BackEnd::kAutomatic;
    // RTP on each address, and on a further one of a trunk; SIP: the engine's and that of such trunks
    port_.sockets_max = 2 * block(0).pairs * (2 + static_cast<std::uint32_t>(config.rtp.addresses.size())) + 32;
  }

  Result<std::unique_ptr<io::Port>, std::string> port(std::uint32_t) override {
    auto made = io::make_port(port_);
    if (!made) return fmt::format("io.back_end {}: {}", config_.io.back_end, io::text(made.error()));
    warning_ = made->why_not_uring;
    name_ = made->port->name();
    return std::move(made->port);
  }
  PortBlock block(std::uint32_t index) const override {
    const std::uint32_t first = (config_.rtp.port_min + 1u) & ~1u;
    const std::uint32_t pairs = (config_.rtp.port_max + 1u - first) / 2 / config_.engine.shards;
    return {static_cast<std::uint16_t>(first + 2 * pairs * index), pairs};
  }
  bool polls() const override { return false; }
  std::string name() const override { return name_; }
  std::string warning() const override { return warning_; }

 private:
  const EngineConfig config_;
  io::PortConfig port_;
  std::string warning_, name_;
};

}  // namespace

Result<std::unique_ptr<Network>, std::string> make_kernel_network(const EngineConfig& config) {
  const Endpoint sip = Endpoint::parse(config.sip.address, config.sip.port).value_or(Endpoint{});
  // a killed engine's sockets are closed by the kernel when it has taken its io_uring apart, a moment later
  std::string fault = taken(sip);
  for (const TimePoint give_up = MonoClock::now() + kPortWaitMax; !fault.empty() && MonoClock::now() < give_up;) {
    std::this_thread::sleep_for(20ms);
    fault = taken(sip);
  }
  if (!fault.empty()) return fault;
  return Result<std::unique_ptr<Network>, std::string>(std::make_unique<KernelNetwork>(config));
}

Result<std::unique_ptr<Network>, std::string> Network::make(const EngineConfig& config) {
  return config.io.back_end == "dpdk" ? make_dpdk_network(config) : make_kernel_network(config);
}

}  // namespace carillon
