#pragma once

#include "engine/base/time.h"

namespace carillon::net {

/// Where a Stack reads the time: once per burst. io::Port's functions take no `now`, and this room knows no clock.
struct Clock {
  TimePoint (*read)(void* context) = nullptr;
  void* context = nullptr;
  TimePoint now() const { return read(context); }
};

}  // namespace carillon::net
