#pragma once

#include <boost/lockfree/spsc_queue.hpp>
#include <type_traits>

namespace carillon {

/// Between two threads: one writer, one reader, trivially copyable messages, a bound. `push` answers false when full.
template <class Message>
class Ring {
  static_assert(std::is_trivially_copyable_v<Message>);

 public:
  explicit Ring(std::size_t capacity) : queue_(capacity) {}
  bool push(const Message& message) { return queue_.push(message); }
  bool pop(Message& message) { return queue_.pop(message); }
  /// As seen by the writer: at least so many pushes succeed.
  std::size_t room() const { return queue_.write_available(); }
  /// As seen by the reader.
  std::size_t size() const { return queue_.read_available(); }

 private:
  boost::lockfree::spsc_queue<Message> queue_;
};

}  // namespace carillon
