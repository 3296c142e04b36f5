#include "engine/stream/counters.h"

namespace carillon::stream {

std::string_view name_of(Count count) {
  static constexpr std::array<std::string_view, kCounts> kNames{
      "accepted",      "connected",     "handshakes",      "messages_in",    "bytes_in",
      "messages_out",  "bytes_out",     "pings",           "refused_source", "refused_full",
      "accept_pauses", "to_shard_full", "from_shard_full", "undelivered",    "reloads"};
  static_assert(!kNames.back().empty());
  return kNames[static_cast<std::size_t>(count)];
}

}  // namespace carillon::stream
