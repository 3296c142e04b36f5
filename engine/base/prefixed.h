#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <string_view>

#include "engine/base/endpoint.h"

namespace carillon {

/// An address of ours and how much of it names the network on that wire.
struct Prefixed {
  Endpoint address;  ///< port 0
  std::uint8_t bits = 0;

  /// "192.0.2.10/24", "2001:db8::1/64"; empty for anything else.
  static std::optional<Prefixed> parse(std::string_view text) {
    const std::size_t slash = text.find('/');
    if (slash == std::string_view::npos) return std::nullopt;
    const auto address = Endpoint::parse(text.substr(0, slash), 0);
    std::uint8_t bits = 0;
    const auto [end, error] = std::from_chars(text.data() + slash + 1, text.data() + text.size(), bits);
    const bool is_whole = error == std::errc{} && end == text.data() + text.size();
    if (!address || !is_whole || bits > (address->is_v6 ? 128 : 32)) return std::nullopt;
    return Prefixed{*address, bits};
  }
};

}  // namespace carillon
