#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace carillon {

/// A short string inside a trivially copyable message. Longer text is cut at `kMax` bytes and says so.
template <std::size_t kMax>
class FixedText {
  static_assert(kMax <= 0xFFFF);

 public:
  FixedText() = default;
  FixedText(std::string_view text) { assign(text); }
  bool assign(std::string_view text) {
    size_ = static_cast<std::uint16_t>(text.size() < kMax ? text.size() : kMax);
    if (size_ != 0) std::memcpy(bytes_.data(), text.data(), size_);
    return text.size() <= kMax;
  }
  std::string_view view() const { return {bytes_.data(), size_}; }
  operator std::string_view() const { return view(); }
  bool empty() const { return size_ == 0; }
  std::size_t size() const { return size_; }
  friend bool operator==(const FixedText& a, const FixedText& b) { return a.view() == b.view(); }

 private:
  std::uint16_t size_ = 0;
  std::array<char, kMax> bytes_;
};

}  // namespace carillon
