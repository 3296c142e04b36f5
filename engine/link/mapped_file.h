#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "engine/base/bytes.h"
#include "engine/base/result.h"

namespace carillon::link {

/// A file that is written by memory: what was stored before the process is killed is in the file. Room on the disk is
/// reserved when it is made or grown, so that a full disk is an error here and never a SIGBUS later.
class MappedFile {
 public:
  /// A new file of `size` zero bytes; one that is there is replaced.
  static Result<std::unique_ptr<MappedFile>, std::string> create(const std::string& path, std::size_t size);
  /// The whole of a file that is there.
  static Result<std::unique_ptr<MappedFile>, std::string> open(const std::string& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::byte* data() { return data_; }
  const std::byte* data() const { return data_; }
  std::size_t size() const { return size_; }
  /// The new bytes are zero; data() may move. False when the disk has no room: nothing has changed.
  bool grow(std::size_t size);
  /// Gives the file another name, replacing what has it.
  bool rename_to(const std::string& path);
  /// Asks the kernel to begin writing dirty pages to the disk; does not wait.
  void start_write_back();

 private:
  MappedFile(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}
  bool map(std::size_t size);

  int fd_;
  std::string path_;
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace carillon::link
