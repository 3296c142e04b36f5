#include "control/connector/signature.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <stdexcept>
#include <vector>

namespace carillon::control {
namespace {

constexpr std::string_view kPrefix = "whsec_";
constexpr std::size_t kKeyBytes = 32;
constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

std::string base64(std::span<const unsigned char> bytes) {
  std::string text(4 * ((bytes.size() + 2) / 3) + 1, '\0');
  const int size =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), bytes.data(), static_cast<int>(bytes.size()));
  text.resize(static_cast<std::size_t>(size));
  return text;
}

}  // namespace

std::string make_secret() {
  unsigned char key[kKeyBytes];
  if (RAND_bytes(key, sizeof key) != 1) throw std::runtime_error("no entropy");
  return std::string(kPrefix) + base64(key);
}

std::optional<std::string> secret_key(std::string_view secret) {
  if (!secret.starts_with(kPrefix)) return std::nullopt;
  secret.remove_prefix(kPrefix.size());
  if (secret.empty() || secret.size() % 4 != 0 || secret.size() > 128) return std::nullopt;
  const std::size_t padding = secret.ends_with("==") ? 2 : secret.ends_with('=') ? 1 : 0;
  const auto letters = secret.substr(0, secret.size() - padding);  // the decoder is generous: spaces, "=" anywhere
  if (letters.find_first_not_of(kAlphabet) != std::string_view::npos) return std::nullopt;
  std::string key(secret.size() / 4 * 3, '\0');
  const int size =
      EVP_DecodeBlock(reinterpret_cast<unsigned char*>(key.data()),
                      reinterpret_cast<const unsigned char*>(secret.data()), static_cast<int>(secret.size()));
  if (size < 0) return std::nullopt;
  key.resize(static_cast<std::size_t>(size) - padding);
  return key;
}

std::string sign(std::span<const std::string> secrets, std::string_view id, std::int64_t timestamp,
                 std::string_view body) {
  std::string signed_text(id);
  signed_text.append(".").append(std::to_string(timestamp)).append(".").append(body);
  std::string signatures;
  for (const std::string& secret : secrets) {
    const auto key = secret_key(secret);
    if (!key) continue;
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    HMAC(EVP_sha256(), key->data(), static_cast<int>(key->size()),
         reinterpret_cast<const unsigned char*>(signed_text.data()), signed_text.size(), digest, &size);
    if (!signatures.empty()) signatures += ' ';
    signatures += "v1," + base64({digest, size});
  }
  return signatures;
}

}  // namespace carillon::control
