#include "engine/sip/label.h"

namespace carillon::sip {
namespace {

std::optional<std::uint32_t> hex(std::string_view text) {
  std::uint32_t value = 0;
  for (const char c : text) {
    if (c >= '0' && c <= '9')
      value = value << 4 | static_cast<std::uint32_t>(c - '0');
    else if (c >= 'a' && c <= 'f')
      value = value << 4 | static_cast<std::uint32_t>(c - 'a' + 10);
    else
      return std::nullopt;
  }
  return value;
}

void put_hex(char* to, std::size_t digits, std::uint32_t value) {
  for (std::size_t i = digits; i > 0; --i, value >>= 4) to[i - 1] = "0123456789abcdef"[value & 15];
}

}  // namespace

std::optional<Label> Label::parse(std::string_view text) {
  if (text.size() != kSize || !text.starts_with("cn")) return std::nullopt;
  const auto shard = hex(text.substr(2, 3)), index = hex(text.substr(5, 6)), generation = hex(text.substr(11, 8)),
             key = hex(text.substr(19, 8));
  if (!shard || !index || !generation || !key) return std::nullopt;
  return Label{*shard, {*index, *generation}, *key};
}

std::array<char, Label::kSize> Label::text() const {
  std::array<char, kSize> out;
  out[0] = 'c';
  out[1] = 'n';
  put_hex(&out[2], 3, shard);
  put_hex(&out[5], 6, object.index);
  put_hex(&out[11], 8, object.generation);
  put_hex(&out[19], 8, key);
  return out;
}

}  // namespace carillon::sip
