#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>

#include "engine/base/time.h"
#include "engine/link/engine.pb.h"
#include "engine/link/event_book.h"
#include "engine/link/wire/frame.h"
#include "engine/link/wire/stream.h"

namespace carillon::link {

/// One control that has connected, from its first byte to its last. Owned by the Server; no thread.
class Connection {
 public:
  Connection(std::unique_ptr<Stream> stream, TimePoint hello_by) : stream_(std::move(stream)), deadline_(hello_by) {}

  int fd() const { return stream_->fd(); }
  short wants() const { return stream_->wants(); }
  bool has_more() const { return stream_->has_more(); }
  /// Reads what has come, at most `most` bytes; nothing while the other side does not read our answers.
  void receive(std::size_t most);
  /// The next message, false when none is whole. One that cannot be read refuses the connection.
  bool next(wire::ToEngine& message);
  void send(const wire::FromEngine& message);
  /// Queues kept events after the last one sent, as many as the other side keeps up with.
  void send_events(const EventBook& book);
  void flush();
  /// Says why in a Done{ok: false} and closes once that is sent.
  void refuse(std::uint64_t id, const std::string& why, TimePoint now);
  void greeted(std::uint64_t sequence, std::uint64_t lost_before) {
    sent_ = sequence;
    lost_before_ = lost_before;
    is_greeted_ = true;
  }

  bool is_greeted() const { return is_greeted_; }
  /// Sent its Hello too late, was refused and told so, or broke.
  bool is_over(TimePoint now) const;
  std::size_t queued() const { return stream_->queued(); }
  /// Kept events wait that it has not been sent.
  bool is_behind(const EventBook& book) const { return book.after(sent_).has_value(); }
  /// Events were given up that it had not been sent yet.
  bool has_lost(const EventBook& book) const { return book.dropped() > std::max(sent_, lost_before_); }
  const std::string& why() const { return why_; }

 private:
  void note(Stream::Io result);

  std::unique_ptr<Stream> stream_;
  FrameReader frames_;
  TimePoint deadline_;
  std::uint64_t sent_ = 0, lost_before_ = 0;
  bool is_greeted_ = false, is_refused_ = false, is_broken_ = false, is_ending_ = false;
  std::string why_;
};

}  // namespace carillon::link
