#pragma once
// What a described struct says about its own members: bounds, secrecy, words for the reader. It stands beside the
// struct and is the one source of checks, JSON schema and documentation.

#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace carillon::control::json {

/// One member. `min` and `max` bound the value of a number, the length of a text, the size of a list.
struct Rule {
  std::string_view field;
  std::string_view about;
  bool required = false;
  bool read_only = false;   ///< the API refuses it, answers show it
  bool write_only = false;  ///< the API takes it, no answer shows it
  double min = -std::numeric_limits<double>::infinity();
  double max = std::numeric_limits<double>::infinity();
  std::string_view format = {};                      ///< schema's `format`: "date-time", "e164"
  std::string_view example = {};                     ///< a JSON text
  std::string (*check)(std::string_view) = nullptr;  ///< of a text: what is wrong with it, or empty
};
using Rules = std::span<const Rule>;

/// What is wrong with an input, and where (RFC 6901 pointer). Codes: required, type, unknown_field, read_only, range,
/// length, choice, format, syntax, depth.
struct Fault {
  std::string pointer, code, detail;
  friend bool operator==(const Fault&, const Fault&) = default;
};
using Faults = std::vector<Fault>;

/// kApi: read_only members are refused, write_only members are left out of what is written.
/// kStore: our own rows, everything goes both ways.
enum class Mode { kApi, kStore };

}  // namespace carillon::control::json
