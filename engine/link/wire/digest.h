#pragma once

#include <openssl/types.h>

#include <string>
#include <string_view>

#include "engine/base/bytes.h"

namespace carillon::link {

/// SHA-256 of bytes that come in pieces.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  void add(ByteView bytes);
  /// Lower-case hex of what was added; ends the digest.
  std::string hex();

 private:
  EVP_MD_CTX* context_;
};

std::string sha256_hex(ByteView bytes);
/// 64 digits of lower-case hex: safe as a file name too.
bool is_sha256(std::string_view text);

}  // namespace carillon::link
