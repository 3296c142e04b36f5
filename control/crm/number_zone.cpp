#include "control/crm/number_zone.h"

#include <algorithm>
#include <cstdint>
#include <unordered_map>

namespace carillon::control {
namespace {

/// "zone zone …:prefix prefix …;" over and over.
constexpr std::string_view kText =
#include "control/crm/zones.inc"
    ;

// A 1 before its digits keeps "07" and "7" apart.
std::uint64_t extended(std::uint64_t key, char digit) { return key * 10 + static_cast<std::uint64_t>(digit - '0'); }

std::unordered_map<std::uint64_t, std::string_view> read_table() {
  std::unordered_map<std::uint64_t, std::string_view> table;
  for (std::string_view left = kText; !left.empty();) {
    const auto colon = left.find(':'), end = left.find(';');
    const std::string_view names = left.substr(0, colon), prefixes = left.substr(colon + 1, end - colon - 1);
    std::uint64_t key = 1;
    for (const char letter : prefixes) {
      if (letter != ' ') {
        key = extended(key, letter);
        continue;
      }
      table[key] = names;
      key = 1;
    }
    table[key] = names;
    left.remove_prefix(end + 1);
  }
  return table;
}

}  // namespace

std::string_view zones_of(std::string_view e164) {
  static const auto table = read_table();
  if (e164.starts_with('+')) e164.remove_prefix(1);
  std::string_view zones;
  std::uint64_t key = 1;
  for (const char digit : e164.substr(0, 15)) {
    if (digit < '0' || digit > '9') return {};
    key = extended(key, digit);
    if (const auto found = table.find(key); found != table.end()) zones = found->second;  // the longest prefix wins
  }
  return zones;
}

}  // namespace carillon::control
