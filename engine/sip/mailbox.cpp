#include "engine/sip/mailbox.h"

#include <cstring>
#include <new>

#include "engine/base/check.h"

namespace carillon::sip {

void Outbox::send(const Endpoint& to, std::string_view bytes) {
  char* copy = datagrams_.size() < most_ ? arena_.take(bytes.size()) : nullptr;
  if (!copy) {
    ++counters_.outbox_full;
    return;
  }
  std::memcpy(copy, bytes.data(), bytes.size());
  datagrams_.push_back({to, bytes_of({copy, bytes.size()})});
  ++counters_.sent;
}

void Outbox::clear() {
  datagrams_.clear();
  arena_.clear();
}

Event& EventLog::add(EventKind kind) {
  CHECK(events_.size() < events_.capacity());
  auto& event = events_.emplace_back();
  event.kind = kind;
  return event;
}

const Message* EventLog::keep(const Message& message) {
  if (kept_) return kept_;
  const auto wire = message.wire();
  char* bytes = arena_.take(wire.size());
  char* place = arena_.take(sizeof(Message));
  CHECK(bytes != nullptr);
  CHECK(place != nullptr);
  std::memcpy(bytes, wire.data(), wire.size());
  kept_ = new (place) Message(message.moved_to(bytes));
  return kept_;
}

std::string_view EventLog::keep(std::string_view text) {
  char* copy = arena_.take(text.size());
  CHECK(copy != nullptr);
  if (!text.empty()) std::memcpy(copy, text.data(), text.size());
  return {copy, text.size()};
}

void EventLog::clear() {
  events_.clear();
  arena_.clear();
  kept_ = nullptr;
}

std::string_view Event::header(std::string_view name) const {
  return message ? message->find(name).value_or(std::string_view{}) : std::string_view{};
}

}  // namespace carillon::sip
