#pragma once
// HTTP Digest (RFC 2617, RFC 8760) as a carrier asks for it, the judge's own.

#include <optional>
#include <string>
#include <string_view>

namespace carillon::carrier {

struct Login {
  std::string user, password;
};

/// `Digest realm="…", nonce="…", …` for WWW-Authenticate or Proxy-Authenticate; qop "auth".
std::string challenge(std::string_view realm, std::string_view nonce, std::string_view algorithm);

/// True when `credentials` (value of Authorization or Proxy-Authorization) prove the password for this request and
/// nonce. MD5 and SHA-256, with and without qop.
bool proves(std::string_view credentials, const Login& login, std::string_view method, std::string_view nonce);

/// Answer to a peer's challenge; empty when its algorithm is neither MD5 nor SHA-256.
std::string answer(std::string_view challenge, const Login& login, std::string_view method, std::string_view uri,
                   std::string_view cnonce);

/// name="value" or name=value inside a Digest header.
std::optional<std::string> digest_field(std::string_view header, std::string_view name);

}  // namespace carillon::carrier
