#include "engine/sdp/crypto_attribute.h"

#include <algorithm>
#include <optional>

#include "engine/sdp/text_writer.h"
#include "engine/sdp/words.h"

namespace carillon::sdp {
namespace {

constexpr std::string_view kBase64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::array kSuites{CryptoSuite::kAesCm128Sha1_80, CryptoSuite::kAesCm128Sha1_32, CryptoSuite::kAesGcm128,
                             CryptoSuite::kAesGcm256};
constexpr std::uint64_t kLifetimeMin = 1u << 20;

// Exactly `out.size()` bytes of base64 (RFC 4648 §4); padding may be missing or whole, unused bits are not looked at.
bool decode(std::string_view text, std::span<std::byte> out) {
  const std::size_t letters = (8 * out.size() + 5) / 6;
  const auto padding = text.substr(std::min(letters, text.size()));
  if (text.size() < letters || (!padding.empty() && text.size() % 4 != 0) || padding.size() > 2) return false;
  if (padding.find_first_not_of('=') != padding.npos) return false;
  std::uint32_t bits = 0;
  int have = 0;
  std::size_t at = 0;
  for (const char letter : text.substr(0, letters)) {
    const auto value = kBase64.find(letter);
    if (value == kBase64.npos) return false;
    bits = (bits << 6 | static_cast<std::uint32_t>(value)) & 0xFFFF;
    have += 6;
    if (have >= 8 && at < out.size()) out[at++] = static_cast<std::byte>(bits >> (have -= 8) & 0xFF);
  }
  return at == out.size();
}

void encode(TextWriter& out, ByteView bytes) {
  for (ByteReader in(bytes); in.left() != 0;) {
    const std::size_t count = std::min<std::size_t>(in.left(), 3);
    std::uint32_t bits = 0;
    for (std::size_t i = 0; i < 3; ++i) bits = bits << 8 | (i < count ? in.u8() : 0);
    std::array<char, 4> letters{'=', '=', '=', '='};
    for (std::size_t i = 0; i <= count; ++i) letters[i] = kBase64[bits >> (18 - 6 * i) & 63];
    out.put(std::string_view(letters.data(), letters.size()));
  }
}

// "2^20" or "1048576" (§6.1); the largest that SRTP has is 2^48.
std::optional<std::uint64_t> lifetime_of(std::string_view text) {
  if (text.starts_with("2^")) {
    const auto exponent = number<std::uint8_t>(text.substr(2));
    if (!exponent || *exponent > 48) return std::nullopt;
    return std::uint64_t{1} << *exponent;
  }
  const auto packets = number<std::uint64_t>(text);
  if (!packets || *packets > std::uint64_t{1} << 48) return std::nullopt;
  return packets;
}

// "inline:KEY", "inline:KEY|2^20", "inline:KEY|2^20|1:4" (§6.1).
std::optional<CryptoError> read_key(std::string_view text, Crypto& crypto) {
  const auto method = take_until(text, ':');
  if (!same_word(method, "inline")) return CryptoError::kKeyMethod;
  if (text.find(';') != text.npos) return CryptoError::kManyKeys;
  const auto key = take_until(text, '|');
  const auto sizes = sizes_of(crypto.suite);
  if (!decode(key, std::span(crypto.material).first(sizes.key + sizes.salt))) return CryptoError::kSyntax;
  for (bool is_first = true; !text.empty(); is_first = false) {
    const auto part = take_until(text, '|');
    if (part.find(':') != part.npos) return CryptoError::kMki;
    const auto packets = lifetime_of(part);
    if (!is_first || !packets) return CryptoError::kSyntax;
    if (*packets < kLifetimeMin) return CryptoError::kLifetime;
  }
  return std::nullopt;
}

}  // namespace

std::string_view name(CryptoSuite suite) {
  switch (suite) {
    case CryptoSuite::kAesCm128Sha1_80:
      return "AES_CM_128_HMAC_SHA1_80";
    case CryptoSuite::kAesCm128Sha1_32:
      return "AES_CM_128_HMAC_SHA1_32";
    case CryptoSuite::kAesGcm128:
      return "AEAD_AES_128_GCM";
    case CryptoSuite::kAesGcm256:
      return "AEAD_AES_256_GCM";
  }
  return "?";
}

std::string_view name(CryptoError error) {
  switch (error) {
    case CryptoError::kSyntax:
      return "not a crypto attribute";
    case CryptoError::kSuite:
      return "unknown crypto suite";
    case CryptoError::kKeyMethod:
      return "unknown key method";
    case CryptoError::kManyKeys:
      return "several keys";
    case CryptoError::kMki:
      return "master key identifier";
    case CryptoError::kLifetime:
      return "key lifetime too short";
    case CryptoError::kParameter:
      return "unknown session parameter";
  }
  return "?";
}

Result<Crypto, CryptoError> parse_crypto(std::string_view value) {
  Crypto crypto;
  const auto tag = number<std::uint32_t>(take_word(value));
  if (!tag || *tag == 0 || *tag > 999'999'999) return CryptoError::kSyntax;
  crypto.tag = *tag;
  const auto suite = take_word(value);
  const auto known = std::ranges::find_if(kSuites, [&](CryptoSuite one) { return same_word(name(one), suite); });
  if (known == kSuites.end()) return suite.empty() ? CryptoError::kSyntax : CryptoError::kSuite;
  crypto.suite = *known;
  const auto key = take_word(value);
  if (key.empty()) return CryptoError::kSyntax;
  if (const auto error = read_key(key, crypto)) return *error;
  for (auto parameter = take_word(value); !parameter.empty(); parameter = take_word(value)) {
    if (same_word(parameter, "UNENCRYPTED_SRTCP"))
      crypto.encrypts_rtcp = false;
    else if (!parameter.starts_with("WSH=") && !parameter.starts_with('-'))  // "-NAME": may be ignored (§6.3.8)
      return CryptoError::kParameter;
  }
  return crypto;
}

CryptoText write(const Crypto& crypto) {
  std::array<char, 128> text;
  TextWriter out(text);
  out.put(crypto.tag).put(" ").put(name(crypto.suite)).put(" inline:");
  const auto sizes = sizes_of(crypto.suite);
  encode(out, ByteView(crypto.material).first(sizes.key + sizes.salt));
  if (!crypto.encrypts_rtcp) out.put(" UNENCRYPTED_SRTCP");
  return CryptoText(out.written());
}

}  // namespace carillon::sdp
