#pragma once

#include <memory>

#include "engine/base/result.h"
#include "engine/io/config.h"
#include "engine/io/port.h"

namespace carillon::io {

/// Kernel UDP by recvmmsg, sendmmsg and epoll, for kernels and containers that refuse io_uring.
///
/// errors   kSystem: no descriptors or no memory
/// cost     receive: one system call and one per socket that has packets; transmit: one per run of packets on one
///          socket; wait: one; no allocation after make_mmsg
Result<std::unique_ptr<Port>, IoError> make_mmsg(const PortConfig& config);

}  // namespace carillon::io
