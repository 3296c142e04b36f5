#pragma once
// Tokens: made from the system's entropy, kept as SHA-256, compared in constant time.

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "control/model/resources.h"
#include "control/store/store.h"

namespace carillon::control {

/// Lower-case hex.
std::string sha256_hex(std::string_view text);
std::string md5_hex(std::string_view text);
/// From the operating system. throws std::runtime_error where there is none
/// Of a file, read in pieces; of nothing where it cannot be read.
std::string sha256_hex_of_file(const std::string& path);
std::string random_hex(std::size_t bytes);
bool equal_in_constant_time(std::string_view a, std::string_view b);

/// Who asks: a token, and the project that the request is about.
struct Principal {
  std::string token, project;
  std::vector<std::string> projects;
  Scope scope = Scope::kRead;
  bool may(Scope needed) const { return static_cast<int>(scope) >= static_cast<int>(needed); }
};

/// Gives a token its secret: fills `token` (id and secret) and `digest`.
void issue(Token& token);

enum class AuthFault { kMissing, kUnknown, kProject };

/// `authorization` is the header's value, `project` that of Carillon-Project: empty for the token's first.
Result<Principal, AuthFault> authenticate(Store& store, std::string_view authorization, std::string_view project);

}  // namespace carillon::control
