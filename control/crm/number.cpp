#include "control/crm/number.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <iterator>

namespace carillon::control {
namespace {

/// How a region writes numbers at home: what is dialed before a foreign and before a national number, and how long a
/// national (significant) number may be: bit n, n digits.
struct Region {
  std::string_view iso, country, abroad, national;
  std::uint32_t lengths;
  bool takes(std::size_t digits) const { return digits < 32 && (lengths >> digits & 1) != 0; }
  std::size_t digits_min() const { return static_cast<std::size_t>(std::countr_zero(lengths)); }
  std::size_t digits_max() const { return static_cast<std::size_t>(std::bit_width(lengths)) - 1; }
};

constexpr Region kRegions[] = {
#include "control/crm/regions.inc"
};

const Region* find(std::string_view iso) {
  const auto found = std::ranges::find(kRegions, iso, &Region::iso);
  return found == std::end(kRegions) ? nullptr : &*found;
}

NumberError of_length(const Region& region, std::size_t digits) {
  return digits > region.digits_max() ? NumberError::kTooLong : NumberError::kTooShort;
}

/// A whole number with its country code: held to the plans of the regions that have the code, and where no region has
/// it (satellites, the world's toll-free numbers), to E.164.
Result<std::string, NumberError> checked(std::string digits) {
  if (digits.size() < 7 || digits.starts_with('0')) return NumberError::kTooShort;
  if (digits.size() > 15) return NumberError::kTooLong;
  const Region* home = nullptr;
  for (const Region& region : kRegions) {
    if (!digits.starts_with(region.country)) continue;
    home = &region;
    if (region.takes(digits.size() - region.country.size())) return "+" + digits;
  }
  if (home) return of_length(*home, digits.size() - home->country.size());
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
  if (!home->abroad.empty() && digits.starts_with(home->abroad) && digits.size() > home->abroad.size() + 6)
    return checked(digits.substr(home->abroad.size()));
  // With the national prefix first: "8 495 …" in Russia is also as long as a number that begins with 8.
  const bool is_prefixed = !home->national.empty() && digits.starts_with(home->national) &&
                           digits.size() >= home->national.size() + home->digits_min();
  if (is_prefixed) {
    digits.erase(0, home->national.size());
  } else if (digits.size() > home->digits_max() && digits.starts_with(home->country)) {
    digits.erase(0, home->country.size());  // the country code, its plus lost in a spreadsheet
  }
  if (!home->takes(digits.size())) return of_length(*home, digits.size());
  return "+" + std::string(home->country) + digits;
}

}  // namespace carillon::control
