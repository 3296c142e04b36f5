#include "engine/link/connection.h"

#include <algorithm>

#include "engine/link/utf8.h"

namespace carillon::link {
namespace {

constexpr std::size_t kEventsQueuedMax = 1u << 20;   // bytes; the rest waits in the book
constexpr std::size_t kAnswersQueuedMax = 4u << 20;  // bytes; beyond, commands wait in the socket

}  // namespace

void Connection::note(Stream::Io result) {
  if (result == Stream::Io::kOk || result == Stream::Io::kAgain) return;
  is_broken_ = true;
  if (why_.empty()) why_ = result == Stream::Io::kFailed ? stream_->error() : "closed by the other side";
}

void Connection::receive(std::size_t most) {
  if (is_broken_ || is_refused_ || stream_->queued() > kAnswersQueuedMax) return;
  std::string bytes;
  const auto result = stream_->receive(bytes, most);
  frames_.push(bytes_of(bytes));
  if (result == Stream::Io::kClosed || result == Stream::Io::kFailed) {
    is_ending_ = true;  // what came before the end still counts
    note(result);
  }
}

bool Connection::next(wire::ToEngine& message) {
  if (is_refused_ || (is_broken_ && !is_ending_)) return false;
  const auto frame = frames_.next();
  if (!frame) {
    refuse(0, "frame longer than 16 MiB, or no frame at all", MonoClock::now());
    return false;
  }
  if (!*frame) return false;
  if (message.ParseFromArray((*frame)->data(), static_cast<int>((*frame)->size()))) return true;
  refuse(0, "frame holds no ToEngine message", MonoClock::now());
  return false;
}

void Connection::send(const wire::FromEngine& message) {
  std::string frame;
  if (append_frame(frame, message)) stream_->queue(frame);
}

void Connection::send_events(const EventBook& book) {
  std::string frames;
  while (stream_->queued() + frames.size() < kEventsQueuedMax) {
    const auto event = book.after(sent_);
    if (!event) break;
    append_frame(frames, event->bytes);
    sent_ = event->sequence;
  }
  if (!frames.empty()) stream_->queue(frames);
}

void Connection::flush() {
  if (!is_broken_) note(stream_->flush());
}

void Connection::refuse(std::uint64_t id, const std::string& why, TimePoint now) {
  wire::FromEngine message;
  message.set_answers(id);
  message.mutable_done()->set_ok(false);
  message.mutable_done()->set_error(to_utf8(why));
  send(message);
  is_refused_ = true;
  why_ = why;
  deadline_ = now + 1s;
  flush();
}

bool Connection::is_over(TimePoint now) const {
  if (is_broken_) return true;
  if (is_refused_) return stream_->queued() == 0 || now >= deadline_;
  return !is_greeted_ && now >= deadline_;
}

}  // namespace carillon::link
