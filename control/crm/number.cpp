#include "control/crm/number.h"

#include <algorithm>
#include <array>

namespace carillon::control {
namespace {

/// How a region writes numbers at home (ITU national numbering plans): what is dialed before a foreign and before a
/// national number, and how long a national (significant) number is.
struct Region {
  std::string_view iso, country, abroad, national;
  std::size_t digits_min, digits_max;
};

constexpr std::array<Region, 30> kRegions = {{
    {"US", "1", "011", "1", 10, 10},  {"CA", "1", "011", "1", 10, 10}, {"GB", "44", "00", "0", 9, 10},
    {"IE", "353", "00", "0", 7, 9},   {"DE", "49", "00", "0", 6, 12},  {"AT", "43", "00", "0", 4, 13},
    {"CH", "41", "00", "0", 9, 9},    {"FR", "33", "00", "0", 9, 9},   {"ES", "34", "00", "", 9, 9},
    {"PT", "351", "00", "", 9, 9},    {"IT", "39", "00", "", 6, 11},   {"NL", "31", "00", "0", 9, 9},
    {"BE", "32", "00", "0", 8, 9},    {"LU", "352", "00", "", 4, 11},  {"DK", "45", "00", "", 8, 8},
    {"SE", "46", "00", "0", 7, 10},   {"NO", "47", "00", "", 8, 8},    {"FI", "358", "00", "0", 5, 12},
    {"PL", "48", "00", "", 9, 9},     {"CZ", "420", "00", "", 9, 9},   {"UA", "380", "00", "0", 9, 9},
    {"BY", "375", "810", "80", 9, 9}, {"RU", "7", "810", "8", 10, 10}, {"KZ", "7", "810", "8", 10, 10},
    {"AU", "61", "0011", "0", 9, 9},  {"NZ", "64", "00", "0", 8, 10},  {"IN", "91", "00", "0", 10, 10},
    {"BR", "55", "00", "0", 10, 11},  {"MX", "52", "00", "", 10, 10},  {"JP", "81", "010", "0", 9, 10},
}};

const Region* find(std::string_view iso) {
  const auto found = std::ranges::find(kRegions, iso, &Region::iso);
  return found == kRegions.end() ? nullptr : &*found;
}

/// A whole number with its country code: held to the plan of the first region that has the code, else to E.164.
Result<std::string, NumberError> checked(std::string digits) {
  std::size_t shortest = 7, longest = 15;
  for (const Region& region : kRegions) {
    if (!digits.starts_with(region.country)) continue;
    shortest = region.country.size() + region.digits_min;
    longest = region.country.size() + region.digits_max;
    break;
  }
  if (digits.size() < shortest || digits.starts_with('0')) return NumberError::kTooShort;
  if (digits.size() > longest) return NumberError::kTooLong;
  return "+" + digits;
}

}  // namespace

std::string_view text(NumberError error) {
  switch (error) {
    case NumberError::kEmpty:
      return "no number";
    case NumberError::kLetters:
      return "not a telephone number";
    case NumberError::kTooShort:
      return "too short for a telephone number";
    case NumberError::kTooLong:
      return "too long for a telephone number";
    case NumberError::kNoRegion:
      return "without a country code, and the list has no region";
    case NumberError::kUnknownRegion:
      return "the region is not known";
  }
  return "unknown error";
}

bool is_known_region(std::string_view region) { return find(region) != nullptr; }

Result<std::string, NumberError> to_e164(std::string_view typed, std::string_view region) {
  std::string digits;
  bool has_plus = false;
  for (const char c : typed) {
    if (c >= '0' && c <= '9')
      digits += c;
    else if (c == '+' && digits.empty() && !has_plus)
      has_plus = true;
    else if (std::string_view(" ()-./\t").find(c) == std::string_view::npos)
      return NumberError::kLetters;
  }
  if (digits.empty()) return NumberError::kEmpty;
  if (has_plus) return checked(std::move(digits));
  if (region.empty()) return NumberError::kNoRegion;
  const Region* home = find(region);
  if (!home) return NumberError::kUnknownRegion;
  if (digits.starts_with(home->abroad) && digits.size() > home->abroad.size() + 6)
    return checked(digits.substr(home->abroad.size()));
  // With the national prefix first: "8 495 …" in Russia is also as long as a number that begins with 8.
  const bool is_prefixed = !home->national.empty() && digits.starts_with(home->national) &&
                           digits.size() >= home->national.size() + home->digits_min;
  if (is_prefixed) {
    digits.erase(0, home->national.size());
  } else if (digits.size() > home->digits_max && digits.starts_with(home->country)) {
    digits.erase(0, home->country.size());  // the country code, its plus lost in a spreadsheet
  }
  if (digits.size() < home->digits_min) return NumberError::kTooShort;
  if (digits.size() > home->digits_max) return NumberError::kTooLong;
  return "+" + std::string(home->country) + digits;
}

}  // namespace carillon::control
