#include "control/model/checks.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "engine/base/endpoint.h"

namespace carillon::control {
namespace {

bool all_of(std::string_view text, std::string_view allowed) {
  return text.find_first_not_of(allowed) == std::string_view::npos;
}
constexpr std::string_view kDigits = "0123456789";
constexpr std::string_view kUser = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

// National emergency and urgent numbers (ITU-T E.161.1 names 112 and 911; the rest are national plans).
constexpr std::array<std::string_view, 45> kEmergency = {
    "000", "100", "101", "102", "103", "104", "105", "106", "107", "108", "109", "110", "111", "112", "113",
    "114", "115", "116", "117", "118", "119", "120", "122", "123", "127", "128", "130", "131", "132", "133",
    "144", "147", "150", "155", "158", "166", "190", "191", "192", "193", "194", "911", "997", "998", "999"};

// Digits that PBX users dial before an outside or international number.
constexpr std::array<std::string_view, 8> kPrefixes = {"", "0", "00", "9", "99", "8", "1", "011"};

bool is_listed(std::string_view number) {
  return std::find(kEmergency.begin(), kEmergency.end(), number) != kEmergency.end();
}

}  // namespace

std::string check_name(std::string_view text) {
  if (text.empty() || text.size() > 64) return "must have 1 to 64 characters";
  if (text.front() == ' ' || text.back() == ' ') return "must not begin or end with a space";
  for (const char letter : text)
    if (static_cast<unsigned char>(letter) < 0x20 || letter == 0x7F) return "must not hold control characters";
  return {};
}

std::string check_e164(std::string_view text) {
  if (!text.starts_with('+') || !all_of(text.substr(1), kDigits) || text.size() < 8 || text.size() > 16)
    return "must be an E.164 number such as +4930123456";
  return {};
}

std::string check_dialable(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  if (text.size() < 2 || text.size() > 20 || !all_of(text, kDigits))
    return "must be 2 to 20 digits, + before them or not";
  return {};
}

std::string check_host(std::string_view text) {
  if (text.empty() || Endpoint::parse(text, 0)) return {};
  return "must be an IP address";
}

std::string check_username(std::string_view text) {
  if (text.empty() || text.size() > 64 || !all_of(text, kUser)) return "must be 1 to 64 letters, digits, dots, _ or -";
  return {};
}

std::string check_caller(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  if (text.empty() || text.size() > 40 || !all_of(text, kUser)) return "must be a number or a SIP user part";
  return {};
}

std::string check_digits(std::string_view text) {
  if (text.empty() || text.size() > 64 || !all_of(text, "0123456789*#")) return "must be 1 to 64 of 0-9 * #";
  return {};
}

std::string check_header_value(std::string_view text) {
  if (text.size() > 256) return "must have 256 characters at most";
  for (const char letter : text)
    if (static_cast<unsigned char>(letter) < 0x20 || letter == 0x7F) return "must not hold control characters";
  return {};
}

bool is_emergency(std::string_view number) {
  std::string digits;
  for (const char letter : number)
    if (std::isdigit(static_cast<unsigned char>(letter))) digits += letter;
  const std::string_view plain = digits;
  for (const auto prefix : kPrefixes)
    if (plain.starts_with(prefix) && is_listed(plain.substr(prefix.size()))) return true;
  // behind a country code of one to three digits, in international form: too short for any subscriber
  for (const std::string_view prefix : {"+", "00", "011"}) {
    const bool marked = prefix == "+" ? number.starts_with('+') : plain.starts_with(prefix);
    if (!marked) continue;
    const auto international = prefix == "+" ? plain : plain.substr(prefix.size());
    for (std::size_t code = 1; code <= 3; ++code)
      if (international.size() == code + 3 && is_listed(international.substr(code))) return true;
  }
  return false;
}

}  // namespace carillon::control
