#pragma once

#include <charconv>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace carillon::sdp {

/// Writes text into a fixed buffer. Past the end it writes nothing and stays failed.
class TextWriter {
 public:
  explicit TextWriter(std::span<char> out) : out_(out) {}

  TextWriter& put(std::string_view text) {
    if (failed_ || text.size() > out_.size() - at_) {
      failed_ = true;
      return *this;
    }
    if (!text.empty()) std::memcpy(out_.data() + at_, text.data(), text.size());
    at_ += text.size();
    return *this;
  }
  TextWriter& put(std::unsigned_integral auto number) {
    char digits[20];
    const auto end = std::to_chars(digits, digits + sizeof digits, std::uint64_t{number}).ptr;
    return put(std::string_view(digits, static_cast<std::size_t>(end - digits)));
  }
  TextWriter& end_line() { return put(std::string_view("\r\n")); }
  bool failed() const { return failed_; }
  std::string_view written() const { return {out_.data(), at_}; }

 private:
  std::span<char> out_;
  std::size_t at_ = 0;
  bool failed_ = false;
};

}  // namespace carillon::sdp
