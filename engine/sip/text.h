#pragma once
// The few things SIP does with text (RFC 3261 §25.1): no locale, no allocation.

#include <charconv>
#include <cstdint>
#include <optional>
#include <string_view>

namespace carillon::sip {

inline constexpr char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }

inline constexpr bool equals_ignoring_case(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i)
    if (lower(a[i]) != lower(b[i])) return false;
  return true;
}

/// Linear white space, folds included.
inline constexpr bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

inline constexpr std::string_view trim(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

inline constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
inline constexpr bool is_alphanumeric(char c) { return is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'z'); }

/// `token` of the grammar: methods, header names, parameter names.
inline constexpr bool is_token(char c) {
  return is_alphanumeric(c) || std::string_view("-.!%*_+`'~").find(c) != std::string_view::npos;
}
inline constexpr bool is_token(std::string_view text) {
  for (const char c : text)
    if (!is_token(c)) return false;
  return !text.empty();
}

/// Digits only, at most `most`; nothing for anything else, overflow included.
inline std::optional<std::uint32_t> number(std::string_view text, std::uint32_t most = 0xFFFF'FFFF) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size() || value > most) return std::nullopt;
  return value;
}

/// Takes the next element of a list separated by `separator` outside quotes and angle brackets, trimmed; `rest` moves
/// behind it. Empty elements are skipped; an empty answer is the end.
inline std::string_view next_element(std::string_view& rest, char separator = ',') {
  while (!rest.empty()) {
    bool quoted = false, bracketed = false;
    std::size_t at = 0;
    for (; at < rest.size(); ++at) {
      const char c = rest[at];
      if (quoted) {
        if (c == '\\') ++at;
        if (c == '"') quoted = false;
      } else if (c == '"') {
        quoted = true;
      } else if (c == '<') {
        bracketed = true;
      } else if (c == '>') {
        bracketed = false;
      } else if (c == separator && !bracketed) {
        break;
      }
    }
    const auto element = trim(rest.substr(0, at));
    rest = at < rest.size() ? rest.substr(at + 1) : std::string_view{};
    if (!element.empty()) return element;
  }
  return {};
}

/// Strips the quotes of a quoted-string; its escapes stay.
inline constexpr std::string_view unquoted(std::string_view text) {
  return text.size() >= 2 && text.front() == '"' && text.back() == '"' ? text.substr(1, text.size() - 2) : text;
}

/// Value of a parameter in ";a=1;b" (a leading semicolon is optional). Empty view for a bare name; nothing if absent.
inline std::optional<std::string_view> parameter(std::string_view parameters, std::string_view name) {
  while (!parameters.empty()) {
    const auto element = next_element(parameters, ';');
    if (element.empty()) break;
    const auto equals = element.find('=');
    if (!equals_ignoring_case(trim(element.substr(0, equals)), name)) continue;
    return equals == element.npos ? std::string_view{} : trim(element.substr(equals + 1));
  }
  return std::nullopt;
}

}  // namespace carillon::sip
