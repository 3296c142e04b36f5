#include "engine/link/utf8.h"

#include <cstdint>

namespace carillon::link {
namespace {

// Bytes of the character that begins at `at`; 0: none does.
std::size_t character(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<std::uint8_t>(text[i]) : 0u; };
  const auto continues = [&](std::size_t count) {
    for (std::size_t i = 1; i <= count; ++i)
      if ((byte(at + i) & 0xC0) != 0x80) return false;
    return true;
  };
  const unsigned first = byte(at), second = byte(at + 1);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return continues(1) ? 2 : 0;
  if (first == 0xE0 && second < 0xA0) return 0;  // overlong
  if (first == 0xED && second > 0x9F) return 0;  // surrogates
  if (first >= 0xE0 && first <= 0xEF) return continues(2) ? 3 : 0;
  if (first == 0xF0 && second < 0x90) return 0;
  if (first == 0xF4 && second > 0x8F) return 0;  // beyond U+10FFFF
  if (first >= 0xF0 && first <= 0xF4) return continues(3) ? 4 : 0;
  return 0;
}

}  // namespace

std::string to_utf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t size = character(text, at);
    if (size == 0) {
      out += '?';
      ++at;
      continue;
    }
    out.append(text.substr(at, size));
    at += size;
  }
  return out;
}

}  // namespace carillon::link
