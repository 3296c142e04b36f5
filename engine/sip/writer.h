#pragma once

#include <charconv>
#include <cstring>
#include <span>
#include <string_view>

#include "engine/base/endpoint.h"

namespace carillon::sip {

/// Writes SIP text into a fixed buffer. Past its end it writes nothing more and stays failed; check once.
class Writer {
 public:
  explicit Writer(std::span<char> buffer) : buffer_(buffer) {}

  template <class... Parts>
  Writer& put(const Parts&... parts) {
    (one(parts), ...);
    return *this;
  }
  /// "Name: value" with folds turned into spaces.
  Writer& header(std::string_view name, std::string_view value) {
    put(name, ": ");
    unfolded(value);
    return put("\r\n");
  }
  /// Text of a peer on one line of ours: every CR, LF and NUL becomes a space, so nothing can be smuggled.
  Writer& unfolded(std::string_view text) {
    if (text.find_first_of(std::string_view("\r\n\0", 3)) == text.npos) return put(text);
    for (const char c : text) put(c == '\r' || c == '\n' || c == '\0' ? ' ' : c);
    return *this;
  }
  /// User part of a SIP URI, escaped as RFC 3261 §25.1 wants it.
  Writer& user(std::string_view text);
  /// A display name as quoted-string.
  Writer& quoted(std::string_view text);
  /// "192.0.2.1" or "[2001:db8::1]", with ":port" unless that is 0.
  Writer& host(const Endpoint& endpoint, bool with_port = true);
  /// Content-Type (when there is a body), Content-Length, the empty line, the body: the end of a message.
  Writer& body(std::string_view content_type, std::string_view text);

  bool failed() const { return failed_; }
  std::size_t size() const { return at_; }
  std::string_view text() const { return {buffer_.data(), at_}; }

 private:
  void one(std::string_view text) {
    if (failed_ || text.size() > buffer_.size() - at_) {
      failed_ = true;
      return;
    }
    if (!text.empty()) std::memcpy(buffer_.data() + at_, text.data(), text.size());
    at_ += text.size();
  }
  void one(const char* text) { one(std::string_view(text)); }
  void one(char c) { one(std::string_view(&c, 1)); }
  template <class Integer>
  requires std::is_integral_v<Integer>
  void one(Integer value) {
    char digits[24]{};  // set, because g++ 12 does not see that to_chars does it
    const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
    one(std::string_view(digits, static_cast<std::size_t>(end - digits)));
  }

  std::span<char> buffer_;
  std::size_t at_ = 0;
  bool failed_ = false;
};

}  // namespace carillon::sip
