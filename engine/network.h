#pragma once
// What carries the engine's packets: sockets of the kernel, or a device of DPDK with a stack of our own above each of
// its queues. Made once at start; then each shard has its io::Port and knows no difference.

#include <cstdint>
#include <memory>
#include <string>

#include "engine/base/result.h"
#include "engine/config.h"
#include "engine/io/port.h"

namespace carillon {

/// The RTP ports of one shard.
struct PortBlock {
  std::uint16_t first = 0;  ///< even
  std::uint32_t pairs = 0;
};

class Network {
 public:
  /// The back end that the configuration asks for. The error is a line for the operator.
  static Result<std::unique_ptr<Network>, std::string> make(const EngineConfig& config);
  virtual ~Network() = default;

  /// Shard `index`'s port, in order and once each; gone before the Network.
  virtual Result<std::unique_ptr<io::Port>, std::string> port(std::uint32_t index) = 0;
  virtual PortBlock block(std::uint32_t index) const = 0;
  /// Its shards never sleep.
  virtual bool polls() const = 0;
  /// "uring", "dpdk net_memif", for logs and status.
  virtual std::string name() const = 0;
  /// Why a back end stands in for the one that was wanted; empty: it does not.
  virtual std::string warning() const { return {}; }
};

/// The same for each of the two; make() chooses.
Result<std::unique_ptr<Network>, std::string> make_kernel_network(const EngineConfig& config);
Result<std::unique_ptr<Network>, std::string> make_dpdk_network(const EngineConfig& config);

}  // namespace carillon
