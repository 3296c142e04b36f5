#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace carillon::io::dpdk {

/// One device of DPDK and how it is set up.
struct DeviceConfig {
  /// Arguments of the EAL, without the program's name: "-a", "0000:3b:00.0" or "--vdev=…". Every PMD is usable.
  std::vector<std::string> eal;
  /// The device's name ("0000:3b:00.0", "net_memif0"); empty: the only one there is.
  std::string port;
  std::uint16_t queues = 1;           ///< one for each shard
  std::uint32_t mbufs = 65'536;       ///< frames in flight of all queues; 2,304 bytes each
  std::uint16_t receive_ring = 2048;  ///< descriptors per queue; the device may round it
  std::uint16_t transmit_ring = 2048;

  /// The first fault as "field: reason", or empty.
  std::string fault() const;
};

}  // namespace carillon::io::dpdk
