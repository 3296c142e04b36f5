#include "tests/carrier/digest.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <array>

#include "tests/carrier/sip_text.h"

namespace carillon::carrier {
namespace {

std::string hash(std::string_view algorithm, std::string_view text) {
  const EVP_MD* kind = same_text(algorithm, "SHA-256") ? EVP_sha256() : EVP_md5();
  std::array<unsigned char, EVP_MAX_MD_SIZE> bytes;
  unsigned size = 0;
  EVP_Digest(text.data(), text.size(), bytes.data(), &size, kind, nullptr);
  std::string out;
  for (unsigned i = 0; i < size; ++i) out += fmt::format("{:02x}", bytes[i]);
  return out;
}

struct Terms {
  std::string algorithm, realm, nonce, uri, qop, nc, cnonce;
};

std::string response(const Terms& terms, const Login& login, std::string_view method) {
  const auto a1 = hash(terms.algorithm, fmt::format("{}:{}:{}", login.user, terms.realm, login.password));
  const auto a2 = hash(terms.algorithm, fmt::format("{}:{}", method, terms.uri));
  if (terms.qop.empty()) return hash(terms.algorithm, fmt::format("{}:{}:{}", a1, terms.nonce, a2));
  return hash(terms.algorithm,
              fmt::format("{}:{}:{}:{}:{}:{}", a1, terms.nonce, terms.nc, terms.cnonce, terms.qop, a2));
}

bool is_known(std::string_view algorithm) { return same_text(algorithm, "MD5") || same_text(algorithm, "SHA-256"); }

}  // namespace

std::optional<std::string> digest_field(std::string_view header, std::string_view name) {
  header = trimmed(header);
  if (header.size() < 7 || !same_text(header.substr(0, 7), "Digest ")) return std::nullopt;
  header.remove_prefix(7);
  std::size_t at = 0;
  while (at < header.size()) {
    const auto equals = header.find('=', at);
    if (equals == std::string_view::npos) return std::nullopt;
    const auto key = trimmed(header.substr(at, equals - at));
    std::string value;
    std::size_t end = equals + 1;
    if (end < header.size() && header[end] == '"') {
      for (++end; end < header.size() && header[end] != '"'; ++end) {
        if (header[end] == '\\' && end + 1 < header.size()) ++end;
        value += header[end];
      }
      end = header.find(',', end);
    } else {
      end = header.find(',', end);
      value = trimmed(header.substr(equals + 1, end == std::string_view::npos ? end : end - equals - 1));
    }
    if (same_text(key, name)) return value;
    at = end == std::string_view::npos ? header.size() : end + 1;
  }
  return std::nullopt;
}

std::string challenge(std::string_view realm, std::string_view nonce, std::string_view algorithm) {
  return fmt::format("Digest realm=\"{}\", nonce=\"{}\", algorithm={}, qop=\"auth\"", realm, nonce, algorithm);
}

bool proves(std::string_view credentials, const Login& login, std::string_view method, std::string_view nonce) {
  const auto field = [&](std::string_view name) { return digest_field(credentials, name).value_or(""); };
  Terms terms{.algorithm = digest_field(credentials, "algorithm").value_or("MD5"),
              .realm = field("realm"),
              .nonce = field("nonce"),
              .uri = field("uri"),
              .qop = field("qop"),
              .nc = field("nc"),
              .cnonce = field("cnonce")};
  if (!is_known(terms.algorithm) || field("username") != login.user || terms.nonce != nonce) return false;
  return field("response") == response(terms, login, method);
}

std::string answer(std::string_view asked, const Login& login, std::string_view method, std::string_view uri,
                   std::string_view cnonce) {
  const auto field = [&](std::string_view name) { return digest_field(asked, name).value_or(""); };
  Terms terms{.algorithm = digest_field(asked, "algorithm").value_or("MD5"),
              .realm = field("realm"),
              .nonce = field("nonce"),
              .uri = std::string(uri),
              .qop = field("qop").empty() ? "" : "auth",
              .nc = "00000001",
              .cnonce = std::string(cnonce)};
  if (!is_known(terms.algorithm)) return {};
  auto out =
      fmt::format("Digest username=\"{}\", realm=\"{}\", nonce=\"{}\", uri=\"{}\", response=\"{}\", algorithm={}",
                  login.user, terms.realm, terms.nonce, uri, response(terms, login, method), terms.algorithm);
  if (!terms.qop.empty()) out += fmt::format(", qop=auth, nc={}, cnonce=\"{}\"", terms.nc, cnonce);
  if (const auto opaque = digest_field(asked, "opaque")) out += fmt::format(", opaque=\"{}\"", *opaque);
  return out;
}

}  // namespace carillon::carrier
