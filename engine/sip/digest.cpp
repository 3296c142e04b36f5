#include "engine/sip/digest.h"

// EVP, which OpenSSL 3 would rather see used, takes memory from the heap for every digest: a challenge must not.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/crypto.h>
#include <openssl/md5.h>
#include <openssl/sha.h>

#include "engine/base/check.h"
#include "engine/sip/text.h"

namespace carillon::sip {
namespace {

constexpr std::string_view kHex = "0123456789abcdef";

template <std::size_t kMax>
FixedText<kMax> to_hex(const unsigned char* bytes, std::size_t count) {
  char text[2 * SHA256_DIGEST_LENGTH];
  for (std::size_t i = 0; i < count; ++i) {
    text[2 * i] = kHex[bytes[i] >> 4];
    text[2 * i + 1] = kHex[bytes[i] & 15];
  }
  return FixedText<kMax>(std::string_view(text, 2 * count));
}

// Calls visit(name, value) for each parameter of "Digest a=1, b="x"".
template <class Visit>
bool each_parameter(std::string_view value, Visit&& visit) {
  value = trim(value);
  if (value.size() < 7 || !equals_ignoring_case(value.substr(0, 6), "Digest") || !is_space(value[6])) return false;
  value.remove_prefix(7);
  for (auto element = next_element(value); !element.empty(); element = next_element(value)) {
    const auto equals = element.find('=');
    if (equals == element.npos) return false;
    visit(trim(element.substr(0, equals)), unquoted(trim(element.substr(equals + 1))));
  }
  return true;
}

std::optional<Algorithm> algorithm_of(std::string_view text) {
  if (text.empty() || equals_ignoring_case(text, "MD5")) return Algorithm::kMd5;
  if (equals_ignoring_case(text, "SHA-256")) return Algorithm::kSha256;
  return std::nullopt;
}

std::optional<std::uint32_t> from_hex(std::string_view text) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (text.size() != 8 || error != std::errc{} || end != text.data() + 8) return std::nullopt;
  return value;
}

}  // namespace

std::size_t Hasher::raw(Algorithm algorithm, std::initializer_list<std::string_view> parts, char separator,
                        unsigned char* out) {
  const auto run = [&]<class Context>(Context context, auto init, auto update, auto final) {
    CHECK(init(&context) == 1);
    bool first = true;
    for (const auto part : parts) {
      if (!first && separator != '\0') update(&context, &separator, 1);
      first = false;
      update(&context, part.data(), part.size());
    }
    CHECK(final(out, &context) == 1);
  };
  if (algorithm == Algorithm::kMd5) {
    run(MD5_CTX{}, MD5_Init, MD5_Update, MD5_Final);
    return MD5_DIGEST_LENGTH;
  }
  run(SHA256_CTX{}, SHA256_Init, SHA256_Update, SHA256_Final);
  return SHA256_DIGEST_LENGTH;
}

HexDigest Hasher::hex(Algorithm algorithm, std::initializer_list<std::string_view> parts) {
  unsigned char bytes[SHA256_DIGEST_LENGTH];
  const auto size = raw(algorithm, parts, ':', bytes);
  return to_hex<64>(bytes, size);
}

FixedText<32> Hasher::hmac(const std::array<std::uint8_t, 32>& key, std::string_view text) {
  std::array<char, 64> inner, outer;
  for (std::size_t i = 0; i < 64; ++i) {
    const std::uint8_t byte = i < key.size() ? key[i] : 0;
    inner[i] = static_cast<char>(byte ^ 0x36);
    outer[i] = static_cast<char>(byte ^ 0x5C);
  }
  unsigned char bytes[SHA256_DIGEST_LENGTH];
  auto size = raw(Algorithm::kSha256, {{inner.data(), 64}, text}, '\0', bytes);
  size = raw(Algorithm::kSha256, {{outer.data(), 64}, {reinterpret_cast<char*>(bytes), size}}, '\0', bytes);
  return to_hex<32>(bytes, 16);
}

