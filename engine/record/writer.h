#pragma once

#include <liburing.h>

#include <cstdint>
#include <vector>

#include "engine/base/bytes.h"

namespace carillon::record {

struct Write {
  int descriptor = -1;
  ByteView bytes;
  std::uint64_t offset = 0;
  std::uint32_t tag = 0;  ///< below Writer's `tags`; one write per tag at a time
};
struct Written {
  std::uint32_t tag = 0;
  int error = 0;  ///< errno, 0: every byte is written
};

/// Writes blocks: many at once by io_uring (meant for O_DIRECT files, where nothing is punted to kernel workers), or
/// one after the other by pwrite. Used by the disk thread only.
class Writer {
 public:
  /// `uring` false, or io_uring refused: pwrite.
  Writer(bool uring, std::uint32_t tags);
  ~Writer();
  Writer(const Writer&) = delete;

  bool uses_uring() const { return ready_; }
  /// Takes a write. The bytes must stay until it is reported. Waits only when as many are under way as the ring holds.
  void add(const Write& write);
  /// Starts what was added and appends what has ended; `wait`: until at least one has, if any is under way.
  void reap(std::vector<Written>& ended, bool wait);
  std::size_t under_way() const { return under_way_; }

 private:
  void collect(std::vector<Written>& ended);

  bool ready_ = false;
  io_uring ring_{};
  std::vector<Write> writes_;  // by tag
  std::vector<Written> ended_;
  std::size_t under_way_ = 0;
};

/// All of it by pwrite. errno, 0: done.
int write_whole(const Write& write);

}  // namespace carillon::record
