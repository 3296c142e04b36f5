#include "engine/io/make_port.h"

#include "engine/io/mmsg.h"
#include "engine/io/uring.h"

namespace carillon::io {

Result<MadePort, IoError> make_port(const PortConfig& config) {
  MadePort made;
  if (config.back_end != BackEnd::kMmsg) {
    auto uring = make_uring(config);
    if (uring) {
      made.port = std::move(*uring);
      return made;
    }
    if (config.back_end == BackEnd::kUring) return uring.error();
    made.why_not_uring = uring.error() == IoError::kNoRights
                             ? "io_uring is refused here (kernel.io_uring_disabled, seccomp of a container)"
                             : "io_uring lacks what is needed (Linux 6.1, memory for its rings)";
  }
  auto mmsg = make_mmsg(config);
  if (!mmsg) return mmsg.error();
  made.port = std::move(*mmsg);
  return made;
}

const char* text(IoError error) {
  switch (error) {
    case IoError::kAddressInUse:
      return "address in use";
    case IoError::kNoSuchAddress:
      return "no such address on this machine";
    case IoError::kNoRights:
      return "not permitted";
    case IoError::kFull:
      return "no more sockets";
    case IoError::kSystem:
      return "refused by the system";
  }
  return "unknown";
}

}  // namespace carillon::io
