#include "engine/stream/framer.h"

#include <algorithm>
#include <cctype>

#include "engine/base/check.h"

namespace carillon::stream {
namespace {

constexpr std::string_view kPing = "\r\n\r\n";
constexpr std::size_t kSpare = 1024;

bool is_token(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) ||
         std::string_view("-.!%*_+`'~").find(c) != std::string_view::npos;
}

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

std::string_view trim(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

bool equals_ignoring_case(std::string_view a, std::string_view lower) {
  return std::ranges::equal(a, lower, [](char x, char y) { return std::tolower(static_cast<unsigned char>(x)) == y; });
}

// The next line with its folds (§7.3.1), taken off `rest`.
std::string_view take_line(std::string_view& rest) {
  std::size_t end = 0;
  do {
    end = rest.find('\n', end);
    end = end == std::string_view::npos ? rest.size() : end + 1;
  } while (end < rest.size() && (rest[end] == ' ' || rest[end] == '\t'));
  const auto line = rest.substr(0, end);
  rest.remove_prefix(end);
  return line;
}

bool is_length(std::string_view name) {
  return name == "l" || name == "L" || (name.size() == 14 && equals_ignoring_case(name, "content-length"));
}

// §25.1: 1*DIGIT. Past `most` it stops counting, so that no number of digits overflows.
Length number(std::string_view text, std::size_t most) {
  if (text.empty()) return {.error = FramingError::kBadLength};
  std::size_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return {.error = FramingError::kBadLength};
    if (value <= most) value = 10 * value + static_cast<std::size_t>(c - '0');
  }
  if (value > most) return {.error = FramingError::kTooLong};
  return {.bytes = value};
}

}  // namespace

Length content_length(std::string_view head, std::size_t most) {
  std::optional<Length> found;
  (void)take_line(head);  // the first line
  while (!head.empty()) {
    const auto line = take_line(head);
    const auto colon = line.find(':');
    if (colon == std::string_view::npos || !is_length(trim(line.substr(0, colon)))) continue;
    const Length length = number(trim(line.substr(colon + 1)), most);
    if (length.error == FramingError::kBadLength) return length;
    // Two that differ: whoever reads the other one sees other messages than we do.
    if (found && (found->error != length.error || found->bytes != length.bytes))
      return {.error = FramingError::kBadLength};
    found = length;
  }
  return found.value_or(Length{.error = FramingError::kNoLength});
}

void Framer::add(ByteView bytes, TimePoint now) {
  now_ = now;
  at_ = 0;
  is_in_kept_ = !kept_.empty();
  fresh_ = is_in_kept_ ? std::string_view{} : text_of(bytes);
  if (is_in_kept_) kept_.append(text_of(bytes));
}

// True when a message begins at at_. A ping leaves ping_ full.
bool Framer::skip_to_message() {
  const auto bytes = window();
  for (; at_ < bytes.size() && ping_ < kPing.size(); ++at_) {
    const char c = bytes[at_];
    if (c == kPing[ping_])
      ++ping_;
    else if (c == '\r' || c == '\n')
      ping_ = c == '\r' ? 1 : 0;
    else
      break;
  }
  return ping_ < kPing.size() && at_ < bytes.size();
}

// True when head_ is known now. Looks at each byte once, however it comes in.
bool Framer::find_head_end(std::string_view message) {
  while (head_ == 0) {
    const auto end = message.find('\n', scanned_);
    if (end == std::string_view::npos) {
      scanned_ = message.size();
      return false;
    }
    const auto line = message.substr(line_, end - line_);
    if (line_ == 0 && line.find("SIP/") == std::string_view::npos) {
      failed_ = FramingError::kNotSip;
      return false;
    }
    line_ = scanned_ = end + 1;
    if (line.empty() || line == "\r") head_ = end + 1;
  }
  return true;
}

Frame Framer::refuse(FramingError error, std::string_view head) {
  failed_ = error;
  began_.reset();
  return {.kind = Frame::Kind::kRefused, .error = error, .bytes = bytes_of(head)};
}

Frame Framer::next() {
  if (failed_ != FramingError::kNone) return {};
  const bool was_within = began_.has_value();
  if (!was_within && !skip_to_message()) {
    if (ping_ < kPing.size()) return keep_rest(), Frame{};
    ping_ = 0;
    return {.kind = Frame::Kind::kPing, .bytes = {}};
  }
  ping_ = 0;
  const auto message = window().substr(at_);
  if (!was_within) began_ = now_;
  if (!message.empty() && !is_token(message.front())) return refuse(FramingError::kNotSip);
  if (whole_ == 0) {
    const bool has_head = find_head_end(message.substr(0, limits_->head_max));  // so that any split finds the same
    if (failed_ != FramingError::kNone) return refuse(failed_);
    if (!has_head && message.size() > limits_->head_max) return refuse(FramingError::kHeadTooLong);
    if (!has_head) return keep_rest(), Frame{};
    const auto head = message.substr(0, head_);
    const Length length = content_length(head, limits_->message_max);
    if (length.error != FramingError::kNone) return refuse(length.error, head);
    if (head_ + length.bytes > limits_->message_max) return refuse(FramingError::kTooLong, head);
    whole_ = head_ + length.bytes;
  }
  if (message.size() < whole_) return keep_rest(), Frame{};
  const Frame frame{.kind = Frame::Kind::kMessage, .bytes = bytes_of(message.substr(0, whole_))};
  at_ += whole_;
  line_ = scanned_ = head_ = whole_ = 0;
  began_.reset();
  return frame;
}

// What is left waits for the next read. Between messages nothing is left, and no memory is held.
void Framer::keep_rest() {
  if (is_in_kept_)
    kept_.erase(0, at_);
  else
    kept_.assign(fresh_.substr(at_));
  at_ = 0;
  fresh_ = {};
  is_in_kept_ = false;
  if (kept_.empty()) return std::string().swap(kept_);
  // A read that was added leaves room behind: whoever begins a message after each of them must not own that for good.
  if (kept_.capacity() > 2 * kept_.size() + kSpare) kept_.shrink_to_fit();
}

TimePoint Framer::deadline() const {
  if (!began_) return TimePoint::max();
  return *began_ + (head_ == 0 ? limits_->head_time : limits_->message_time);
}

}  // namespace carillon::stream
