#include "control/crm/csv_cell.h"

#include <algorithm>

namespace carillon::control {
namespace {

bool is_plain_number(std::string_view text) {
  if (!text.empty() && (text[0] == '+' || text[0] == '-')) text.remove_prefix(1);
  const auto is_digit = [](char letter) { return letter >= '0' && letter <= '9'; };
  const auto point = std::min(text.find('.'), text.size());
  const auto whole = text.substr(0, point), part = text.substr(std::min(point + 1, text.size()));
  return !whole.empty() && std::ranges::all_of(whole, is_digit) && std::ranges::all_of(part, is_digit);
}

bool looks_like_formula(std::string_view text) {
  constexpr std::string_view kStarts[] = {"=", "+", "-", "@", "\t", "\r", "\n", "\uFF1D", "\uFF0B", "\uFF0D", "\uFF20"};
  const auto starts = [text](std::string_view start) { return text.starts_with(start); };
  return std::ranges::any_of(kStarts, starts) && !is_plain_number(text);
}

}  // namespace

std::string csv_cell(std::string_view text) {
  const bool is_quoted = text.find_first_of(",\"\r\n") != std::string_view::npos;
  std::string cell;
  if (is_quoted) cell += '"';
  if (looks_like_formula(text)) cell += '\'';
  for (const char letter : text) cell.append(letter == '"' ? 2 : 1, letter);  // a text with one is quoted
  if (is_quoted) cell += '"';
  return cell;
}

}  // namespace carillon::control
