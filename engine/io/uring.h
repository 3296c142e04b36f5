#pragma once

#include <memory>

#include "engine/base/result.h"
#include "engine/io/config.h"
#include "engine/io/port.h"

namespace carillon::io {

/// Kernel UDP over io_uring (kernel ≥ 6.1): one multishot recvmsg per socket over one ring of provided buffers,
/// sends as one batch of inline sendmsg, registered files, completions run only when the owner asks for them.
///
/// errors   kNoRights: io_uring is refused (sysctl, seccomp) · kSystem: the kernel lacks what is needed, or memory
/// thread   may be made and have sockets opened on one thread; the first receive, transmit or wait names the owner
/// cost     wait, transmit: one system call; receive: one when the kernel says that something came, else none;
///          open, close: some; no allocation after make_uring
/// full     no free buffer: receive_full counts, the kernel keeps packets in the socket until its buffer is full
Result<std::unique_ptr<Port>, IoError> make_uring(const PortConfig& config);

}  // namespace carillon::io
