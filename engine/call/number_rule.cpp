#include "engine/call/number_rule.h"

#include <algorithm>
#include <array>

namespace carillon::call {

FixedText<64> rewrite(std::string_view number, const NumberRule& rule) {
  const bool had_plus = number.starts_with('+');
  std::string_view digits = had_plus ? number.substr(1) : number;
  const bool is_number = !digits.empty() && std::ranges::all_of(digits, [](char c) { return c >= '0' && c <= '9'; });
  if (!is_number) return number;

  digits.remove_prefix(std::min<std::size_t>(rule.strip, digits.size()));
  std::string_view prefix = rule.prefix;
  const bool prefix_has_plus = prefix.starts_with('+');
  if (prefix_has_plus) prefix.remove_prefix(1);
  bool plus = had_plus || prefix_has_plus;
  if (rule.plus == NumberRule::Plus::kAdd) plus = true;
  if (rule.plus == NumberRule::Plus::kRemove) plus = false;

  std::array<char, 64> written;
  std::size_t size = 0;
  for (const std::string_view part : {plus ? std::string_view("+") : std::string_view(), prefix, digits})
    size += part.copy(written.data() + size, written.size() - size);
  return std::string_view(written.data(), size);
}

}  // namespace carillon::call
