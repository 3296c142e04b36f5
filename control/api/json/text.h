#pragma once
// JSON text in and out, and the parts of the walker that need no template.

#include <boost/json/value.hpp>
#include <optional>
#include <string>

#include "control/api/json/rules.h"
#include "engine/base/time.h"

namespace carillon::control::json {

/// Parses one JSON document, untrusted; at most 32 deep. errors: one Fault "syntax" with the offset
std::optional<boost::json::value> parse(std::string_view text, Faults& faults);
std::string text(const boost::json::value& value);

/// "kHangUp" → "hang_up": how the names of enumerators read on the wire.
std::string snake_of(std::string_view enumerator);
/// A member's JSON name: C++ keywords carry a trailing underscore that the wire does not.
std::string_view field_name(std::string_view member);

/// "2026-01-02T03:04:05.678Z" and the forms with fewer or no decimals; only UTC.
std::optional<WallTime> parse_time(std::string_view text);

/// The first rule of that name, or nothing.
const Rule* find_rule(Rules rules, std::string_view field);

/// Where the walker stands and what it has found; at most 50 faults are kept.
class Walk {
 public:
  explicit Walk(Mode mode) : mode_(mode) {}
  Mode mode() const { return mode_; }
  void fault(std::string_view code, std::string detail);
  void push(std::string_view key);
  void push(std::size_t index);
  void pop();
  Faults take() { return std::move(faults_); }
  bool clean() const { return faults_.empty(); }

  void check_range(double value, const Rule* rule);
  void check_length(std::size_t length, const Rule* rule);
  void check_text(std::string_view value, const Rule* rule);

 private:
  Mode mode_;
  std::string pointer_;
  std::vector<std::size_t> marks_;
  Faults faults_;
};

/// Adds bounds, words and flags of a rule to a schema object.
void describe(boost::json::object& schema, const Rule* rule);

/// "#/components/schemas/NAME".
boost::json::string reference(std::string_view name);

/// RFC 7396: members of `patch` replace those of `target`, null removes.
void merge_patch(boost::json::value& target, const boost::json::value& patch);

}  // namespace carillon::control::json
