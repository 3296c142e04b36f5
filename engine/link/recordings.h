#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "engine/base/result.h"

namespace carillon::link {

/// What control may read and remove of the recordings folder. A path from the link is relative, has no "..", and is
/// walked folder by folder without following a symbolic link, so it cannot leave the folder.
class Recordings {
 public:
  static constexpr std::uint32_t kChunkMax = 1u << 20;

  explicit Recordings(std::string folder) : folder_(std::move(folder)) {}

  struct Chunk {
    std::string data;
    bool is_last = false;
  };
  /// At most `size` bytes (0 or more than kChunkMax: kChunkMax) from `offset`. Beyond the end: no data, last.
  Result<Chunk, std::string> read(std::string_view path, std::uint64_t offset, std::uint32_t size) const;
  /// Empty when it is gone (or never was), else why not.
  std::string remove(std::string_view path) const;

 private:
  std::string folder_;
};

}  // namespace carillon::link
