#include "engine/call/number_rule.h"

#include <algorithm>
#include <string>

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

  std::string written;  // short: stays inside the string
  written.reserve(64);
  if (plus) written += '+';
  written += prefix;
  written += digits;
  return std::string_view(written);
}

}  // namespace carillon::call
