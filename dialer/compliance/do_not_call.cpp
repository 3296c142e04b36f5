#include "dialer/compliance/do_not_call.h"

#include <charconv>

namespace carillon::dialer {
namespace {

/// 0 for what is not an E.164 number (at most 15 digits, so it fits 64 bits).
std::uint64_t key(std::string_view number) {
  if (number.starts_with('+')) number.remove_prefix(1);
  if (number.empty() || number.size() > 15) return 0;
  std::uint64_t digits = 0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), digits);
  return error == std::errc{} && end == number.data() + number.size() ? digits : 0;
}

}  // namespace

bool DoNotCall::add(std::string_view number) {
  const auto digits = key(number);
  return digits != 0 && (numbers_.insert(digits), true);
}
bool DoNotCall::remove(std::string_view number) { return numbers_.erase(key(number)) != 0; }
bool DoNotCall::contains(std::string_view number) const { return numbers_.contains(key(number)); }

}  // namespace carillon::dialer
