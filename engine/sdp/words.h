#pragma once
// How the values of attributes are taken apart: words between blanks, numbers, parts between separators.

#include <charconv>
#include <concepts>
#include <optional>
#include <string_view>

namespace carillon::sdp {

/// Takes the text before the first `separator`, or all of it.
inline std::string_view take_until(std::string_view& text, char separator) {
  const auto at = text.find(separator);
  const auto part = text.substr(0, at);
  text = at == text.npos ? std::string_view{} : text.substr(at + 1);
  return part;
}

/// Takes the next word; several blanks count as one. Empty: there is none.
inline std::string_view take_word(std::string_view& text) {
  const auto first = text.find_first_not_of(' ');
  if (first == text.npos) {
    text = {};
    return {};
  }
  text.remove_prefix(first);
  return take_until(text, ' ');
}

/// The whole text as a decimal number without a sign, if it is one and fits.
template <std::unsigned_integral T>
std::optional<T> number(std::string_view text) {
  T value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// ASCII, without regard to case.
inline bool same_word(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i)
    if (lower(a[i]) != lower(b[i])) return false;
  return true;
}

}  // namespace carillon::sdp
