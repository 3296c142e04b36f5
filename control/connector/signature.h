#pragma once
// Who a webhook comes from, by the rules of Standard Webhooks 1.0: an HMAC-SHA256 over `id.timestamp.body`, and no word
// of the URL in it. Pure, but for make_secret().

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace carillon::control {

/// "whsec_" and 32 bytes from the operating system in base 64. throws std::runtime_error where there are none
std::string make_secret();

/// The key inside "whsec_…"; nothing when the text is not one.
std::optional<std::string> secret_key(std::string_view secret);

/// Value of webhook-signature: "v1," and base 64 for each secret, parted by spaces.
/// timestamp  seconds since 1970, as in webhook-timestamp
std::string sign(std::span<const std::string> secrets, std::string_view id, std::int64_t timestamp,
                 std::string_view body);

}  // namespace carillon::control
