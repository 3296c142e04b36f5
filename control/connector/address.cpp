#include "control/connector/address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>
#include <cstring>

namespace carillon::control {
namespace {

constexpr std::size_t kUrlMax = 2048;

struct Range {
  std::array<std::uint8_t, 16> prefix;
  int bits;
};

bool in_range(std::span<const std::uint8_t> bytes, const Range& range) {
  const auto whole = static_cast<std::size_t>(range.bits / 8);
  if (std::memcmp(bytes.data(), range.prefix.data(), whole) != 0) return false;
  const int rest = range.bits % 8;
  if (rest == 0) return true;
  const auto mask = static_cast<std::uint8_t>(0xFF << (8 - rest));
  return (bytes[whole] & mask) == (range.prefix[whole] & mask);
}

// What is not global in IANA's IPv4 special-purpose registry, and multicast.
constexpr Range kIpv4[] = {{{0}, 8},
                           {{10}, 8},
                           {{100, 64}, 10},
                           {{127}, 8},
                           {{169, 254}, 16},
                           {{172, 16}, 12},
                           {{192, 0, 0}, 24},
                           {{192, 0, 2}, 24},
                           {{192, 31, 196}, 24},
                           {{192, 52, 193}, 24},
                           {{192, 88, 99}, 24},
                           {{192, 168}, 16},
                           {{192, 175, 48}, 24},
                           {{198, 18}, 15},
                           {{198, 51, 100}, 24},
                           {{203, 0, 113}, 24},
                           {{224}, 4},
                           {{240}, 4}};

bool is_public_ipv4(std::span<const std::uint8_t> bytes) {
  return std::ranges::none_of(kIpv4, [&](const Range& range) { return in_range(bytes, range); });
}

// Global unicast is 2000::/3; what is special within it.
constexpr Range kIpv6[] = {{{0x20, 0x01, 0x0D, 0xB8}, 32}, {{0x3F, 0xFF}, 20}, {{0x20, 0x01, 0x00}, 23}};
constexpr Range kGlobal{{0x20}, 3}, kNat64{{0x00, 0x64, 0xFF, 0x9B}, 96}, k6to4{{0x20, 0x02}, 16};
constexpr Range kMapped{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF}, 96};

bool is_public_ipv6(std::span<const std::uint8_t> bytes) {
  if (in_range(bytes, kMapped) || in_range(bytes, kNat64)) return is_public_ipv4(bytes.subspan(12));
  if (in_range(bytes, k6to4)) return is_public_ipv4(bytes.subspan(2, 4));
  return in_range(bytes, kGlobal) &&
         std::ranges::none_of(kIpv6, [&](const Range& range) { return in_range(bytes, range); });
}

}  // namespace

std::optional<HookUrl> parse_hook_url(std::string_view text) {
  if (text.empty() || text.size() > kUrlMax) return std::nullopt;
  const auto url = boost::urls::parse_uri(text);
  if (!url || url->has_userinfo() || url->has_fragment() || !url->has_authority()) return std::nullopt;
  HookUrl parsed;
  parsed.is_tls = url->scheme_id() == boost::urls::scheme::https;
  if (!parsed.is_tls && url->scheme_id() != boost::urls::scheme::http) return std::nullopt;
  if (url->host_type() == boost::urls::host_type::ipvfuture) return std::nullopt;
  parsed.host = url->host_address();
  if (parsed.host.empty() || parsed.host.size() > 253) return std::nullopt;
  const auto is_plain = [](char letter) {
    const auto byte = static_cast<unsigned char>(letter);
    return byte > 0x20 && byte < 0x7F && letter != '%' && letter != '/' && letter != '\\' && letter != '@';
  };
  if (!std::ranges::all_of(parsed.host, is_plain)) return std::nullopt;
  parsed.port = parsed.is_tls ? 443 : 80;
  if (url->has_port() && !url->port().empty()) {
    if (url->port_number() == 0) return std::nullopt;  // also what does not fit
    parsed.port = url->port_number();
  }
  const bool is_ipv6 = url->host_type() == boost::urls::host_type::ipv6;
  parsed.host_header = is_ipv6 ? "[" + parsed.host + "]" : parsed.host;
  if (url->has_port() && !url->port().empty()) parsed.host_header += ":" + std::to_string(parsed.port);
  parsed.target = std::string(url->encoded_target());
  if (!parsed.target.starts_with('/')) parsed.target.insert(0, "/");
  return parsed;
}

bool is_public_address(std::span<const std::uint8_t> bytes) {
  if (bytes.size() == 4) return is_public_ipv4(bytes);
  return bytes.size() == 16 && is_public_ipv6(bytes);
}

std::optional<bool> is_public_literal(std::string_view host) {
  const std::string text(host);
  std::array<std::uint8_t, 16> bytes{};
  if (::inet_pton(AF_INET, text.c_str(), bytes.data()) == 1) return is_public_ipv4(std::span(bytes).first(4));
  if (::inet_pton(AF_INET6, text.c_str(), bytes.data()) == 1) return is_public_ipv6(bytes);
  return std::nullopt;
}

}  // namespace carillon::control
