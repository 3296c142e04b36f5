#include "control/import/zone_names.h"

#include <filesystem>

namespace carillon::control {

namespace fs = std::filesystem;

ZoneNames::ZoneNames(const std::string& folder) {
  std::error_code error;
  for (fs::recursive_directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    const std::string name = at->path().lexically_relative(folder).string();
    if (name == "posix" || name == "right") at.disable_recursion_pending();  // the same zones once more
    const bool is_zone = name[0] >= 'A' && name[0] <= 'Z' && name.find('.') == std::string::npos;
    if (is_zone && at->is_regular_file(error)) names_.insert(name);
  }
}

bool ZoneNames::has(const std::string& name) const {
  if (!names_.empty()) return names_.contains(name);
  constexpr const char* kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+-/";
  return !name.empty() && name.size() <= 64 && name.find_first_not_of(kLetters) == std::string::npos;
}

}  // namespace carillon::control
