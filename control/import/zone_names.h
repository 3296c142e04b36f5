#pragma once

#include <set>
#include <string>

namespace carillon::control {

/// The time zones that this system knows, by IANA name.
class ZoneNames {
 public:
  /// Reads the names of the compiled zones. Where there are none, every well-formed name counts as known.
  explicit ZoneNames(const std::string& folder = "/usr/share/zoneinfo");
  bool has(const std::string& name) const;

 private:
  std::set<std::string> names_;
};

}  // namespace carillon::control
