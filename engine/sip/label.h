#pragma once
// Our tags and branches: 27 letters that name shard, object and a random key, so that a message finds what it belongs
// to without a table, and a late or forged one finds nothing.

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "engine/base/pool.h"

namespace carillon::sip {

///   cn sss iiiiii gggggggg kkkkkkkk      shard, index, generation, key in hex
struct Label {
  static constexpr std::size_t kSize = 27;
  static constexpr std::uint32_t kIndexMax = 0xFF'FFFF;

  std::uint32_t shard = 0;
  Handle object;  ///< empty for an answer that nothing is kept of
  std::uint32_t key = 0;

  static std::optional<Label> parse(std::string_view text);
  std::array<char, kSize> text() const;
  friend bool operator==(const Label&, const Label&) = default;
};

}  // namespace carillon::sip
