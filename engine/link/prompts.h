#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "engine/base/bytes.h"
#include "engine/base/result.h"
#include "media/prompt/prompt.h"

namespace carillon::link {

struct PromptStoreConfig {
  std::string folder;
  std::size_t bytes_max = 1u << 30;  ///< of WAV files kept on disk
  std::size_t file_max = 64u << 20;  ///< bytes of one WAV
  std::size_t assembling_max = 4;    ///< uploads at once; the one that has waited longest gives way
};

/// Prompts named by the SHA-256 of their WAV file. They come in pieces over the link, are kept as files (so a restarted
/// engine has them) and are read and encoded at their first use.
///
/// full   the prompts used longest ago, and not held by a call now, give way; when all are held an upload is refused
/// memory only prompts that were uploaded or used since start are in memory
/// One thread; the Prompts themselves are immutable and shared with shards through Command::keeps.
class PromptStore {
 public:
  /// Makes the folder if need be and reads which files it has. The error is for the operator.
  static Result<std::unique_ptr<PromptStore>, std::string> open(PromptStoreConfig config);

  enum class Put : std::uint8_t { kMore, kComplete };
  /// Takes one piece: kComplete once all `size` bytes are there, hash to `sha256` and can be read as a prompt. Pieces
  /// come in order; a repeated one does no harm, offset 0 begins anew, one beyond what is there is an error.
  Result<Put, std::string> put(std::string_view sha256, std::uint64_t offset, std::uint64_t size, ByteView data);
  bool has(std::string_view sha256) const { return known_.contains(std::string(sha256)); }
  /// The prompt, or null when it is unknown. Reads its file at first use; one that has gone bad is removed.
  std::shared_ptr<const media::Prompt> find(std::string_view sha256);
  std::size_t bytes() const { return bytes_; }

 private:
  struct Known {
    std::size_t size = 0;
    std::shared_ptr<const media::Prompt> prompt;  // null until used
    std::list<std::string>::iterator age;
  };
  struct Assembling {
    std::string sha256;
    std::uint64_t size = 0;
    std::string bytes;
  };

  explicit PromptStore(PromptStoreConfig config) : config_(std::move(config)) {}
  std::string path_of(std::string_view sha256) const;
  Result<Put, std::string> complete(Assembling done);
  bool make_room(std::size_t size);
  bool write(const std::string& sha256, std::string_view bytes);
  void add(const std::string& sha256, std::size_t size, std::shared_ptr<const media::Prompt> prompt);
  void remove(const std::string& sha256);

  PromptStoreConfig config_;
  std::unordered_map<std::string, Known> known_;
  std::list<std::string> ages_;  // front: used longest ago
  std::list<Assembling> assembling_;
  std::size_t bytes_ = 0;
};

}  // namespace carillon::link
