#pragma once
// Digest authentication (RFC 2617, 7616, 8760), both sides: MD5 and SHA-256, qop=auth or none.

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "engine/base/fixed_text.h"
#include "engine/base/time.h"

namespace carillon::sip {

enum class Algorithm : std::uint8_t { kMd5, kSha256 };
using HexDigest = FixedText<64>;

/// Digests by OpenSSL. Cost: no allocation.
class Hasher {
 public:
  /// Lower-case hex of the digest of the parts, joined by ':'.
  HexDigest hex(Algorithm algorithm, std::initializer_list<std::string_view> parts);
  /// HMAC-SHA256 (RFC 2104), first 16 bytes as hex.
  FixedText<32> hmac(const std::array<std::uint8_t, 32>& key, std::string_view text);

 private:
  static std::size_t raw(Algorithm algorithm, std::initializer_list<std::string_view> parts, char separator,
                         unsigned char* out);
};

/// One WWW-Authenticate or Proxy-Authenticate.
struct Challenge {
  std::string_view realm, nonce, opaque;
  Algorithm algorithm = Algorithm::kMd5;
  bool has_qop = false;
  bool is_stale = false;

  /// Nothing for other schemes, "-sess" and unknown algorithms, or a qop list without "auth".
  static std::optional<Challenge> parse(std::string_view value);
};

/// One Authorization or Proxy-Authorization.
struct DigestAnswer {
  std::string_view username, realm, nonce, uri, response, cnonce, qop;
  std::string_view count;  ///< nc as written, eight hex digits
  std::uint32_t nc = 0;
  Algorithm algorithm = Algorithm::kMd5;

  static std::optional<DigestAnswer> parse(std::string_view value);
};

/// H(username:realm:password).
HexDigest ha1(Hasher& hasher, Algorithm algorithm, std::string_view username, std::string_view realm,
              std::string_view password);
/// The `response` of RFC 7616 §3.4.1; `qop` empty gives RFC 2069's form.
HexDigest digest_response(Hasher& hasher, Algorithm algorithm, std::string_view ha1, std::string_view nonce,
                          std::string_view nc, std::string_view cnonce, std::string_view qop, std::string_view method,
                          std::string_view uri);

/// Nonces that need no table: the time they were made at, a salt, and an HMAC over both. Every shard with the same key
/// verifies the nonces of all.
class Nonces {
 public:
  explicit Nonces(const std::array<std::uint8_t, 32>& key) : key_(key) {}
  FixedText<56> make(Hasher& hasher, std::uint32_t salt, TimePoint now) const;
  enum class Verdict : std::uint8_t { kGood, kExpired, kForged };
  Verdict check(Hasher& hasher, std::string_view nonce, Duration lifetime, TimePoint now) const;

 private:
  std::array<std::uint8_t, 32> key_;
};

/// Compares without telling by its time where the first difference is.
bool equals_in_constant_time(std::string_view a, std::string_view b);

}  // namespace carillon::sip