std::optional<Challenge> Challenge::parse(std::string_view value) {
  Challenge challenge;
  bool has_auth = false;
  std::optional<Algorithm> algorithm = Algorithm::kMd5;
  const bool is_digest = each_parameter(value, [&](std::string_view name, std::string_view text) {
    if (equals_ignoring_case(name, "realm")) challenge.realm = text;
    if (equals_ignoring_case(name, "nonce")) challenge.nonce = text;
    if (equals_ignoring_case(name, "opaque")) challenge.opaque = text;
    if (equals_ignoring_case(name, "stale")) challenge.is_stale = equals_ignoring_case(text, "true");
    if (equals_ignoring_case(name, "algorithm")) algorithm = algorithm_of(text);
    if (equals_ignoring_case(name, "qop")) {
      challenge.has_qop = true;
      for (auto option = next_element(text); !option.empty(); option = next_element(text))
        has_auth |= equals_ignoring_case(option, "auth");
    }
  });
  if (!is_digest || !algorithm || challenge.nonce.empty() || (challenge.has_qop && !has_auth)) return std::nullopt;
  challenge.algorithm = *algorithm;
  return challenge;
}

std::optional<DigestAnswer> DigestAnswer::parse(std::string_view value) {
  DigestAnswer answer;
  std::optional<Algorithm> algorithm = Algorithm::kMd5;
  const bool is_digest = each_parameter(value, [&](std::string_view name, std::string_view text) {
    if (equals_ignoring_case(name, "username")) answer.username = text;
    if (equals_ignoring_case(name, "realm")) answer.realm = text;
    if (equals_ignoring_case(name, "nonce")) answer.nonce = text;
    if (equals_ignoring_case(name, "uri")) answer.uri = text;
    if (equals_ignoring_case(name, "response")) answer.response = text;
    if (equals_ignoring_case(name, "cnonce")) answer.cnonce = text;
    if (equals_ignoring_case(name, "qop")) answer.qop = text;
    if (equals_ignoring_case(name, "nc")) answer.count = text;
    if (equals_ignoring_case(name, "algorithm")) algorithm = algorithm_of(text);
  });
  if (!is_digest || !algorithm || answer.nonce.empty() || answer.response.empty()) return std::nullopt;
  answer.algorithm = *algorithm;
  if (!answer.qop.empty()) {
    const auto nc = from_hex(answer.count);
    if (!nc || !equals_ignoring_case(answer.qop, "auth")) return std::nullopt;
    answer.nc = *nc;
  }
  return answer;
}

HexDigest ha1(Hasher& hasher, Algorithm algorithm, std::string_view username, std::string_view realm,
              std::string_view password) {
  return hasher.hex(algorithm, {username, realm, password});
}

HexDigest digest_response(Hasher& hasher, Algorithm algorithm, std::string_view ha1, std::string_view nonce,
                          std::string_view nc, std::string_view cnonce, std::string_view qop, std::string_view method,
                          std::string_view uri) {
  const auto ha2 = hasher.hex(algorithm, {method, uri});
  if (qop.empty()) return hasher.hex(algorithm, {ha1, nonce, ha2});
  return hasher.hex(algorithm, {ha1, nonce, nc, cnonce, qop, ha2});
}

FixedText<56> Nonces::make(Hasher& hasher, std::uint32_t salt, TimePoint now) const {
  const auto ms = static_cast<std::uint64_t>(now.time_since_epoch() / 1ms);
  char text[56];
  for (int i = 0; i < 16; ++i) text[i] = kHex[ms >> (60 - 4 * i) & 15];
  for (int i = 0; i < 8; ++i) text[16 + i] = kHex[salt >> (28 - 4 * i) & 15];
  const auto seal = hasher.hmac(key_, std::string_view(text, 24));
  std::memcpy(text + 24, seal.view().data(), 32);
  return FixedText<56>(std::string_view(text, 56));
}

Nonces::Verdict Nonces::check(Hasher& hasher, std::string_view nonce, Duration lifetime, TimePoint now) const {
  if (nonce.size() != 56) return Verdict::kForged;
  std::uint64_t ms = 0;
  const auto [end, error] = std::from_chars(nonce.data(), nonce.data() + 16, ms, 16);
  if (error != std::errc{} || end != nonce.data() + 16) return Verdict::kForged;
  if (!equals_in_constant_time(hasher.hmac(key_, nonce.substr(0, 24)), nonce.substr(24))) return Verdict::kForged;
  const TimePoint made{std::chrono::milliseconds(ms)};
  return made > now + 1s || now - made > lifetime ? Verdict::kExpired : Verdict::kGood;
}

bool equals_in_constant_time(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace carillon::sip
