#include "control/auth/token.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <algorithm>
#include <fstream>
#include <memory>
#include <stdexcept>

#include "control/api/json/walker.h"

namespace carillon::control {
namespace {

std::string hex(const unsigned char* bytes, std::size_t size) {
  constexpr char kHex[] = "0123456789abcdef";
  std::string text;
  for (std::size_t i = 0; i < size; ++i) {
    text += kHex[bytes[i] >> 4];
    text += kHex[bytes[i] & 15];
  }
  return text;
}

std::string digest_hex(const EVP_MD* kind, std::string_view text) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  EVP_Digest(text.data(), text.size(), digest, &size, kind, nullptr);
  return hex(digest, size);
}

}  // namespace

std::string sha256_hex(std::string_view text) { return digest_hex(EVP_sha256(), text); }
std::string md5_hex(std::string_view text) { return digest_hex(EVP_md5(), text); }

std::string sha256_hex_of_file(const std::string& path) {
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> digest(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  EVP_DigestInit_ex(digest.get(), EVP_sha256(), nullptr);
  std::ifstream file(path, std::ios::binary);
  std::vector<char> piece(64 * 1024);
  while (file.read(piece.data(), static_cast<std::streamsize>(piece.size())), file.gcount() > 0)
    EVP_DigestUpdate(digest.get(), piece.data(), static_cast<std::size_t>(file.gcount()));
  unsigned char out[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  EVP_DigestFinal_ex(digest.get(), out, &size);
  return hex(out, size);
}

std::string random_hex(std::size_t bytes) {
  std::vector<unsigned char> drawn(bytes);
  if (RAND_bytes(drawn.data(), static_cast<int>(bytes)) != 1) throw std::runtime_error("no entropy");
  return hex(drawn.data(), drawn.size());
}

bool equal_in_constant_time(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

void issue(Token& token) {
  const std::string secret = random_hex(24);
  token.token = token.id + "." + secret;
  token.digest = sha256_hex(secret);
}

Result<Principal, AuthFault> authenticate(Store& store, std::string_view authorization, std::string_view project) {
  constexpr std::string_view kBearer = "Bearer ";
  if (!authorization.starts_with(kBearer)) return AuthFault::kMissing;
  const auto text = authorization.substr(kBearer.size());
  const auto dot = text.find('.');
  if (dot == std::string_view::npos) return AuthFault::kUnknown;
  const auto row = store.find_any(Kind::kTokens, std::string(text.substr(0, dot)));
  const std::string offered = sha256_hex(text.substr(dot + 1));
  Token token;
  json::Faults faults;
  if (const auto body = row ? json::parse(row->body, faults) : std::nullopt)
    json::read(*body, token, json::Mode::kStore);
  if (!equal_in_constant_time(offered, token.digest)) return AuthFault::kUnknown;

  Principal principal{
      .token = token.id, .project = std::string(project), .projects = token.projects, .scope = token.scope};
  if (principal.project.empty()) principal.project = token.projects.empty() ? row->project : token.projects.front();
  const bool listed =
      std::find(token.projects.begin(), token.projects.end(), principal.project) != token.projects.end();
  if (listed) return principal;
  if (token.scope == Scope::kAdmin && store.find_any(Kind::kProjects, principal.project)) return principal;
  return AuthFault::kProject;
}

}  // namespace carillon::control
