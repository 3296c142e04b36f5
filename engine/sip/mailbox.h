#pragma once
// What leaves an agent between two clears: datagrams and events, each in an arena of its own.

#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "engine/sip/event.h"
#include "engine/sip/message.h"
#include "engine/sip/user_agent.h"

namespace carillon::sip {

/// Bump allocator over one block; cleared as a whole.
class Arena {
 public:
  explicit Arena(std::size_t size) : block_(new char[size]), size_(size) {}
  std::size_t left() const { return size_ - used_; }
  /// Aligned to 8; null when full.
  char* take(std::size_t count) {
    const std::size_t rounded = (count + 7) & ~std::size_t{7};
    if (rounded > left()) return nullptr;
    char* piece = block_.get() + used_;
    used_ += rounded;
    return piece;
  }
  void clear() { used_ = 0; }

 private:
  std::unique_ptr<char[]> block_;
  std::size_t size_, used_ = 0;
};

/// Datagrams to send; when full they are dropped and counted, as UDP would.
class Outbox {
 public:
  Outbox(std::uint32_t most, Counters& counters)
      : most_(most), arena_(most * std::size_t{kUsualSize} + Message::kBytesMax), counters_(counters) {
    datagrams_.reserve(most);
  }
  void send(const Endpoint& to, std::string_view bytes);
  std::span<const Datagram> all() const { return datagrams_; }
  void clear();

 private:
  static constexpr std::uint32_t kUsualSize = 1500;
  std::size_t most_;
  Arena arena_;
  std::vector<Datagram> datagrams_;
  Counters& counters_;
};

/// Events, and copies of the messages and texts they show.
class EventLog {
 public:
  explicit EventLog(std::uint32_t most) : most_(most), arena_(most * std::size_t{2048} + 4 * Message::kBytesMax) {
    events_.reserve(most + kPerInput);
  }
  /// Room for all that one datagram of `size` bytes, or one timer, can cause?
  bool has_room(std::size_t size) const {
    return events_.size() + kPerInput <= most_ && arena_.left() > size + sizeof(Message) + kTextsPerInput;
  }
  /// Events that timers may cause now.
  int timers_with_room() const {
    const auto by_count = (most_ - events_.size()) / kPerInput;
    const auto by_bytes = arena_.left() / kTextsPerInput;
    return static_cast<int>(by_count < by_bytes ? by_count : by_bytes);
  }
  Event& add(EventKind kind);
  /// A copy that lives as long as the events; made once for each message.
  const Message* keep(const Message& message);
  std::string_view keep(std::string_view text);
  std::span<const Event> all() const { return events_; }
  void clear();
  /// The next message is another one.
  void next_input() { kept_ = nullptr; }

 private:
  static constexpr std::size_t kPerInput = 4;
  static constexpr std::size_t kTextsPerInput = 4096;
  std::size_t most_;
  Arena arena_;
  std::vector<Event> events_;
  const Message* kept_ = nullptr;
};

}  // namespace carillon::sip
