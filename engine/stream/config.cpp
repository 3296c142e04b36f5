#include "engine/stream/config.h"

#include <fmt/format.h>

namespace carillon::stream {

std::string StreamsConfig::fault() const {
  for (std::size_t i = 0; i < listeners.size(); ++i) {
    if (!is_secure(listeners[i].transport)) continue;
    if (auto fault = listeners[i].tls.fault(); !fault.empty()) return fmt::format("listeners[{}]/tls/{}", i, fault);
  }
  if (listeners.size() > 255) return "listeners: at most 255";
  if (auto fault = client.fault(); !fault.empty()) return "client/" + fault;
  if (connections_max == 0) return "connections_max: at least 1";
  if (per_source_max == 0) return "per_source_max: at least 1";
  if (accepts_per_second == 0) return "accepts_per_second: at least 1";
  if (framing.message_max > 0xFFFF) return "framing/message_max: at most 65535, what the parser takes";
  if (framing.head_max > framing.message_max) return "framing/head_max: over message_max";
  if (queue_max < 2 * framing.message_max) return "queue_max: below two messages";
  if (held_max < queue_max) return "held_max: below queue_max";
  if (channel_items == 0) return "channel_items: at least 1";
  if (channel_bytes < 2 * framing.message_max) return "channel_bytes: below two messages";
  if (poll_time < 1ms) return "poll_time: at least 1 ms";
  return {};
}

}  // namespace carillon::stream
