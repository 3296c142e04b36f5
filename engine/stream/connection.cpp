#include "engine/stream/connection.h"

#include <algorithm>

namespace carillon::stream {
namespace {

constexpr std::size_t kKeepRoom = 4096;  // an empty queue's memory up to here is kept for the next message

}  // namespace

TimePoint Connection::deadline(const StreamsConfig& config) const {
  switch (state) {
    case State::kConnecting:
      return since + config.connect_time;
    case State::kHandshaking:
      return since + (is_ours ? config.connect_time : config.handshake_time);
    case State::kUpgrading:
      return since + config.handshake_time;
    case State::kDraining:
      return since + config.drain_time;
    case State::kOpen:
      break;
  }
  const TimePoint write = queued() == 0 ? TimePoint::max() : progress + config.write_time;
  return std::min({heard + config.idle_time, message_deadline(), write});
}

CloseReason Connection::overdue(const StreamsConfig& config, TimePoint now) const {
  switch (state) {
    case State::kConnecting:
      return CloseReason::kConnectTime;
    case State::kHandshaking:
      return is_ours ? CloseReason::kConnectTime : CloseReason::kHandshakeTime;
    case State::kUpgrading:
      return CloseReason::kHandshakeTime;
    case State::kDraining:
      return ending;
    case State::kOpen:
      break;
  }
  if (message_deadline() <= now) return CloseReason::kMessageTime;
  if (queued() != 0 && progress + config.write_time <= now) return CloseReason::kSlowReader;
  return CloseReason::kIdle;
}

void Connection::queue(ByteView bytes, TimePoint now) {
  if (queued() == 0) progress = now;
  if (out_at > out.size() / 2) {
    out.erase(0, out_at);
    out_at = 0;
  }
  out.append(text_of(bytes));
}

void Connection::take_off(std::size_t count, TimePoint now) {
  if (count == 0) return;
  progress = now;
  taken += count;
  out_at += count;
  if (out_at == out.size()) {
    out.clear();
    out_at = 0;
    if (out.capacity() > kKeepRoom) std::string().swap(out);
  }
  const auto left = std::ranges::find_if(pending, [&](const Pending& one) { return one.end > taken; });
  pending.erase(pending.begin(), left);
}

}  // namespace carillon::stream
