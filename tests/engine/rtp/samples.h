#pragma once
// Files of the shared samples (browsers' captures, other projects' tests), which are not part of the repository: tests
// that read them say so and skip where they are absent. CARILLON_CORPUS names the folder.

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "engine/base/bytes.h"

namespace carillon::rtp {

struct Sample {
  std::string name;
  std::vector<std::byte> bytes;
};

/// All files below `folder` of the samples by name, or none.
inline std::vector<Sample> samples(const std::string& folder) {
  const char* root = std::getenv("CARILLON_CORPUS");
  const auto path = std::filesystem::path(root ? root : CARILLON_SOURCE_DIR "/../shared/corpus") / folder;
  std::vector<Sample> found;
  if (!std::filesystem::is_directory(path)) return found;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(path)) {
    if (!entry.is_regular_file()) continue;
    std::ifstream in(entry.path(), std::ios::binary);
    const std::string text((std::istreambuf_iterator<char>(in)), {});
    const ByteView bytes = bytes_of(text);
    found.push_back({entry.path().lexically_relative(path).string(), {bytes.begin(), bytes.end()}});
  }
  std::ranges::sort(found, {}, &Sample::name);
  return found;
}

}  // namespace carillon::rtp
