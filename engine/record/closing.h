#pragma once

#include <openssl/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/record/disk.h"

namespace carillon::record {

/// Where a recording lies: "<leg>-<start ms>" in the folder of open ones, then under its day (UTC).
struct Names {
  std::string part, done, day, path;  ///< absolute, but `path`: relative to the folder
};
Names names_of(const std::string& folder, LegId leg, WallTime started);
struct Name {
  LegId leg;
  WallTime started{};
};
/// Back from the name of a `.part` or `.done`; nothing when it is none of ours.
std::optional<Name> name_of(const std::string& path);
/// The folder that holds open recordings.
std::string open_folder(const std::string& folder);
/// The `.done` marker of a finished recording, from its relative path.
std::string marker_of(const std::string& folder, std::string_view path);

/// Turns a written file into a finished recording: right header, true length, digest; flush; `.done` marker, final
/// name. In steps, so that the disk thread goes on writing in between.
class Closing {
 public:
  struct What {
    int descriptor = -1;  ///< open for reading and writing; closed here; -1: there is no file
    LegId leg;
    WallTime started{};
    std::uint64_t length = 0;  ///< bytes of the file that are good, header included
    bool repaired = false;
    std::string error;
  };
  Closing(const std::string& folder, What what);
  ~Closing();
  Closing(const Closing&) = delete;

  /// Works through about `bytes` of the file. True: done, finish() is next.
  bool step(std::size_t bytes);
  /// Waits until the file's bytes are on the disk.
  void flush();
  /// Gives it its name; then recorded() tells how it ended.
  void finish();
  const std::string& day() const { return names_.day; }
  const Recorded& recorded() const { return recorded_; }

 private:
  struct FreeDigest {
    void operator()(EVP_MD_CTX* digest) const;
  };
  void begin();
  void fail(const std::string& what);

  std::string folder_;
  What what_;
  Names names_;
  Recorded recorded_;
  std::uint64_t hashed_ = 0;
  bool begun_ = false;
  std::vector<std::byte> buffer_;
  std::unique_ptr<EVP_MD_CTX, FreeDigest> digest_;
};

/// A finished file that nobody had taken note of, read from its marker and its bytes; nothing when it is gone.
std::optional<Recorded> read_back(const std::string& folder, const std::string& marker);

}  // namespace carillon::record
