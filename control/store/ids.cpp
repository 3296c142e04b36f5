#include "control/store/ids.h"

#include <algorithm>

namespace carillon::control {
namespace {

constexpr std::string_view kAlphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
constexpr std::size_t kLetters = 26;  // 130 bits for 128

std::uint64_t unix_ms(WallTime now) { return static_cast<std::uint64_t>(now.time_since_epoch().count()); }

}  // namespace

std::string make_id(std::string_view prefix, std::uint64_t ms, std::uint16_t counter, std::uint64_t tail) {
  unsigned __int128 bits = static_cast<unsigned __int128>(ms & 0xFFFF'FFFF'FFFF) << 80;
  bits |= static_cast<unsigned __int128>(0x7000u | (counter & 0x0FFFu)) << 64;
  bits |= std::uint64_t{1} << 63 | (tail & 0x3FFF'FFFF'FFFF'FFFF);
  std::string id(prefix);
  id += '_';
  for (int shift = 125; shift >= 0; shift -= 5) id += kAlphabet[static_cast<std::size_t>(bits >> shift) & 31];
  return id;
}

bool is_id(std::string_view prefix, std::string_view text) {
  if (!text.starts_with(prefix) || text.size() != prefix.size() + 1 + kLetters || text[prefix.size()] != '_')
    return false;
  const auto letters = text.substr(prefix.size() + 1);
  return letters.find_first_not_of(kAlphabet) == std::string_view::npos;
}

std::string IdMaker::make(std::string_view prefix, WallTime now) {
  const std::lock_guard lock(mutex_);
  const std::uint64_t ms = std::max(unix_ms(now), last_ms_);
  counter_ = ms == last_ms_ ? static_cast<std::uint16_t>(counter_ + 1) : std::uint16_t{0};
  last_ms_ = ms;
  if (counter_ > 0x0FFF) {  // 4096 within a millisecond: borrow from the next
    counter_ = 0;
    ++last_ms_;
  }
  return make_id(prefix, last_ms_, counter_, random_.next());
}

std::uint64_t IdMaker::make_leg(WallTime now) {
  const std::lock_guard lock(mutex_);
  const std::uint64_t first = (unix_ms(now) & 0x3FF'FFFF'FFFF) << 21;
  last_leg_ = std::max(first, last_leg_ + 1);
  return last_leg_;
}

}  // namespace carillon::control
